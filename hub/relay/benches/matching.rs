//! What it costs to find a request's hubs, with few and with many registrations: the two must be
//! alike.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used)]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use hearth_core::env::Env;
use hearth_core::time::Timestamp;
use hearth_key_path::{HeaderCase, KeyPath, Request, registered_keys};
use hearth_relay::ids::{HubId, WebhookId};
use hearth_relay::matching::{Index, Registered};
use hearth_relay::objects::Registration;

fn index(env: &Env, webhook_id: WebhookId, hubs: usize) -> Index {
    let index = Index::default();
    for number in 0..hubs {
        let data = format!(r#"{{"$key":"device-{number}"}}"#);
        index.insert(Registered {
            keys: registered_keys(&data).unwrap(),
            registration: Registration {
                webhook_id,
                hub_id: HubId::random(env),
                data,
                updated_at: Timestamp::default(),
            },
        });
    }
    index
}

fn matching(criterion: &mut Criterion) {
    let env = Env::system();
    let webhook = WebhookId::random(&env);
    let path = KeyPath::parse("body.device.id").unwrap();
    let padding = "x".repeat(900);
    for hubs in [1_000, 100_000] {
        let index = index(&env, webhook, hubs);
        // Always the same ones: what is compared is the work, not the processor's cache.
        let bodies: Vec<String> = (0..64)
            .map(|number| {
                let number = number * (hubs / 64);
                format!(r#"{{"pad":"{padding}","device":{{"id":"device-{number}"}}}}"#)
            })
            .collect();
        let mut next = 0;
        criterion.bench_function(&format!("route among {hubs} hubs"), |bench| {
            bench.iter(|| {
                next = (next + 1) % bodies.len();
                let request = Request {
                    body: &bodies[next],
                    headers: "{}",
                    query: "{}",
                };
                let key = path.resolve(&request, HeaderCase::Any).unwrap();
                let matched = index.holding(webhook, black_box(key), 10_000);
                assert_eq!(matched.hubs.len(), 1);
            });
        });
    }
}

criterion_group!(benches, matching);
criterion_main!(benches);
