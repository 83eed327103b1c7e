#![allow(clippy::unwrap_used, missing_docs, clippy::print_stdout)]
#![allow(unsafe_code)]
struct Count;
static LIVE: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
unsafe impl std::alloc::GlobalAlloc for Count {
    unsafe fn alloc(&self, l: std::alloc::Layout) -> *mut u8 {
        LIVE.fetch_add(
            l.size().next_multiple_of(16),
            std::sync::atomic::Ordering::Relaxed,
        );
        unsafe { mimalloc::MiMalloc.alloc(l) }
    }
    unsafe fn dealloc(&self, p: *mut u8, l: std::alloc::Layout) {
        LIVE.fetch_sub(
            l.size().next_multiple_of(16),
            std::sync::atomic::Ordering::Relaxed,
        );
        unsafe { mimalloc::MiMalloc.dealloc(p, l) }
    }
}
#[global_allocator]
static ALLOC: Count = Count;
fn live() -> usize {
    LIVE.load(std::sync::atomic::Ordering::Relaxed) >> 20
}
use futures_util::StreamExt;
use hearth_core::ask::ask;
use hearth_core::command::{Access, Caller};
use hearth_core::env::Env;
use hearth_core::event::Context;
use hearth_core::hub::Hub;
use hearth_core::ids::{UserId, WebhookId};
use hearth_core::settings::Settings;
use hearth_core::store::{Location, Store, StoreSettings};
use hearth_core::view::{ViewBody, ViewRequest};
use hearth_core::webhook::{Headers, Method, Source, WebhookRequest};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Instant;

fn rss() -> u64 {
    let s = std::fs::read_to_string("/proc/self/status").unwrap();
    s.lines()
        .find(|l| l.starts_with("VmRSS"))
        .unwrap()
        .split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<u64>()
        .unwrap()
        / 1024
}
async fn open(path: &std::path::Path) -> Hub {
    let t = Instant::now();
    let store = Store::open(&Location::File(path.to_owned()), StoreSettings::default()).unwrap();
    let hub = Hub::open(Env::system(), Arc::new(Settings::default()), store).unwrap();
    println!("hub open {:?} rss {} live {}", t.elapsed(), rss(), live());
    let t = Instant::now();
    hub.start_integrations(vec![hearth_mobile_app::factory()])
        .await;
    println!(
        "integration start {:?} rss {} live {} states {} hooks {}",
        t.elapsed(),
        rss(),
        live(),
        hub.states.len(),
        hub.webhooks.len()
    );
    hub
}
#[actix_rt::main]
async fn main() {
    let mode = std::env::args().nth(1).unwrap();
    let path = std::path::PathBuf::from(std::env::args().nth(2).unwrap());
    let n: usize = std::env::args().nth(3).unwrap().parse().unwrap();
    let hub = open(&path).await;
    if mode == "register" {
        let user = UserId::generate(&hub.env);
        let view = hub.views.current()[0].clone();
        let t = Instant::now();
        let hub2 = &hub;
        let view = &view;
        futures_util::stream::iter(0..n).map(|i| async move {
            let body = json!({"app_id": "io.robbie.HomeAssistant", "app_name": "Home Assistant", "app_version": "2025.4.1 (2025.1182)",
                "device_name": format!("Phone {i}"), "device_id": format!("{:040x}", i * 7919), "manufacturer": "Apple",
                "model": "iPhone14,5", "os_name": "iOS", "os_version": "18.4", "supports_encryption": true,
                "app_data": {"push_token": format!("token-{i}-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), "push_url": "https://mobile-apps.home-assistant.io/api/sendPushNotification"}}).to_string();
            let request = ViewRequest { path: String::new(), params: vec![], query: String::new(), headers: Headers::default(), body: body.into(),
                caller: Some(Caller::new(Context::of_user(&hub2.env, user), Access::AnyUser)), remote: [127,0,0,1].into() };
            let Ok(r) = ask(&view.handler, request).await else { panic!() };
            assert_eq!(r.status, 201);
            let ViewBody::Whole(b) = r.body else { panic!() };
            let _: Value = serde_json::from_slice(&b).unwrap();
        }).buffer_unordered(64).collect::<Vec<_>>().await;
        println!(
            "{n} registrations: {:.0}/s rss {}",
            n as f64 / t.elapsed().as_secs_f64(),
            rss()
        );
    }
    if mode == "locate" {
        let hooks: Vec<WebhookId> = hub
            .webhooks
            .list()
            .into_iter()
            .map(|(id, _)| id)
            .take(1000)
            .collect();
        // sealed registrations answer 400 in clear; measure them so only if clear
        let total = n;
        for (what, body) in [("location", json!({"type":"update_location","data":{"gps":[52.37,4.89],"gps_accuracy":12,"battery":80,"speed":1,"altitude":3.5,"course":90}}).to_string())] {
            let body = bytes::Bytes::from(body);
            let t = Instant::now();
            let hub2 = &hub; let hooks = &hooks; let body = &body;
            let bad = futures_util::stream::iter(0..total).map(|i| async move {
                let request = WebhookRequest { id: hooks[i % hooks.len()].clone(), method: Method::Post, query: String::new(), headers: Headers::default(), body: body.clone(), source: Source::Http([127,0,0,1].into()) };
                hub2.webhooks.handle(request).await.unwrap().status
            }).buffer_unordered(16).filter(|s| std::future::ready(*s != 200)).count().await;
            println!("{what}: {:.0}/s, not 200: {bad}, rss {}", total as f64 / t.elapsed().as_secs_f64(), rss());
        }
    }
    hub.stop().await;
}
