//! A hub in memory behind a real server, with one integration that has a bit of everything.

use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::future::LocalBoxFuture;
use hearth_auth::{Auth, AuthSettings, GroupId, NewUser};
use hearth_core::command::{Command, CommandError, ErrorCode};
use hearth_core::ids::{UserId, WebhookId};
use hearth_core::prelude::*;
use hearth_core::registry::{Changes, NewConfigEntry};
use hearth_core::settings::Settings;
use hearth_core::store::{Location, Store, StoreSettings};
use hearth_core::users::UserDirectory;
use hearth_core::view::{ViewAccess, ViewBody, ViewRequest, ViewResponse};
use hearth_core::webhook::{Method, Methods, WebhookRequest, WebhookResponse};
use hearth_http::{Door, Serving, serve};

use crate::client::{Client, Reply};

/// A served hub, and tokens of three users.
pub(crate) struct Home {
    pub(crate) door: Door,
    pub(crate) serving: Serving,
    /// Owner and administrator.
    pub(crate) admin: String,
    pub(crate) admin_id: UserId,
    /// May do everything but administer.
    pub(crate) user: String,
    /// May come from the home's network only.
    pub(crate) local_user: String,
}

/// Runs a test on a fresh home.
pub(crate) fn with_home<F: Future<Output = ()>>(test: impl FnOnce(Home) -> F) {
    with_settings(|_| {}, test);
}

/// The same, with other settings than the defaults.
pub(crate) fn with_settings<F: Future<Output = ()>>(
    adjust: impl FnOnce(&mut Settings),
    test: impl FnOnce(Home) -> F,
) {
    let mut settings = Settings::default();
    settings.http.listen = "127.0.0.1:0".to_owned();
    settings.http.workers = 2;
    settings.hub.threads = 1;
    adjust(&mut settings);
    hearth_core::System::new().block_on(async move {
        test(Home::open(settings).await).await;
    });
}

impl Home {
    async fn open(settings: Settings) -> Self {
        let store = Store::open(&Location::Memory, StoreSettings::default()).unwrap();
        let hub = Hub::open(Env::system(), Arc::new(settings), store.clone()).unwrap();
        let auth = Auth::load(
            store,
            hub.env.clone(),
            AuthSettings::from_settings(&hub.settings),
        )
        .unwrap();
        let door = Door::new(hub, auth);
        door.hub.users.set(Arc::new(Directory(door.auth.clone())));
        let (admin, admin_id) = token(&door, NewUser::person("Ada").owner()).await;
        let plain = |name| NewUser::person(name).in_groups(vec![GroupId::Users]);
        let (user, _) = token(&door, plain("Bo")).await;
        let (local_user, _) = token(&door, plain("Cy").local_only()).await;
        door.hub
            .start_integrations(vec![Factory::new(Manifest::new("lab", "Lab"), |_| {
                Box::<Lab>::default()
            })])
            .await;
        let serving = serve(door.clone()).unwrap();
        Self {
            door,
            serving,
            admin,
            admin_id,
            user,
            local_user,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.serving.address()
    }

    pub(crate) async fn connect(&self) -> Client {
        Client::connect(self.address()).await
    }

    /// Sends one request as the administrator.
    pub(crate) async fn admin(&self, method: &str, path: &str, body: &str) -> Reply {
        self.bearing(&self.admin, method, path, body).await
    }

    /// Sends one request with a token.
    pub(crate) async fn bearing(&self, token: &str, method: &str, path: &str, body: &str) -> Reply {
        let fields = format!("Authorization: Bearer {token}\r\n");
        self.connect()
            .await
            .request(method, path, &fields, body.as_bytes())
            .await
    }

    /// Sends one request without a token, and with these header fields.
    pub(crate) async fn plain(&self, method: &str, path: &str, fields: &str, body: &str) -> Reply {
        self.connect()
            .await
            .request(method, path, fields, body.as_bytes())
            .await
    }
}

async fn token(door: &Door, user: NewUser) -> (String, UserId) {
    let user = door.auth.create_user(user).await.unwrap();
    let token = door
        .auth
        .create_long_lived_token(user.id, "test", 1)
        .await
        .unwrap();
    (token.secret().to_owned(), user.id)
}

struct Directory(Auth);

impl UserDirectory for Directory {
    fn is_admin(&self, user: UserId) -> bool {
        self.0.find_user(user).is_some_and(|user| user.is_admin())
    }

    fn may_control(&self, user: UserId, _: &EntityId) -> bool {
        self.0.find_user(user).is_some()
    }

