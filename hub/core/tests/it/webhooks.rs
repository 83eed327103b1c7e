//! Webhooks: who owns an id, who may call it, and what becomes of a handler that fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use actix::prelude::*;
use hearth_core::ask::Ask;
use hearth_core::base_url::{BaseUrls, NoBaseUrl};
use hearth_core::hub::Hub;
use hearth_core::ids::WebhookId;
use hearth_core::webhook::{
    self, AlreadyDefined, Headers, Hook, Method, Methods, Source, WebhookRequest, WebhookResponse,
};
use hearth_testing::run;

/// Answers with its number and counts.
struct Numbered {
    number: u16,
    calls: Arc<AtomicUsize>,
}

impl Actor for Numbered {
    type Context = Context<Self>;
}

impl Handler<Ask<WebhookRequest>> for Numbered {
    type Result = ();

    fn handle(&mut self, ask: Ask<WebhookRequest>, ctx: &mut Self::Context) {
        let (request, reply) = ask.take();
        self.calls.fetch_add(1, Ordering::SeqCst);
        match &request.body[..] {
            b"stop" => ctx.stop(),
            b"forget" => {}
            _ => reply.send(WebhookResponse::empty(self.number)),
        }
    }
}

fn hook(number: u16, local_only: Option<bool>) -> (Hook, Arc<AtomicUsize>) {
    let calls = Arc::<AtomicUsize>::default();
    let actor = Numbered {
        number,
        calls: Arc::clone(&calls),
    };
    let hook = Hook {
        domain: "lab".into(),
        name: "Lab".into(),
        methods: Methods::POST_PUT,
        local_only,
        home: Arc::new(actor.start().recipient()),
        live: None,
    };
    (hook, calls)
}

fn request(id: &str, method: Method, body: &str, source: Source) -> WebhookRequest {
    WebhookRequest {
        id: id.into(),
        method,
        query: String::new(),
        headers: Headers::default(),
        body: body.to_owned().into(),
        source,
    }
}

fn from(address: &str) -> Source {
    Source::Http(address.parse().unwrap())
}

async fn post(hub: &Hub, id: &str, body: &str) -> u16 {
    let request = request(id, Method::Post, body, from("127.0.0.1"));
    hub.webhooks.handle(request).await.unwrap().status
}

#[test]
fn an_id_belongs_to_whoever_was_first_until_it_is_given_up() {
    run(async {
        let hub = Hub::in_memory().unwrap();
        let (first, first_calls) = hook(201, Some(false));
        let (second, second_calls) = hook(202, Some(false));
        hub.webhooks
            .register(vec![("a".into(), first)])
            .await
            .unwrap();
        let taken = hub.webhooks.register(vec![("a".into(), second)]).await;
        assert_eq!(taken, Err(AlreadyDefined));
        assert_eq!(AlreadyDefined.to_string(), "Handler is already defined!");
        assert_eq!(post(&hub, "a", "").await, 201);

        hub.webhooks.unregister("a".into()).await;
        hub.webhooks.unregister("a".into()).await;
        assert_eq!(post(&hub, "a", "").await, 200);
        assert_eq!(first_calls.load(Ordering::SeqCst), 1);
        assert_eq!(second_calls.load(Ordering::SeqCst), 0);
        assert_eq!(hub.webhooks.unknown_hits(), 1);
        assert_eq!(
            hub.webhooks.unknown_hits_by_source(),
            [("127.0.0.1".to_owned(), 1)]
        );
    });
}

#[test]
fn ids_are_compared_exactly() {
    run(async {
        let hub = Hub::in_memory().unwrap();
        let (hook, _) = hook(201, Some(false));
        hub.webhooks
            .register(vec![("Front Door".into(), hook)])
            .await
            .unwrap();
        assert_eq!(post(&hub, "Front Door", "").await, 201);
        assert_eq!(post(&hub, "front door", "").await, 200);
        assert_eq!(post(&hub, "Front Door ", "").await, 200);
    });
}

