//! Frames: which there are, read and written.

use serde::{Deserialize, Serialize};

use crate::{
    Ack, Cancel, CloudhookChange, CloudhookPublish, Drain, Hello, Msg, Nack, Ping, Register, Req,
    Res, ResErr, Result as Outcome, Unregister, Welcome,
};

/// The largest frame, in bytes; a larger one closes the connection with 1009.
pub const FRAME_BYTES_MAX: usize = 12 * 1024 * 1024;

/// Why a text is no frame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{frame}: {reason}")]
pub struct BadFrame {
    /// Which frame it said to be.
    pub frame: String,
    /// What is wrong with it.
    pub reason: String,
}

/// A direction's frames.
pub trait Frame: Sized {
    /// Reads a frame; none for one that is not known.
    ///
    /// # Errors
    /// It is no JSON object with a `t`, or lacks a member.
    fn read(text: &str) -> Result<Option<Self>, BadFrame>;

    /// The frame as text.
    fn to_text(&self) -> String;
}

#[derive(Deserialize)]
struct Tag<'a> {
    #[serde(borrow)]
    t: std::borrow::Cow<'a, str>,
}

fn tag(text: &str) -> Result<Tag<'_>, BadFrame> {
    serde_json::from_str(text).map_err(|error| bad("frame", &error))
}

fn bad(frame: &str, error: &serde_json::Error) -> BadFrame {
    BadFrame {
        frame: frame.to_owned(),
        reason: error.to_string(),
    }
}

fn members<'a, F: Deserialize<'a>>(frame: &str, text: &'a str) -> Result<F, BadFrame> {
    serde_json::from_str(text).map_err(|error| bad(frame, &error))
}

/// Writes the tag before the members.
fn tagged(tag: &str, members: &impl Serialize) -> String {
    // Members of frames are texts, numbers and JSON that was read: none fails to be written.
    let members = serde_json::to_string(members).unwrap_or_default();
    match members.strip_prefix('{') {
        None | Some("}") => format!(r#"{{"t":"{tag}"}}"#),
        Some(rest) => format!(r#"{{"t":"{tag}",{rest}"#),
    }
}

macro_rules! frames {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident($type:ty) = $tag:literal,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq)]
        pub enum $name {
            $($(#[$doc])* $variant($type),)+
        }

        impl Frame for $name {
            fn read(text: &str) -> Result<Option<Self>, BadFrame> {
                match &*tag(text)?.t {
                    $($tag => members($tag, text).map(|frame| Some(Self::$variant(frame))),)+
                    _ => Ok(None),
                }
            }

            fn to_text(&self) -> String {
                match self {
                    $(Self::$variant(members) => tagged($tag, members),)+
                }
            }
        }
    };
}

frames! {
    /// What a hub says.
    FromHub {
        /// The first frame: who it is and what it has.
        Hello(Hello) = "hello",
        /// Wants the requests of a webhook.
        Register(Register) = "register",
        /// Wants them no more.
        Unregister(Unregister) = "unregister",
        /// Has taken messages.
        Ack(Ack) = "ack",
        /// Cannot take a message now.
        Nack(Nack) = "nack",
        /// Wants a public address for a webhook of its own.
        CloudhookCreate(CloudhookChange) = "cloudhook_create",
        /// Wants such an address gone.
        CloudhookDelete(CloudhookChange) = "cloudhook_delete",
        /// All addresses that it still serves.
        CloudhookPublish(CloudhookPublish) = "cloudhook_publish",
        /// The answer to a request.
        Res(Res) = "res",
        /// There is none.
        ResErr(ResErr) = "res_err",
        /// Are you there?
        Ping(Ping) = "ping",
        /// I am.
        Pong(Ping) = "pong",
    }
}

frames! {
    /// What a relay says.
    FromRelay {
        /// The answer to `hello`.
        Welcome(Welcome) = "welcome",
        /// The answer to a frame with an `id`.
        Result(Outcome) = "result",
        /// A message for the hub.
        Msg(Msg) = "msg",
        /// A request to one of the hub's own webhooks.
        Req(Req) = "req",
        /// Whoever asked has gone.
        Cancel(Cancel) = "cancel",
        /// Reconnect in a while: this relay is about to stop.
        Drain(Drain) = "drain",
        /// Are you there?
        Ping(Ping) = "ping",
        /// I am.
        Pong(Ping) = "pong",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn frames_and_members_of_tomorrow_are_passed_over() {
        let later = r#"{"n":3,"t":"ping","since":"tomorrow"}"#;
        assert_eq!(
            FromRelay::read(later),
            Ok(Some(FromRelay::Ping(Ping { n: 3 })))
        );
        assert_eq!(FromRelay::read(r#"{"t":"welcome_back"}"#), Ok(None));
    }

    #[test]
    fn what_is_no_frame_is_named() {
        for (text, start) in [
            ("", "frame: EOF"),
            ("[]", "frame: "),
            ("{}", "frame: missing field `t`"),
            (r#"{"t":1}"#, "frame: invalid type"),
            (
                r#"{"t":"register","id":1}"#,
                "register: missing field `webhook_id`",
            ),
            (
                r#"{"t":"nack","shard":0,"seq":1,"retry_after_s":3601}"#,
                "nack: retry_after_s",
            ),
        ] {
            let error = FromHub::read(text).unwrap_err().to_string();
            assert!(error.starts_with(start), "{text}: {error}");
        }
    }

    #[test]
    fn a_frame_is_read_as_it_was_written() {
        for text in [
            r#"{"t":"hello","v":1,"hub_id":"h","agent":"a","cursors":{"0":5},"window":32,"window_bytes":4194304}"#,
            r#"{"t":"register","id":1,"webhook_id":"w","secret":"s","data":{"$key":18446744073709551617}}"#,
            r#"{"t":"cloudhook_create","id":2}"#,
            r#"{"t":"cloudhook_publish","id":3,"cloudhook_ids":["a"]}"#,
            r#"{"t":"res","rid":4,"status":200,"headers":[["content-type","text/plain"]],"body":"ok"}"#,
            r#"{"t":"res_err","rid":4,"code":"busy"}"#,
        ] {
            assert_eq!(FromHub::read(text).unwrap().unwrap().to_text(), text);
        }
        for text in [
            r#"{"t":"welcome","session":"s","ping_s":30,"dead_s":75,"gap":[{"shard":0,"oldest_seq":9}],"limits":{"data_bytes":16384,"registrations":1000},"cloudhook_base":"https://r/c/"}"#,
            r#"{"t":"result","id":1,"ok":false,"error":"invalid_webhook_credentials"}"#,
            r#"{"t":"msg","shard":0,"seq":1,"delivery_id":"d","webhook_id":"w","attempt":1,"message":{"body":1}}"#,
            r#"{"t":"req","rid":1,"cloudhook_id":"c","method":"POST","query":"a=1","headers":[["a","b"]],"body_b64":"AA==","deadline_ms":10000}"#,
        ] {
            assert_eq!(FromRelay::read(text).unwrap().unwrap().to_text(), text);
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in r#"\{("(t|id|n|rid|shard|seq)":("ack|ping|msg|res"|[0-9]{1,20}|\{|\[|null),?){0,6}\}?"#) {
            let _ = FromHub::read(&text);
            let _ = FromRelay::read(&text);
        }
    }
}
