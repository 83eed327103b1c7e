//! The bus: order, room, and subscribers that are too slow.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use actix::prelude::*;
use hearth_core::bus::{Bus, Delivery, Filter, Pace};
use hearth_core::env::Env;
use hearth_core::event::{Context as Cause, Event, EventData, EventType, Origin};
use hearth_core::hub::Hub;
use hearth_testing::{Listener, run};
use serde_json::json;
use tokio::sync::mpsc;

fn event(env: &Env, name: &str, number: u64) -> Event {
    Event::new(
        EventType::parse(name).unwrap(),
        EventData::Json(json!({ "n": number })),
        Origin::Local,
        env.now(),
        Cause::new(env),
    )
}

#[test]
fn a_specific_subscriber_and_one_of_all_see_the_same_order() {
    run(async {
        let hub = Hub::in_memory().unwrap();
        let mut all = Listener::start(&hub, Filter::all()).await;
        let mut some = Listener::start(&hub, Filter::of_types(["b"])).await;
        for n in 0..100 {
            hub.bus
                .publish(event(&hub.env, if n % 2 == 0 { "a" } else { "b" }, n))
                .await;
        }
        for n in 0..100 {
            assert_eq!(all.next().await.data_value()["n"], n);
        }
        for n in (1..100).step_by(2) {
            assert_eq!(some.next().await.data_value()["n"], n);
        }
    });
}

#[test]
fn reports_and_the_close_event_are_hidden_from_those_who_hear_all() {
    run(async {
        let hub = Hub::in_memory().unwrap();
        let mut all = Listener::start(&hub, Filter::all()).await;
        for name in ["state_reported", "homeassistant_close", "seen"] {
            hub.bus.publish(event(&hub.env, name, 0)).await;
        }
        assert_eq!(all.next().await.event_type.as_str(), "seen");
    });
}

#[test]
fn an_unsubscribed_listener_hears_nothing_more() {
    run(async {
        let bus = Bus::start(16);
        let env = Env::system();
        let heard = Arc::new(AtomicU64::new(0));
        let counter = Counter {
            heard: Arc::clone(&heard),
            missed: Arc::default(),
        }
        .start();
        let id = bus
            .subscribe(Filter::all(), Pace::Hold, counter.recipient())
            .await;
        bus.unsubscribe(id);
        bus.publish(event(&env, "x", 0)).await;
        // Answered after everything sent before it.
        assert_eq!(bus.listeners().await.len(), 0);
        assert_eq!(heard.load(Ordering::SeqCst), 0);
    });
}

struct Counter {
    heard: Arc<AtomicU64>,
    missed: Arc<AtomicU64>,
}

impl Actor for Counter {
    type Context = Context<Self>;
}

impl Handler<Delivery> for Counter {
    type Result = ();

    fn handle(&mut self, delivery: Delivery, _: &mut Self::Context) {
        match delivery {
            Delivery::Event { .. } => self.heard.fetch_add(1, Ordering::SeqCst),
            Delivery::Lagged { missed, .. } => self.missed.fetch_add(missed, Ordering::SeqCst),
        };
    }
}

/// Blocks its thread until it is let go.
struct Stuck(Arc<AtomicBool>, Counter);

impl Actor for Stuck {
    type Context = Context<Self>;
}

impl Handler<Delivery> for Stuck {
    type Result = ();

    fn handle(&mut self, delivery: Delivery, _: &mut Self::Context) {
        while !self.0.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        match delivery {
            Delivery::Event { .. } => self.1.heard.fetch_add(1, Ordering::SeqCst),
            Delivery::Lagged { missed, .. } => self.1.missed.fetch_add(missed, Ordering::SeqCst),
        };
    }
}

#[test]
fn a_subscriber_that_hangs_delays_nobody_and_is_told_what_it_missed() {
    run(async {
        let hub = Hub::in_memory().unwrap();
        let (heard, missed) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let go = Arc::new(AtomicBool::new(false));
        let counter = Counter {
            heard: Arc::clone(&heard),
            missed: Arc::clone(&missed),
        };
        let stuck = Stuck(Arc::clone(&go), counter);
        let stuck = Stuck::start_in_arbiter(&Arbiter::new().handle(), |_| stuck);
        hub.bus
            .subscribe(Filter::all(), Pace::Lag, stuck.recipient())
            .await;
        let mut quick = Listener::start(&hub, Filter::all()).await;
        for n in 0..1000 {
            hub.bus.publish(event(&hub.env, "x", n)).await;
        }
        for n in 0..1000 {
            assert_eq!(quick.next().await.data_value()["n"], n);
        }
        go.store(true, Ordering::SeqCst);
        while heard.load(Ordering::SeqCst) + missed.load(Ordering::SeqCst) < 1000 {
            tokio::task::yield_now().await;
        }
        assert!(missed.load(Ordering::SeqCst) > 0);
    });
}

/// Keeps every delivery until it is told to take them.
struct Hoarder(mpsc::UnboundedSender<Delivery>);

impl Actor for Hoarder {
    type Context = Context<Self>;
}

impl Handler<Delivery> for Hoarder {
    type Result = ();

    fn handle(&mut self, delivery: Delivery, _: &mut Self::Context) {
        let _ = self.0.send(delivery);
    }
}

#[test]
fn a_full_bus_says_busy_outside_and_makes_the_inside_wait() {
    run(async {
        let bus = Bus::start(4);
        let env = Env::system();
        let (sender, mut kept) = mpsc::unbounded_channel();
        bus.subscribe(
            Filter::all(),
            Pace::Hold,
            Hoarder(sender).start().recipient(),
        )
        .await;
        for n in 0..4 {
            bus.try_publish(event(&env, "x", n)).unwrap();
        }
        assert!(bus.try_publish(event(&env, "x", 4)).is_err());
        let waiting = actix::spawn({
            let (bus, event) = (bus.clone(), event(&env, "x", 5));
            async move { bus.publish(event).await }
        });
        drop(kept.recv().await.unwrap());
        waiting.await.unwrap();
    });
}
