//! What the pure parts of one webhook cost: parsing an envelope, opening and sealing a frame.
#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use hearth_bench::envelope::{PlainLocation, open_and_parse, seal_answer};
use hearth_simulate::sealing::Key;

const LOCATION: &[u8] = br#"{"type":"update_location","data":{"gps":[52.370216,4.895168],"gps_accuracy":12,"battery":80,"speed":1,"altitude":23.5,"course":90,"vertical_accuracy":4}}"#;
const SENSORS: &[u8] = br#"[{"type":"sensor","unique_id":"battery_level","state":80,"attributes":{"charging":false},"icon":"mdi:battery-80"},{"type":"binary_sensor","unique_id":"is_active","state":true,"attributes":{},"icon":"mdi:cellphone"}]"#;

fn envelopes(criterion: &mut Criterion) {
    let key = Key::from_hex(&"0f".repeat(32)).unwrap().unwrap();
    let request = |command: &str, plain: &[u8]| {
        let sealed = key.seal(plain);
        format!(r#"{{"type":"{command}","encrypted":true,"encrypted_data":"{sealed}"}}"#)
    };

    criterion.bench_function("parse a plain update_location", |bench| {
        bench.iter(|| serde_json::from_slice::<PlainLocation<'_>>(black_box(LOCATION)).unwrap());
    });
    for (command, plain) in [("get_zones", &b"{}"[..]), ("update_sensor_states", SENSORS)] {
        let body = request(command, plain);
        criterion.bench_function(&format!("open and parse a sealed {command}"), |bench| {
            bench.iter(|| open_and_parse(black_box(body.as_bytes()), &key).unwrap());
        });
    }
    for length in [64, 400] {
        let plain = vec![b' '; length];
        criterion.bench_function(&format!("seal an answer of {length} bytes"), |bench| {
            bench.iter(|| seal_answer(black_box(&plain), &key));
        });
    }
}

criterion_group!(benches, envelopes);
criterion_main!(benches);
