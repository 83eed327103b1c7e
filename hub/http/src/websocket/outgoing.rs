//! What a socket's connection sends: the frames that its session has written, and large messages
//! in portions, straight from where their text lies.
//!
//! A message of half a megabyte that is written the usual way is copied twice for each socket, and
//! waits there for as long as the client takes to read. Here its parts are handed on as the
//! connection takes them, still as one frame, and all sockets share the text.

use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use bytestring::ByteString;
use futures_util::Stream;

use super::outbox::SHARE;
use super::sockets::Socket;

/// The first byte of a text frame that is a whole message (RFC 6455 §5.2).
const WHOLE_TEXT: u8 = 0x81;
/// Stands for a length in the next eight bytes.
const LONG: u8 = 127;

/// One text message as a frame, in parts.
pub(super) struct Large(VecDeque<Bytes>);

impl Large {
    /// A message that is this text.
    pub(super) fn text(text: ByteString) -> Self {
        Self::of([text.into_bytes()])
    }

    /// `{"id":…,"type":"result","success":true,"result":…}`
    pub(super) fn result(id: u64, json: Bytes) -> Self {
        let head = format!("{{\"id\":{id},\"type\":\"result\",\"success\":true,\"result\":");
        Self::of([head.into(), json, Bytes::from_static(b"}")])
    }

    /// `{"id":…,"type":"event","event":…}`
    pub(super) fn event(subscription: u64, json: Bytes) -> Self {
        let head = format!("{{\"id\":{subscription},\"type\":\"event\",\"event\":");
        Self::of([head.into(), json, Bytes::from_static(b"}")])
    }

    fn of<const N: usize>(parts: [Bytes; N]) -> Self {
        let length: usize = parts.iter().map(Bytes::len).sum();
        let mut header = vec![WHOLE_TEXT, LONG];
        header.extend((length as u64).to_be_bytes());
        Self([header.into()].into_iter().chain(parts).collect())
    }

    /// The next bytes to send, at most a share.
    fn portion(&mut self) -> Option<Bytes> {
        let part = self.0.front_mut()?;
        if part.len() > SHARE {
            return Some(part.split_to(SHARE));
        }
        self.0.pop_front()
    }
}

/// See the module's guide.
pub(super) struct Outgoing<S> {
    frames: Pin<Box<S>>,
    socket: Rc<Socket>,
    /// Being sent; the session writes nothing meanwhile.
    large: Option<Large>,
}

impl<S> Outgoing<S> {
    pub(super) fn new(frames: S, socket: Rc<Socket>) -> Self {
        Self {
            frames: Box::pin(frames),
            socket,
            large: None,
        }
    }

    fn portion(&mut self) -> Option<Bytes> {
        let portion = self.large.as_mut()?.portion();
        if portion.is_none() {
            self.large = None;
        }
        portion
    }
}

impl<S: Stream<Item = Result<Bytes, actix_web::Error>>> Stream for Outgoing<S> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if let Some(portion) = this.portion() {
            return Poll::Ready(Some(Ok(portion)));
        }
        let polled = this.frames.as_mut().poll_next(cx);
        // What the session has written before goes before it.
        this.large = this.socket.outbox.take_large();
        match polled {
            Poll::Pending => match this.portion() {
                Some(portion) => Poll::Ready(Some(Ok(portion))),
                None => Poll::Pending,
            },
            written => written,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_message_is_one_frame_in_portions() {
        let mut large = Large::event(7, Bytes::from(vec![b'1'; 3 * SHARE]));
        let mut sent = Vec::new();
        while let Some(portion) = large.portion() {
            assert!(portion.len() <= SHARE);
            sent.extend(portion);
        }
        let body = format!(
            "{{\"id\":7,\"type\":\"event\",\"event\":{}}}",
            "1".repeat(3 * SHARE)
        );
        assert_eq!(sent[..2], [0x81, 127]);
        assert_eq!(sent[2..10], (body.len() as u64).to_be_bytes());
        assert_eq!(&sent[10..], body.as_bytes());
    }
}
