//! `GET /api/stream`: events as server-sent events.
//!
//! An [`EventStream`] actor takes events from the bus and puts them into a bounded queue, from
//! which the reply's body is written. A reader who lets the queue fill up is cut off: an event
//! that was subscribed to is never left out silently.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorContext, Addr, Context, Handler, Message};
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, stream};
use hearth_core::bus::{Bus, Delivery, Entities, Filter, Pace, SubscriptionId, Types};
use hearth_core::event::{Event, EventType};
use percent_encoding::percent_decode_str;
use tokio::sync::mpsc;

use crate::auth_gate::Administrator;
use crate::connection::ConnectionSocket;
use crate::door::Door;
use crate::openapi::operation::{Content, Operation};
use crate::openapi::schema::text;
use crate::reply::Refusal;

const PING: Bytes = Bytes::from_static(b"data: ping\n\n");
const PING_EVERY: Duration = Duration::from_secs(50);
/// How many event types one stream may name.
const MOST_TYPES: usize = 256;
const STOP: &str = "homeassistant_stop";

/// `GET /api/stream?restrict=a,b`
pub(super) async fn open(
    Administrator(user): Administrator,
    door: web::Data<Door>,
    request: HttpRequest,
) -> Result<HttpResponse, Refusal> {
    let filter = Filter {
        types: wanted_types(request.query_string())?,
        entities: Entities::Any,
    };
    let (queue, waiting) = mpsc::channel(door.websocket().queue.max(1));
    let stream = EventStream {
        queue: Some(queue),
        bus: door.hub.bus.clone(),
        subscription: None,
        socket: ConnectionSocket::of(&request),
        door: door.clone(),
    }
    .start();
    let subscription = door
        .hub
        .bus
        .subscribe(filter, Pace::Hold, stream.clone().recipient())
        .await;
    stream.do_send(Subscribed(subscription));
    let (guard, closing) = (Closing(stream.clone()), stream);
    let session = door
        .auth
        .open_session(&user.0, move || closing.do_send(Close))
        .map_err(|_| Refusal::UNAUTHORIZED)?;
    let body = Body {
        first: VecDeque::from([PING]),
        waiting,
        ping_every: PING_EVERY,
        closed: door.closed().boxed(),
        _open: (guard, session, door.metrics.open_stream()),
    };
    let frames = stream::unfold(body, |mut body| async move {
        body.next()
            .await
            .map(|frame| (Ok::<_, std::io::Error>(frame), body))
    });
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, HeaderValue::from_static("text/event-stream")))
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .streaming(frames))
}

pub(super) fn describe() -> Operation {
    Operation::new("Events as they happen")
        .administrators()
        .query("restrict", "Event types, separated by commas", text())
        .replies(
            200,
            "Server-sent events: ping, and events as JSON",
            Content::Other("text/event-stream"),
        )
}

/// The types that `restrict` names, and the hub's stop, which ends every stream.
fn wanted_types(query: &str) -> Result<Types, Refusal> {
    let restrict = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("restrict="))
        .map(|names| percent_decode_str(names).decode_utf8_lossy());
    let Some(names) = restrict.filter(|names| !names.is_empty()) else {
        return Ok(Types::All);
    };
    let mut types = vec![EventType::known(STOP)];
    for name in names
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
    {
        let name =
            EventType::parse(name).map_err(|error| Refusal::bad_request(error.to_string()))?;
        if types.len() > MOST_TYPES {
            return Err(Refusal::bad_request(format!(
                "At most {MOST_TYPES} event types"
            )));
        }
        if !types.contains(&name) {
            types.push(name);
        }
    }
    Ok(Types::Only(types))
}

/// The reply's body: what waits, and a ping where nothing does.
struct Body<O> {
    first: VecDeque<Bytes>,
    waiting: mpsc::Receiver<Arc<Event>>,
    /// How long nothing may be sent.
    ping_every: Duration,
    /// Resolves when the door closes.
    closed: BoxFuture<'static, ()>,
    /// Dropped with the body, when the client is gone or the stream has ended.
    _open: O,
}

