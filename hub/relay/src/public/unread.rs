//! Bodies that are not read to their end.
//!
//! The server closes a connection whose body was not read, but one whose body comes in chunks it
//! goes on reading, to the end that the sender may never send. While something still holds the
//! body, it closes that connection too: so the reply holds it.

use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::{HttpResponse, web};
use bytes::Bytes;

/// Lets a reply hold the body of its request until it is sent.
pub(crate) fn hold(payload: web::Payload, reply: HttpResponse) -> HttpResponse {
    reply.map_body(|_, body| {
        BoxBody::new(Holding {
            body,
            _payload: payload,
        })
    })
}

struct Holding {
    body: BoxBody,
    _payload: web::Payload,
}

impl MessageBody for Holding {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(cx)
    }
}
