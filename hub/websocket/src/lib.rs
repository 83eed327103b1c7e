//! What comes in over a WebSocket, bounded: a guard that reads frame headers before the frames are
//! there, and the joining of fragments. The hub's door and the relay's share it.
//!
//! This crate knows actix's WebSocket codec; it must never know what a message means. Start reading
//! at [`Guarded`].
//!
//! The codec of actix finds a frame too large only when it has all of it, so a client could make
//! it hold any amount. The guard stops such a frame at its header and throws the rest away.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_http::ws::Item;
use actix_web::error::PayloadError;
use bytes::{Buf, Bytes, BytesMut};
use bytestring::ByteString;
use futures_util::Stream;

/// What a client that has not signed in may send in one message: a token and some air.
const BEFORE_SIGN_IN: usize = 64 * 1024;
const LONGEST_HEADER: usize = 14;

/// How large a message may be now; shared by the guard and the session.
#[derive(Clone, Debug)]
pub struct MessageLimit(Rc<Limit>);

#[derive(Debug)]
struct Limit {
    bytes: Cell<usize>,
    exceeded: Cell<bool>,
}

impl MessageLimit {
    /// For a client of which nothing is known yet: a token and some air, and at most `limit` bytes.
    pub fn before_sign_in(limit: usize) -> Self {
        Self(Rc::new(Limit {
            bytes: Cell::new(limit.min(BEFORE_SIGN_IN)),
            exceeded: Cell::new(false),
        }))
    }

    /// From now on so many bytes.
    pub fn raise(&self, bytes: usize) {
        self.0.bytes.set(bytes);
    }

    /// Whether a message was larger: the reason behind the error that the guard gave.
    pub fn is_exceeded(&self) -> bool {
        self.0.exceeded.get()
    }
}

/// A connection's bytes, stopped at the header of a message that is too large.
#[derive(Debug)]
pub struct Guarded<S> {
    stream: S,
    limit: MessageLimit,
    frames: Frames,
    /// What is found wrong and not told yet.
    refusal: Option<PayloadError>,
    /// Nothing more is passed on; the rest is read and thrown away, so that the client gets to
    /// read why.
    refused: bool,
}

impl<S> Guarded<S> {
    /// Follows a connection's bytes.
    pub fn new(stream: S, limit: MessageLimit) -> Self {
        Self {
            stream,
            limit,
            frames: Frames::default(),
            refusal: None,
            refused: false,
        }
    }
}

impl<S: Stream<Item = Result<Bytes, PayloadError>> + Unpin> Stream for Guarded<S> {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if let Some(error) = this.refusal.take() {
                return Poll::Ready(Some(Err(error)));
            }
            let chunk = match Pin::new(&mut this.stream).poll_next(cx) {
                Poll::Ready(Some(Ok(chunk))) => chunk,
                other => return other,
            };
            if this.refused {
                continue;
            }
            match this.frames.pass(&chunk, this.limit.0.bytes.get()) {
                Ok(()) => return Poll::Ready(Some(Ok(chunk))),
                Err(refusal) => {
                    this.refused = true;
                    this.refusal = Some(match refusal {
                        Refusal::TooLarge => {
                            this.limit.0.exceeded.set(true);
                            PayloadError::Overflow
                        }
                        Refusal::Malformed => PayloadError::EncodingCorrupted,
                    });
                }
            }
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Refusal {
    TooLarge,
    Malformed,
}

/// Follows the frames in a stream of bytes by their headers (RFC 6455 §5.2).
#[derive(Debug, Default)]
struct Frames {
    header: [u8; LONGEST_HEADER],
    /// How much of the header is there.
    filled: usize,
    /// How much of the current frame's payload is still to come.
    payload_left: u64,
    /// How large the fragments of the current message are so far.
    message: u64,
}

impl Frames {
    /// Follows `chunk`; an error at the first header that is not to be let in.
    fn pass(&mut self, mut chunk: &[u8], limit: usize) -> Result<(), Refusal> {
        while !chunk.is_empty() {
            if self.payload_left > 0 {
                let here = usize::try_from(self.payload_left)
                    .unwrap_or(usize::MAX)
                    .min(chunk.len());
                chunk.advance(here);
                self.payload_left -= here as u64;
                continue;
            }
            self.header[self.filled] = chunk[0];
            self.filled += 1;
            chunk.advance(1);
            if self.filled >= 2 && self.filled == self.header_length() {
                self.open_frame(limit as u64)?;
                self.filled = 0;
            }
        }
        Ok(())
    }

    fn header_length(&self) -> usize {
        let length = match self.header[1] & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let mask = if self.header[1] & 0x80 == 0 { 0 } else { 4 };
        2 + length + mask
    }

