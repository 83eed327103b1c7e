//! How many requests of 1 KiB a relay accepts durably, 256 on their way at a time, each for one of
//! 1,000 hubs; and what one costs alone.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::System;
use actix_web::http::header::HeaderMap;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures_util::{StreamExt, stream};
use hearth_core::env::Env;
use hearth_core::settings::RelaySettings;
use hearth_core::store::{Location, Store, StoreSettings};
use hearth_relay::accept::accept;
use hearth_relay::ids::HubId;
use hearth_relay::public::{Arrived, Fields, read};
use hearth_relay::registry::LiveWebhook;
use hearth_relay::store::{Embedded, QueueLimits};
use hearth_relay::{Relay, admin};
use serde_json::json;

const HUBS: u64 = 1_000;

async fn open(folder: &std::path::Path) -> (Relay, Arc<LiveWebhook>) {
    let env = Env::system();
    let settings = RelaySettings {
        hub_rate: 1e6,
        hub_burst: 1e6,
        ..RelaySettings::default()
    };
    let file = Location::File(folder.join("relay.db"));
    let store = Store::open(&file, StoreSettings::default()).unwrap();
    let limits = QueueLimits {
        messages: settings.queue,
        bytes: settings.queue_bytes,
    };
    let store = Embedded::open(store, env.clone(), limits, settings.seen).unwrap();
    let relay = Relay::open(env.clone(), settings, Arc::new(store)).unwrap();
    let wanted = json!({"key_path": "body.device"});
    let wanted = wanted.as_object().unwrap().clone();
    let made = admin::carry_out(&relay, "webhook/create", wanted).await;
    let id = made.unwrap()["id"].as_str().unwrap().parse().unwrap();
    let webhook = relay.webhooks.get(id).unwrap();
    let registering = stream::iter(0..HUBS).for_each_concurrent(64, |number| {
        let (relay, webhook, hub) = (&relay, &webhook, HubId::random(&env));
        async move {
            let data = format!(r#"{{"$key":{number}}}"#);
            let registered = relay.registrations.register(hub, webhook, &data);
            registered.await.unwrap();
        }
    });
    registering.await;
    (relay, webhook)
}

fn arrived(relay: &Relay, number: u64) -> Arrived {
    let mut fields = HeaderMap::new();
    let content_type = "content-type".parse().unwrap();
    fields.insert(content_type, "application/json".parse().unwrap());
    let body = format!(
        r#"{{"device":{},"pad":"{}"}}"#,
        number % HUBS,
        "x".repeat(1000)
    );
    Arrived {
        received_at: relay.env.now(),
        method: "POST".to_owned(),
        query: String::new(),
        fields: Fields::of_request(&fields, [127, 0, 0, 1].into(), false),
        body: body.into(),
        repeat: None,
    }
}

async fn accept_many(
    relay: &Relay,
    webhook: &Arc<LiveWebhook>,
    count: u64,
    at_a_time: usize,
) -> Duration {
    let began = Instant::now();
    stream::iter(0..count)
        .for_each_concurrent(at_a_time, |number| async move {
            let incoming = read(&arrived(relay, number)).await.unwrap();
            accept(relay, webhook, incoming).await.unwrap();
        })
        .await;
    began.elapsed()
}

fn accepting(criterion: &mut Criterion) {
    let system = System::new();
    let folder = tempfile::tempdir().unwrap();
    let (relay, webhook) = system.block_on(open(folder.path()));
    let mut group = criterion.benchmark_group("accept");
    group.throughput(Throughput::Elements(1));
    for at_a_time in [1, 256] {
        group.bench_function(format!("{at_a_time} at a time"), |bench| {
            bench.iter_custom(|count| {
                system.block_on(accept_many(&relay, &webhook, count, at_a_time))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, accepting);
criterion_main!(benches);
