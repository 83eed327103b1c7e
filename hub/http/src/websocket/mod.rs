//! The WebSocket API: `/api/websocket`, text messages of JSON in both directions.
//!
//! One [`session`] a socket reads: it signs the client in ([`sign_in`]), takes messages apart
//! ([`message`]) and runs [`commands`], whose table lists every one that is not an integration's.
//! What goes out waits in the socket's [`outbox`], answers and events in one order. Events come
//! from the worker's [`fan_out`], which hears the bus once for all of its sockets. [`sockets`]
//! holds a worker's sockets and their deadlines: a session whose client does not read is not
//! polled, so somebody else must watch its clock.
//!
//! Spec: websocket-api.

mod commands;
mod compressed;
mod entity_feed;
mod entity_filter;
mod entity_stream;
mod fan_out;
mod fields;
mod message;
mod outbox;
mod outgoing;
mod reply;
mod session;
mod sign_in;
mod signed_in;
mod sockets;
mod stream;
mod subscriptions;

use std::rc::Rc;

use actix_http::ws::Codec;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use actix_web_actors::ws::{self, WebsocketContext};
use hearth_websocket::{Guarded, MessageLimit};

use crate::client_address::client_address;
use crate::connection::ConnectionSocket;
use crate::door::Door;
use crate::reply::{busy, text};

use outgoing::Outgoing;
use session::WsSession;
use sockets::Sockets;

/// Answers `GET /api/websocket`: 101 and a session, 400 for what is no upgrade, 503 when
/// `websocket.sockets` are open.
pub(crate) async fn upgrade(
    request: HttpRequest,
    stream: web::Payload,
    door: web::Data<Door>,
) -> actix_web::Result<HttpResponse> {
    let mut switch = match ws::handshake(&request) {
        Ok(switch) => switch,
        Err(error) => return Ok(text(StatusCode::BAD_REQUEST, error.to_string())),
    };
    let Some(counted) = door.metrics.open_socket(door.websocket().sockets) else {
        tracing::warn!(
            limit = door.websocket().sockets,
            "a socket was refused: too many are open"
        );
        return Ok(busy());
    };
    let place = Sockets::of_this_worker(&door).open(ConnectionSocket::of(&request), counted);
    let limit = MessageLimit::before_sign_in(door.websocket().message_limit);
    let longest = door.websocket().message_limit;
    let socket = Rc::clone(&place.socket);
    let session = WsSession::new(door, place, limit.clone(), client_address(&request));
    let codec = Codec::new().max_size(longest);
    let frames = WebsocketContext::with_codec(session, Guarded::new(stream, limit), codec);
    Ok(switch.streaming(Outgoing::new(frames, socket)))
}