impl<O> Body<O> {
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(frame) = self.first.pop_front() {
            return Some(frame);
        }
        tokio::select! {
            event = self.waiting.recv() => event.map(|event| frame(&event)),
            () = &mut self.closed => None,
            () = tokio::time::sleep(self.ping_every) => Some(PING),
        }
    }
}

/// Made only when it is sent, so that what waits is shared with everyone else.
fn frame(event: &Event) -> Bytes {
    let json = event.json();
    let mut frame = Vec::with_capacity(json.len() + 8);
    frame.extend_from_slice(b"data: ");
    frame.extend_from_slice(json);
    frame.extend_from_slice(b"\n\n");
    frame.into()
}

/// Ends the actor when the body is dropped.
struct Closing(Addr<EventStream>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.do_send(Close);
    }
}

/// Between the bus and one reply's body.
struct EventStream {
    /// `None` once the stream has ended.
    queue: Option<mpsc::Sender<Arc<Event>>>,
    bus: Bus,
    /// Known a moment after the start; taken when unsubscribing.
    subscription: Option<SubscriptionId>,
    /// To cut off a reader who does not read.
    socket: Option<ConnectionSocket>,
    door: web::Data<Door>,
}

impl EventStream {
    fn end(&mut self, ctx: &mut Context<Self>) {
        self.queue = None;
        // Where the subscription is not known yet, `Subscribed` is on its way and ends this.
        if let Some(subscription) = self.subscription.take() {
            self.bus.unsubscribe(subscription);
            ctx.stop();
        }
    }
}

impl Actor for EventStream {
    type Context = Context<Self>;
}

/// What the actor is subscribed as.
#[derive(Message)]
#[rtype(result = "()")]
struct Subscribed(SubscriptionId);

/// The stream ends.
#[derive(Message)]
#[rtype(result = "()")]
struct Close;

impl Handler<Subscribed> for EventStream {
    type Result = ();

    fn handle(&mut self, Subscribed(subscription): Subscribed, ctx: &mut Self::Context) {
        self.subscription = Some(subscription);
        if self.queue.is_none() {
            self.end(ctx);
        }
    }
}

impl Handler<Close> for EventStream {
    type Result = ();

    fn handle(&mut self, _: Close, ctx: &mut Self::Context) {
        self.end(ctx);
    }
}

impl Handler<Delivery> for EventStream {
    type Result = ();

    fn handle(&mut self, delivery: Delivery, ctx: &mut Self::Context) {
        let (Delivery::Event { event, .. }, Some(queue)) = (delivery, &self.queue) else {
            return;
        };
        if event.event_type.as_str() == STOP {
            return self.end(ctx);
        }
        match queue.try_send(event) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Closed(_)) => self.end(ctx),
            Err(mpsc::error::TrySendError::Full(_)) => {
                tracing::warn!("an event stream's reader is too slow and is cut off");
                self.door.metrics.cut_off_slow_reader();
                if let Some(socket) = &self.socket {
                    socket.cut_off();
                }
                self.end(ctx);
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use hearth_core::env::Env;
    use hearth_core::event::{Context as Cause, EventData, Origin};

    use super::*;

    #[test]
    fn where_nothing_happens_a_ping_is_sent_again_and_again() {
        actix_web::rt::System::new().block_on(async {
            let (queue, waiting) = mpsc::channel(1);
            let mut body = Body {
                first: VecDeque::from([PING]),
                waiting,
                ping_every: Duration::from_millis(5),
                closed: futures_util::future::pending().boxed(),
                _open: (),
            };
            for _ in 0..3 {
                assert_eq!(body.next().await, Some(PING));
            }
            let env = Env::system();
            let event = Event::new(
                EventType::known("knock"),
                EventData::Json(serde_json::json!({})),
                Origin::Local,
                env.now(),
                Cause::new(&env),
            );
            queue.try_send(Arc::new(event)).unwrap();
            let frame = loop {
                match body.next().await.unwrap() {
                    frame if frame == PING => {}
                    frame => break frame,
                }
            };
            assert!(frame.starts_with(b"data: {\"event_type\":\"knock\""));
            drop(queue);
            assert_eq!(body.next().await, None);
        });
        assert_eq!(PING_EVERY, Duration::from_secs(50));
    }
}
