//! What the core costs: a state write, the JSON of its event, a question to an actor.
#![allow(missing_docs)]

use actix::prelude::*;
use criterion::{Criterion, criterion_group, criterion_main};
use hearth_core::ask::{Ask, Question, ask};
use hearth_core::bus::{Delivery, Entities, Filter, Pace};
use hearth_core::event::Context as Cause;
use hearth_core::hub::Hub;
use hearth_core::prelude::*;
use hearth_core::state::StateWrite;

struct Deaf;

impl Actor for Deaf {
    type Context = actix::Context<Self>;
}

impl Handler<Delivery> for Deaf {
    type Result = ();

    fn handle(&mut self, _: Delivery, _: &mut Self::Context) {}
}

struct Ping;

impl Question for Ping {
    type Answer = ();
}

impl Handler<Ask<Ping>> for Deaf {
    type Result = ();

    fn handle(&mut self, question: Ask<Ping>, _: &mut Self::Context) {
        question.take().1.send(());
    }
}

fn tracker(n: u32) -> Attributes {
    Attributes::build(|a| {
        a.text("source_type", "gps");
        a.value("latitude", 52.0 + f64::from(n % 100) / 1000.0);
        a.value("longitude", 4.9);
        a.value("gps_accuracy", 12);
        a.text("friendly_name", "Phone");
    })
}

fn core(criterion: &mut Criterion) {
    let system = System::new();
    let hub = system.block_on(async {
        let hub = Hub::in_memory().expect("an empty store opens");
        // As at home: persons follow their own trackers only.
        let others = Filter::of_types(["state_changed"])
            .of_entities(Entities::Domains(vec!["person".into()]));
        hub.bus
            .subscribe(others, Pace::Lag, Deaf.start().recipient())
            .await;
        hub
    });
    let ids: Vec<EntityId> = (0..1000)
        .map(|n| EntityId::from_parts("device_tracker", &format!("phone_{n}")))
        .collect();
    let mut n = 0u32;
    criterion.bench_function("write a tracker's state", |bencher| {
        bencher.iter(|| {
            n = n.wrapping_add(1);
            let write = StateWrite {
                state: "home".into(),
                attributes: tracker(n),
                force: true,
                context: Cause::new(&hub.env),
            };
            while let Err(_busy) = hub
                .states
                .try_set(&ids[n as usize % ids.len()], write.clone())
            {
                std::thread::yield_now();
            }
        });
    });
    criterion.bench_function("JSON of a state_changed event", |bencher| {
        let context = Cause::new(&hub.env);
        let state = hub.states.all().remove(0);
        bencher.iter(|| {
            let data = hearth_core::event::EventData::StateChanged {
                entity_id: state.entity_id.clone(),
                old: Some(Arc::clone(&state)),
                new: Some(Arc::clone(&state)),
            };
            Event::new(
                EventType::STATE_CHANGED,
                data,
                Origin::Local,
                hub.env.now(),
                context,
            )
            .json()
            .len()
        });
    });
    let (here, there) = system.block_on(async {
        let there = Deaf::start_in_arbiter(&Arbiter::new().handle(), |_| Deaf);
        (Deaf.start().recipient(), there.recipient())
    });
    criterion.bench_function("ask an actor on this thread", |bencher| {
        bencher.iter(|| system.block_on(async { ask(&here, Ping).await.is_ok() }));
    });
    criterion.bench_function("ask an actor on another thread", |bencher| {
        bencher.iter(|| system.block_on(async { ask(&there, Ping).await.is_ok() }));
    });
}

criterion_group!(benches, core);
criterion_main!(benches);
