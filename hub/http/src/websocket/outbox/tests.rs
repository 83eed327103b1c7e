//! What waits for a socket, taken out again.
#![allow(clippy::unwrap_used)]

use actix_http::ws::CloseCode;
use hearth_core::env::Env;
use hearth_core::event::{Context, EventData, EventType, Origin};
use serde_json::{Value, json};

use super::*;

fn event() -> Arc<Event> {
    let env = Env::system();
    Arc::new(Event::new(
        EventType::known("x"),
        EventData::Json(json!({"text": "ü"})),
        Origin::Local,
        env.now(),
        Context::new(&env),
    ))
}

fn taken(outbox: &Outbox) -> Vec<Frame> {
    let mut frames = Vec::new();
    outbox.take_share(|frame| frames.push(frame));
    frames
}

fn texts(outbox: &Outbox) -> Vec<Value> {
    taken(outbox)
        .into_iter()
        .map(|frame| match frame {
            Frame::Text(text) => serde_json::from_str(&text).unwrap(),
            other => panic!("{other:?}"),
        })
        .collect()
}

fn going() -> CloseReason {
    CloseCode::Away.into()
}

#[test]
fn answers_and_events_keep_their_order() {
    let outbox = Outbox::default();
    outbox.reply("1".into());
    assert_eq!(outbox.event(5, &event()), 2);
    outbox.reply("2".into());
    let sent = texts(&outbox);
    assert_eq!((&sent[0], &sent[2]), (&json!(1), &json!(2)));
    assert_eq!(
        (&sent[1]["id"], &sent[1]["event"]["data"]["text"]),
        (&json!(5), &json!("ü"))
    );
    assert_eq!(outbox.waiting_replies(), (0, 0));
}

#[test]
fn only_about_a_share_is_taken_at_a_time() {
    let outbox = Outbox::default();
    for _ in 0..5 {
        outbox.reply("7".repeat(SHARE / 2).into());
    }
    assert_eq!((taken(&outbox).len(), outbox.len()), (2, 3));
    assert_eq!(
        (taken(&outbox).len(), taken(&outbox).len(), outbox.len()),
        (2, 1, 0)
    );
}

#[test]
fn a_large_message_goes_alone_and_before_all_behind_it() {
    let outbox = Outbox::default();
    outbox.coalesce(true);
    outbox.reply("1".into());
    outbox.reply("8".repeat(LARGE + 1).into());
    outbox.reply("2".into());
    assert_eq!(taken(&outbox), [Frame::Text("[1]".into())]);
    assert_eq!(taken(&outbox), []);
    assert!(outbox.take_large().is_some() && outbox.take_large().is_none());
    assert_eq!(taken(&outbox), [Frame::Text("2".into())]);
    assert_eq!(outbox.waiting_replies(), (0, 0));
}

#[test]
fn a_coalescing_socket_gets_arrays_but_single_messages_as_they_are() {
    let outbox = Outbox::default();
    outbox.coalesce(true);
    for text in ["1", "2", "3"] {
        outbox.reply(text.into());
    }
    assert_eq!(texts(&outbox), [json!([1, 2, 3])]);
    outbox.reply("4".into());
    assert_eq!(texts(&outbox), [json!(4)]);
    outbox.reply("5".into());
    outbox.reply("6".into());
    outbox.ping();
    outbox.close(going());
    assert_eq!(
        taken(&outbox),
        [
            Frame::Text("[5,6]".into()),
            Frame::Ping,
            Frame::Close(going())
        ]
    );
}

#[test]
fn nothing_follows_a_close_frame() {
    let outbox = Outbox::default();
    outbox.reply("1".into());
    outbox.discard_and_close(going());
    outbox.reply("2".into());
    outbox.close(CloseCode::Normal.into());
    assert_eq!(taken(&outbox), [Frame::Close(going())]);
    assert!(outbox.is_closing());
}