    fn owner(&self) -> Option<(UserId, String)> {
        None
    }
}

/// An integration with a webhook, services, commands, views and a config entry.
#[derive(Default)]
struct Lab {
    host: Option<Host>,
}

impl Integration for Lab {
    fn start(&mut self, host: Host) -> LocalBoxFuture<'_, Result<(), StartError>> {
        Box::pin(async move {
            for (id, methods, local_only) in [
                ("echo", Methods::POST_PUT, None),
                (
                    "any/method",
                    Methods::of([Method::Get, Method::Head, Method::Post]),
                    None,
                ),
                ("local", Methods::POST_PUT, Some(true)),
                ("failing", Methods::POST_PUT, None),
            ] {
                host.register_webhook(WebhookId::from(id), id, methods, local_only)
                    .await
                    .map_err(StartError::new)?;
            }
            let level = Field::required("level", Kind::Integer { min: 0, max: 100 }, "How much");
            host.register_service("dim", "Dims", Schema::Fields(vec![level]), Response::None)
                .await;
            for (name, response) in [
                ("maybe", Response::Optional),
                ("only", Response::Only),
                ("fail", Response::None),
            ] {
                host.register_service(name, "Answers", Schema::Anything, response)
                    .await;
            }
            host.register_admin_service("secret", "Administers", Schema::Anything)
                .await;
            for command in [
                "template/render",
                "lab/config_entry/remove",
                "lab/config_flow/start",
                "config_entries/get",
            ] {
                host.register_command(command, Access::Admin);
            }
            host.register_command("intent/handle", Access::AnyUser);
            host.register_command("lab/local", Access::Local);
            host.register_command("lab/inside", Access::Inside);
            for (method, path, access) in [
                (http::Method::POST, "/api/lab/things", ViewAccess::AnyUser),
                (
                    http::Method::GET,
                    "/api/lab/things/{name}",
                    ViewAccess::Public,
                ),
                (http::Method::GET, "/api/lab/secrets", ViewAccess::Admin),
            ] {
                host.register_view(method, path, access);
            }
            let mut changes = Changes::new(&host.hub().store);
            let entry = NewConfigEntry {
                domain: "lab",
                title: "The lab",
                source: "user",
                unique_id: None,
            };
            host.hub()
                .registries
                .config_entries
                .create(&mut changes, entry)
                .map_err(StartError::new)?;
            changes
                .commit(&host.hub().bus, host.env(), Context::new(host.env()))
                .await
                .map_err(StartError::new)?;
            self.host = Some(host);
            Ok(())
        })
    }

    fn webhook(&mut self, request: WebhookRequest) -> LocalBoxFuture<'_, WebhookResponse> {
        Box::pin(async move {
            assert!(
                request.id.as_str() != "failing",
                "this webhook always fails"
            );
            let body = String::from_utf8_lossy(&request.body);
            let seen = json!({
                "method": request.method.as_str(),
                "query": request.query,
                "header": request.headers.get("X-Test"),
                "length": body.len(),
                "body": body.chars().take(100).collect::<String>(),
            });
            WebhookResponse::json(201, &seen)
        })
    }

    fn call_service(
        &mut self,
        call: ServiceCall,
    ) -> LocalBoxFuture<'_, Result<Option<Value>, ServiceError>> {
        Box::pin(async move {
            let host = self.host.as_ref().ok_or(ServiceError::Unknown)?;
            match &*call.service {
                "dim" => {
                    let id = "light.lab".parse().map_err(|_| ServiceError::Unknown)?;
                    let other = Context::new(host.env());
                    let other_id = "light.other".parse().map_err(|_| ServiceError::Unknown)?;
                    let level = call.data["level"].to_string();
                    for (id, context) in [(&id, call.context), (&other_id, other)] {
                        let _ = host
                            .set_state(id, &level, Attributes::empty(), context)
                            .await;
                    }
                    Ok(None)
                }
                "fail" => Err(ServiceError::Failed("the lamp is broken".into())),
                _ => Ok(call.return_response.then(|| json!({"answer": 42}))),
            }
        })
    }

    fn command(&mut self, command: Command) -> LocalBoxFuture<'_, Result<Value, CommandError>> {
        Box::pin(async move {
            match (&*command.name, command.data.get("template")) {
                ("lab/config_entry/remove", _) => Ok(json!({"require_restart": false})),
                ("lab/config_flow/start", _) => Ok(json!({"type": "abort", "reason": "lab"})),
                ("config_entries/get", _) => Ok(self.entries(command.data.get("domain"))),
                ("intent/handle", _) => Ok(json!({"speech": {}, "card": {}, "data": {}})),
                (_, Some(template)) if template == "{{ 1 / 0 }}" => Err(CommandError::new(
                    ErrorCode::TEMPLATE,
                    "ZeroDivisionError: division by zero",
                )),
                _ => Ok(json!("rendered")),
            }
        })
    }

    fn view(&mut self, request: ViewRequest) -> LocalBoxFuture<'_, ViewResponse> {
        Box::pin(async move {
            let seen = json!({
                "name": request.param("name"),
                "query": request.query,
                "body": String::from_utf8_lossy(&request.body),
                "authorization": request.headers.get("authorization").is_some(),
                "user": request.caller.and_then(|caller| caller.user_id()),
            });
            if request.param("name") == Some("streamed") {
                let pieces = ["one ", "two"].map(|piece| Ok(piece.into()));
                return ViewResponse {
                    status: 200,
                    content_type: "text/plain".into(),
                    headers: Vec::new(),
                    body: ViewBody::Stream(Box::pin(futures_util::stream::iter(pieces))),
                };
            }
            ViewResponse::json(200, &seen)
        })
    }
}

impl Lab {
    /// The config entries of a domain, or all.
    fn entries(&self, domain: Option<&Value>) -> Value {
        let host = self.host.as_ref().unwrap();
        let entries = host.hub().registries.config_entries.list();
        entries
            .iter()
            .filter(|entry| domain.is_none_or(|domain| *domain == *entry.domain))
            .map(|entry| json!({"entry_id": entry.entry_id, "domain": entry.domain, "title": entry.title}))
            .collect()
    }
}
