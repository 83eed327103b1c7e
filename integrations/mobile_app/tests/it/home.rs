//! A home with phones.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hearth_core::ask::ask;
use hearth_core::command::{Access, Caller, CommandError};
use hearth_core::env::Env;
use hearth_core::event::Context;
use hearth_core::hub::Hub;
use hearth_core::ids::{EntityId, UserId, WebhookId};
use hearth_core::location::Zone;
use hearth_core::settings::Settings;
use hearth_core::store::{Location, Store, StoreSettings};
use hearth_core::view::{ViewBody, ViewRequest};
use hearth_core::webhook::{Headers, Method, Source, WebhookRequest, WebhookResponse};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::neighbours::Neighbours;
use crate::seal::Key;

/// Where the home stands.
pub(crate) const HOME: (f64, f64) = (52.3731, 4.8922);

/// A running hub on a store in a folder of its own.
pub(crate) struct Home {
    pub(crate) hub: Hub,
    pub(crate) user: UserId,
    settings: Settings,
    folder: TempDir,
}

impl Home {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings::default();
        change(&mut settings);
        let folder = tempfile::tempdir().unwrap();
        let hub = open(folder.path().join("hub.db"), &settings).await;
        Self {
            user: UserId::generate(&hub.env),
            hub,
            settings,
            folder,
        }
    }

    /// Stops the hub and starts another one on the same store.
    pub(crate) async fn restart(&mut self) {
        self.hub.stop().await;
        self.hub = open(self.folder.path().join("hub.db"), &self.settings).await;
    }

    pub(crate) fn body(name: &str, encrypted: bool) -> Value {
        json!({
            "app_id": "org.example.phone", "app_name": "Example", "app_version": "1",
            "device_name": name, "device_id": format!("device-{name}"), "manufacturer": "Example",
            "model": "One", "os_name": "Linux", "os_version": "6", "supports_encryption": encrypted,
        })
    }

    /// Posts a registration body; gives status and answer.
    pub(crate) async fn post(&self, body: &str) -> (u16, Value) {
        let views = self.hub.views.current();
        let view = views
            .iter()
            .find(|view| &*view.path == "/api/mobile_app/registrations")
            .unwrap();
        let context = Context::of_user(&self.hub.env, self.user);
        let request = ViewRequest {
            path: view.path.to_string(),
            params: Vec::new(),
            query: String::new(),
            headers: Headers::default(),
            body: body.to_owned().into(),
            caller: Some(Caller::new(context, Access::AnyUser)),
            remote: [127, 0, 0, 1].into(),
        };
        let Ok(response) = ask(&view.handler, request).await else {
            panic!("no answer");
        };
        let ViewBody::Whole(body) = response.body else {
            panic!("a stream");
        };
        (response.status, serde_json::from_slice(&body).unwrap())
    }

    pub(crate) async fn register(&self, body: &Value) -> Phone {
        let (status, answer) = self.post(&body.to_string()).await;
        assert_eq!(status, 201, "{answer}");
        Phone {
            hub: self.hub.clone(),
            id: answer["webhook_id"].as_str().unwrap().to_owned(),
            secret: answer["secret"].as_str().map(str::to_owned),
        }
    }

    pub(crate) async fn phone(&self, name: &str) -> Phone {
        self.register(&Self::body(name, false)).await
    }

    pub(crate) async fn sealed_phone(&self, name: &str) -> Phone {
        self.register(&Self::body(name, true)).await
    }

    /// The same phone after a restart.
    pub(crate) fn again(&self, phone: &Phone) -> Phone {
        Phone {
            hub: self.hub.clone(),
            id: phone.id.clone(),
            secret: phone.secret.clone(),
        }
    }

    pub(crate) async fn command(
        &self,
        name: &str,
        data: Value,
        authority: Access,
    ) -> Result<Value, CommandError> {
        let Value::Object(data) = data else {
            panic!("command data is an object")
        };
        let caller = Caller::new(Context::new(&self.hub.env), authority);
        self.hub.commands.call(name, data, caller).await
    }

    /// The full state of an entity as clients see it.
    pub(crate) fn state(&self, id: &str) -> Option<Value> {
        self.hub.states.get(id).map(|state| state.to_value())
    }

    pub(crate) fn text(&self, id: &str) -> String {
        let state = self.hub.states.get(id);
        state.unwrap_or_else(|| panic!("no {id}")).state.to_string()
    }

    pub(crate) fn attributes(&self, id: &str) -> Value {
        self.state(id).unwrap()["attributes"].clone()
    }
}