#[test]
fn a_method_that_is_not_allowed_never_reaches_the_handler() {
    run(async {
        let hub = Hub::in_memory().unwrap();
        let (hook, calls) = hook(201, Some(false));
        hub.webhooks
            .register(vec![("a".into(), hook)])
            .await
            .unwrap();
        for (method, status) in [(Method::Get, 405), (Method::Head, 200)] {
            let request = request("a", method, "", from("127.0.0.1"));
            let answer = hub.webhooks.handle(request).await.unwrap();
            assert_eq!(answer, WebhookResponse::empty(status), "{method:?}");
        }
        assert_eq!(calls.load(Ordering::SeqCst), 0);
    });
}

#[test]
fn a_handler_that_fails_or_is_gone_answers_nothing() {
    run(async {
        let hub = Hub::in_memory().unwrap();
        let (hook, calls) = hook(201, Some(false));
        hub.webhooks
            .register(vec![("a".into(), hook)])
            .await
            .unwrap();
        assert_eq!(post(&hub, "a", "forget").await, 200);
        assert_eq!(post(&hub, "a", "stop").await, 200);
        assert_eq!(post(&hub, "a", "").await, 200);
        assert_eq!(calls.load(Ordering::SeqCst), 2);
    });
}

#[test]
fn who_may_call_depends_on_where_the_call_comes_from() {
    run(async {
        let hub = Hub::in_memory().unwrap();
        for (id, local_only) in [
            ("near", Some(true)),
            ("open", Some(false)),
            ("unsaid", None),
        ] {
            let (hook, _) = hook(201, local_only);
            hub.webhooks
                .register(vec![(id.into(), hook)])
                .await
                .unwrap();
        }
        let user = hub.env.hex::<16>().parse().unwrap();
        for (source, is_near) in [
            (from("127.0.0.1"), true),
            (from("::1"), true),
            (from("192.168.1.9"), true),
            (from("::ffff:10.0.0.1"), true),
            (from("8.8.8.8"), false),
            (from("2001:db8::1"), false),
            (Source::WebSocket(user), true),
            (Source::Relay, false),
        ] {
            for (id, runs) in [("near", is_near), ("open", true), ("unsaid", true)] {
                let request = request(id, Method::Post, "", source);
                let status = hub.webhooks.handle(request).await.unwrap().status;
                assert_eq!(status, if runs { 201 } else { 200 }, "{id} {source:?}");
            }
        }
    });
}

#[test]
fn ten_thousand_webhooks_are_found_as_fast_as_ten() {
    run(async {
        let hub = Hub::in_memory().unwrap();
        let (hook, _) = hook(201, Some(false));
        let ids = |range: std::ops::Range<usize>| {
            range
                .map(|n| (WebhookId::from(&*format!("hook {n}")), hook.clone()))
                .collect::<Vec<_>>()
        };
        let lookups = |hub: &Hub| {
            let id = WebhookId::from("hook 5");
            let start = Instant::now();
            for _ in 0..10_000 {
                assert!(hub.webhooks.contains(&id));
            }
            start.elapsed()
        };
        hub.webhooks.register(ids(0..10)).await.unwrap();
        let few = lookups(&hub);
        hub.webhooks.register(ids(10..10_000)).await.unwrap();
        let many = lookups(&hub);
        assert_eq!(hub.webhooks.len(), 10_000);
        // Looking through all of them would take a thousand times as long.
        assert!(
            many < few * 50 + Duration::from_millis(50),
            "{many:?} for {few:?}"
        );
    });
}

#[test]
fn a_url_leads_to_the_webhook_whatever_its_id_is() {
    run(async {
        let hub = Hub::in_memory().unwrap();
        let id = WebhookId::from("front door/äö?");
        assert_eq!(webhook::url(&hub, &id, BaseUrls::ANY), Err(NoBaseUrl));
        hub.listening.on("192.168.7.7:8123".parse().unwrap());
        let url = webhook::url(&hub, &id, BaseUrls::ANY);
        let expected = "http://192.168.7.7:8123/api/webhook/front%20door%2F%C3%A4%C3%B6%3F";
        assert_eq!(url.as_deref(), Ok(expected));
        assert_eq!(webhook::url(&hub, &id, BaseUrls::EXTERNAL), Err(NoBaseUrl));
        let plain = WebhookId::generate(&hub.env);
        assert_eq!(
            webhook::path(&plain),
            format!("/api/webhook/{}", plain.as_str())
        );
    });
}
