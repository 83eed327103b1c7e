//! Notifications to phones (spec mobile-app §6).

mod channel;
mod cloud;
mod kept;
mod service;

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use actix_web::{App, HttpResponse, HttpServer, web};
use hearth_core::command::{Access, Caller, CommandError};
use hearth_core::event::Context;
use hearth_core::service::{CallRequest, ServiceError};
use hearth_core::settings::Settings;
use hearth_core::subscription::{Events, subscription};
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::home::{Home, Phone};

/// Settings for push services on this machine, and short waits.
fn near(settings: &mut Settings) {
    settings.push.allow_private_addresses = true;
    settings.push.retry_s = 0.05;
}

/// A push service: notes what it gets, answers what it is told to.
struct PushService {
    url: String,
    status: Arc<AtomicU16>,
    bodies: Arc<Mutex<Vec<Value>>>,
}

impl PushService {
    fn start() -> Self {
        let status = Arc::new(AtomicU16::new(201));
        let bodies = Arc::<Mutex<Vec<Value>>>::default();
        let (answer, seen) = (Arc::clone(&status), Arc::clone(&bodies));
        let server = HttpServer::new(move || {
            let (answer, seen) = (Arc::clone(&answer), Arc::clone(&seen));
            let take = move |body: web::Json<Value>| {
                seen.lock().push(body.into_inner());
                let status = answer.load(Ordering::SeqCst).try_into().unwrap();
                let body = json!({"message": "words", "rateLimits": {
                    "successful": 1, "errors": 0, "maximum": 500, "resetsAt": "2026-01-01T00:00:00Z",
                }});
                async move {
                    HttpResponse::build(status)
                        .insert_header(("location", "/elsewhere"))
                        .json(body)
                }
            };
            App::new().default_service(web::to(take))
        });
        let server = server
            .workers(1)
            .disable_signals()
            .bind("127.0.0.1:0")
            .unwrap();
        let url = format!("http://{}/push", server.addrs()[0]);
        actix_rt::spawn(server.run());
        Self {
            url,
            status,
            bodies,
        }
    }

    fn answers(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    fn messages(&self) -> Vec<String> {
        messages(&self.bodies.lock())
    }

    fn count(&self) -> usize {
        self.bodies.lock().len()
    }
}

fn messages(payloads: &[Value]) -> Vec<String> {
    let message = |payload: &Value| payload["message"].as_str().unwrap().to_owned();
    payloads.iter().map(message).collect()
}

/// A phone that takes notifications on a channel, and by `push_url` where one is given.
async fn phone(home: &Home, name: &str, push_url: Option<&str>) -> Phone {
    let mut body = Home::body(name, false);
    body["app_data"] = json!({"push_websocket_channel": true});
    if let Some(url) = push_url {
        body["app_data"]["push_url"] = url.into();
        body["app_data"]["push_token"] = "token".into();
    }
    home.register(&body).await
}

async fn notify(home: &Home, service: &str, data: Value) -> Result<(), ServiceError> {
    let request = CallRequest {
        domain: "notify".to_owned(),
        service: service.to_owned(),
        data: data.as_object().unwrap().clone(),
        context: Context::new(&home.hub.env),
        return_response: false,
    };
    home.hub.services.call(request).await.map(|_| ())
}

async fn say(home: &Home, service: &str, message: &str) {
    notify(home, service, json!({"message": message}))
        .await
        .unwrap();
}

/// A phone's open channel.
struct Channel(Events);

impl Channel {
    async fn open(home: &Home, phone: &Phone, support_confirm: bool) -> Self {
        let data = json!({"webhook_id": phone.id, "support_confirm": support_confirm});
        Self::try_open(home, home.user, data).await.unwrap()
    }

    async fn try_open(
        home: &Home,
        user: hearth_core::ids::UserId,
        data: Value,
    ) -> Result<Self, CommandError> {
        let (subscriber, events) = subscription();
        let context = Context::of_user(&home.hub.env, user);
        let caller = Caller::new(context, Access::Admin);
        let Value::Object(data) = data else {
            panic!("command data is an object")
        };
        let name = "mobile_app/push_notification_channel";
        let result = home.hub.commands.subscribe(name, data, caller, subscriber);
        assert_eq!(result.await?, Value::Null);
        Ok(Self(events))
    }

    async fn next(&mut self) -> Value {
        let wait = Duration::from_secs(10);
        let event = actix_rt::time::timeout(wait, self.0.next()).await;
        let event = event.expect("the notification comes in time").unwrap();
        serde_json::from_slice(&event).unwrap()
    }

    async fn next_messages(&mut self, count: usize) -> Vec<String> {
        let mut events = Vec::new();
        for _ in 0..count {
            events.push(self.next().await);
        }
        messages(&events)
    }
}

async fn confirm(home: &Home, phone: &Phone, event: &Value) -> Result<Value, CommandError> {
    let id = event["hass_confirm_id"].as_str().unwrap();
    assert_eq!(id.len(), 32);
    let data = json!({"webhook_id": phone.id, "confirm_id": id});
    let context = Context::of_user(&home.hub.env, home.user);
    let caller = Caller::new(context, Access::AnyUser);
    let name = "mobile_app/push_notification_confirm";
    let data = data.as_object().unwrap().clone();
    home.hub.commands.call(name, data, caller).await
}

/// What is in the store for phones.
fn kept(home: &Home) -> usize {
    let store = home
        .hub
        .store
        .collection::<Value>("mobile_app.notifications");
    store.load_all().unwrap().len()
}