async fn open(path: PathBuf, settings: &Settings) -> Hub {
    let store = Store::open(&Location::File(path), StoreSettings::default()).unwrap();
    let hub = Hub::open(Env::system(), Arc::new(settings.clone()), store).unwrap();
    hub.zones.publish(vec![Zone {
        entity_id: EntityId::from_parts("zone", "home"),
        name: "Home".into(),
        latitude: HOME.0,
        longitude: HOME.1,
        radius: 100.0,
        passive: false,
    }]);
    hub.start_integrations(vec![Neighbours::factory(), hearth_mobile_app::factory()])
        .await;
    hub
}

/// A registered phone.
pub(crate) struct Phone {
    hub: Hub,
    pub(crate) id: String,
    pub(crate) secret: Option<String>,
}

impl Phone {
    pub(crate) fn current(&self) -> Key {
        Key::current(self.secret.as_ref().unwrap())
    }

    pub(crate) fn legacy(&self) -> Key {
        Key::legacy(self.secret.as_ref().unwrap())
    }

    pub(crate) async fn post(&self, body: &str) -> Answer {
        let request = WebhookRequest {
            id: WebhookId::from(self.id.as_str()),
            method: Method::Post,
            query: String::new(),
            headers: Headers::default(),
            body: body.to_owned().into(),
            source: Source::Http([127, 0, 0, 1].into()),
        };
        Answer(self.hub.webhooks.handle(request).await.unwrap())
    }

    pub(crate) async fn send(&self, kind: &str, data: Value) -> Answer {
        let body = json!({"type": kind, "data": data});
        self.post(&body.to_string()).await
    }

    pub(crate) async fn frame(&self, kind: &str, frame: &str) -> Answer {
        let body = json!({"type": kind, "encrypted": true, "encrypted_data": frame});
        self.post(&body.to_string()).await
    }

    pub(crate) async fn sealed(&self, key: &Key, kind: &str, data: Value) -> Answer {
        self.frame(kind, &key.seal(&data.to_string())).await
    }
}

/// What a webhook answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer(pub(crate) WebhookResponse);

impl Answer {
    pub(crate) fn body(&self) -> &str {
        std::str::from_utf8(&self.0.body).unwrap()
    }

    #[track_caller]
    pub(crate) fn is(&self, status: u16, body: &str) {
        assert_eq!((self.0.status, self.body()), (status, body));
        assert_eq!(self.0.content_type.is_some(), !body.is_empty());
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(self.body()).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    #[track_caller]
    pub(crate) fn is_json(&self, status: u16, body: &Value) {
        assert_eq!((self.0.status, &self.json()), (status, body));
    }

    #[track_caller]
    pub(crate) fn is_refused(&self, code: &str) {
        assert_eq!(self.0.status, 400, "{self:?}");
        let answer = self.json();
        assert_eq!(answer["success"], false);
        assert_eq!(answer["error"]["code"], code, "{answer}");
    }

    /// What is in a sealed answer; `None` where another key sealed it.
    pub(crate) fn open(&self, key: &Key) -> Option<Value> {
        let envelope = self.json();
        assert_eq!(envelope["encrypted"], true, "{self:?}");
        assert_eq!(envelope.as_object().unwrap().len(), 2);
        key.open(envelope["encrypted_data"].as_str().unwrap())
    }
}

/// Waits until `is_so`, at most ten seconds.
pub(crate) async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !is_so() {
        assert!(Instant::now() < deadline, "it never happened that {what}");
        actix_rt::time::sleep(Duration::from_millis(5)).await;
    }
}