    fn open_frame(&mut self, limit: u64) -> Result<(), Refusal> {
        let (first, header) = (self.header[0], &self.header);
        let payload = match header[1] & 0x7f {
            126 => u64::from(u16::from_be_bytes([header[2], header[3]])),
            127 => header[2..10]
                .iter()
                .fold(0, |length, byte| length << 8 | u64::from(*byte)),
            short => u64::from(short),
        };
        let opcode = first & 0x0f;
        if opcode >= 8 {
            // Control frames are short and do not count to the message around them.
            if payload > 125 {
                return Err(Refusal::Malformed);
            }
        } else {
            let before = if opcode == 0 { self.message } else { 0 };
            let message = before.saturating_add(payload);
            if message > limit {
                return Err(Refusal::TooLarge);
            }
            let is_last = first & 0x80 != 0;
            self.message = if is_last { 0 } else { message };
        }
        self.payload_left = payload;
        Ok(())
    }
}

/// A message whose fragments are joined.
#[derive(Debug, PartialEq, Eq)]
pub enum Joined {
    /// Text.
    Text(ByteString),
    /// Bytes.
    Binary(Bytes),
}

/// The text of a message is not UTF-8.
#[derive(Debug, PartialEq, Eq)]
pub struct NotText;

/// Joins fragments. The guard bounds them; the codec has them in order.
#[derive(Debug, Default)]
pub struct Fragments {
    is_text: bool,
    bytes: BytesMut,
}

impl Fragments {
    /// Takes the next fragment; the message, when it was the last one.
    ///
    /// # Errors
    /// It said to be text and is not.
    pub fn add(&mut self, item: Item) -> Result<Option<Joined>, NotText> {
        match item {
            Item::FirstText(part) => self.begin(true, &part),
            Item::FirstBinary(part) => self.begin(false, &part),
            Item::Continue(part) => self.bytes.extend_from_slice(&part),
            Item::Last(part) => {
                self.bytes.extend_from_slice(&part);
                let whole = std::mem::take(&mut self.bytes).freeze();
                return if self.is_text {
                    let text = ByteString::try_from(whole).map_err(|_| NotText)?;
                    Ok(Some(Joined::Text(text)))
                } else {
                    Ok(Some(Joined::Binary(whole)))
                };
            }
        }
        Ok(None)
    }

    fn begin(&mut self, is_text: bool, part: &[u8]) {
        self.is_text = is_text;
        self.bytes.clear();
        self.bytes.extend_from_slice(part);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    /// A masked frame with a payload of zeros.
    fn frame(first: u8, payload: usize) -> Vec<u8> {
        let mut bytes = vec![first];
        match payload {
            0..126 => bytes.push(0x80 | payload as u8),
            126..65_536 => {
                bytes.push(0x80 | 126);
                bytes.extend((payload as u16).to_be_bytes());
            }
            _ => {
                bytes.push(0x80 | 127);
                bytes.extend((payload as u64).to_be_bytes());
            }
        }
        bytes.extend([0; 4]);
        bytes.extend(vec![0; payload]);
        bytes
    }

    const TEXT: u8 = 0x81;
    const FIRST: u8 = 0x01;
    const CONTINUED: u8 = 0x00;
    const LAST: u8 = 0x80;
    const PING: u8 = 0x89;

    #[test]
    fn a_message_is_refused_at_its_header_once_it_is_too_large() {
        for (frames, expected) in [
            (vec![frame(TEXT, 100), frame(TEXT, 100)], Ok(())),
            (vec![frame(TEXT, 101)], Err(Refusal::TooLarge)),
            (
                vec![frame(FIRST, 60), frame(PING, 9), frame(LAST, 40)],
                Ok(()),
            ),
            (
                vec![frame(FIRST, 60), frame(CONTINUED, 40), frame(LAST, 1)],
                Err(Refusal::TooLarge),
            ),
            (
                vec![frame(FIRST, 60), frame(LAST, 1), frame(TEXT, 100)],
                Ok(()),
            ),
            (vec![frame(PING, 126)], Err(Refusal::Malformed)),
        ] {
            let bytes = frames.concat();
            assert_eq!(Frames::default().pass(&bytes, 100), expected);
        }
        let header_only = &frame(TEXT, 1 << 20)[..14];
        assert_eq!(
            Frames::default().pass(header_only, 100),
            Err(Refusal::TooLarge)
        );
        let endless = [[TEXT, 0xff].as_slice(), &[0xff; 12]].concat();
        assert_eq!(Frames::default().pass(&endless, usize::MAX), Ok(()));
        assert_eq!(
            Frames::default().pass(&endless, 100),
            Err(Refusal::TooLarge)
        );
    }

    proptest! {
        #[test]
        fn how_the_bytes_are_cut_makes_no_difference(
            bytes in prop::collection::vec(any::<u8>(), 0..600),
            cut in 1usize..40,
        ) {
            let whole = Frames::default().pass(&bytes, 300);
            let mut frames = Frames::default();
            let cut = bytes.chunks(cut).try_for_each(|chunk| frames.pass(chunk, 300));
            prop_assert_eq!(whole, cut);
        }
    }

    #[test]
    fn fragments_are_joined_into_their_message() {
        let mut fragments = Fragments::default();
        let part = |text: &'static str| Bytes::from_static(text.as_bytes());
        assert_eq!(fragments.add(Item::FirstText(part("a"))), Ok(None));
        assert_eq!(fragments.add(Item::Continue(part("b"))), Ok(None));
        assert_eq!(
            fragments.add(Item::Last(part("c"))),
            Ok(Some(Joined::Text("abc".into())))
        );
        assert_eq!(
            fragments.add(Item::FirstText(Bytes::from_static(b"\xff"))),
            Ok(None)
        );
        assert_eq!(fragments.add(Item::Last(part(""))), Err(NotText));
    }
}
