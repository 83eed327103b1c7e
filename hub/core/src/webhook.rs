//! Webhooks: unguessable ids, each bound to one handler.
//!
//! The `WebhookRouter` actor owns the table; doors read it from any thread through
//! [`Webhooks::handle`] without a mailbox hop. Registering and removing are atomic towards
//! requests: after [`Webhooks::unregister`] returns, no new request reaches the handler. One that
//! already runs finishes.
//!
//! A handler that stops before it took a request (a sleeping device, a restart) gets it again
//! through the hook's `home`, so nothing is lost and nothing runs twice.
//!
//! A webhook in ten lines, within an integration (its `start` and its `webhook`):
//!
//! ```
//! # use futures_util::future::LocalBoxFuture;
//! use hearth_core::base_url::BaseUrls;
//! use hearth_core::prelude::*;
//! use hearth_core::webhook::{Methods, WebhookRequest, WebhookResponse};
//!
//! # struct Mailbox;
//! impl Integration for Mailbox {
//!     fn start(&mut self, host: Host) -> LocalBoxFuture<'_, Result<(), StartError>> {
//!         Box::pin(async move {
//!             let id = host.generate_webhook_id();
//!             host.register_webhook(id.clone(), "Mailbox", Methods::POST_PUT, Some(false))
//!                 .await
//!                 .map_err(StartError::new)?;
//!             // What the sender is told, once somebody has said how the hub is reached.
//!             let url = host.webhook_url(&id, BaseUrls::ANY);
//! #           assert!(url.is_err());
//!             Ok(())
//!         })
//!     }
//!
//!     fn webhook(&mut self, request: WebhookRequest) -> LocalBoxFuture<'_, WebhookResponse> {
//!         Box::pin(async move { WebhookResponse::json(200, &json!({"bytes": request.body.len()})) })
//!     }
//! }
//! #
//! # hearth_core::System::new().block_on(async {
//! #     let hub = Hub::in_memory().unwrap();
//! #     let factory = Factory::new(Manifest::new("mailbox", "Mailbox"), |_| Box::new(Mailbox));
//! #     hub.start_integrations(vec![factory]).await;
//! #     let request = WebhookRequest {
//! #         id: hub.webhooks.list()[0].0.clone(),
//! #         method: hearth_core::webhook::Method::Post,
//! #         query: String::new(),
//! #         headers: Default::default(),
//! #         body: "a letter".into(),
//! #         source: hearth_core::webhook::Source::Relay,
//! #     };
//! #     assert_eq!(hub.webhooks.handle(request).await.unwrap().body, r#"{"bytes":8}"#);
//! # });
//! ```
//!
//! Ids that people choose (automations) may be any text that fits one part of a path; they are
//! compared exactly.

mod repeats;
mod request;
mod unknown;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use actix::prelude::*;
use dashmap::DashMap;
use foldhash::quality::RandomState;
use parking_lot::{Mutex, RwLock};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

pub use request::{
    Headers, Method, Methods, Source, WebhookRequest, WebhookResponse, is_local_address,
};

use crate::ask::{Ask, Unanswered, ask, ask_from_here};
use crate::base_url::{BaseUrls, NoBaseUrl};
use crate::hub::Hub;
use crate::ids::WebhookId;
use repeats::Repeats;
use unknown::UnknownIds;

/// What a path part holds as it is; everything else of an id is percent-encoded.
const PATH_PART: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// The path of a webhook below every base URL of the hub.
pub fn path(id: &WebhookId) -> String {
    format!(
        "/api/webhook/{}",
        utf8_percent_encode(id.as_str(), PATH_PART)
    )
}

/// The URL of a webhook, on the best base URL that will do. It holds the id: a secret.
///
/// # Errors
/// The hub knows no base URL that will do.
pub fn url(hub: &Hub, id: &WebhookId, urls: BaseUrls) -> Result<String, NoBaseUrl> {
    urls.of(hub).map(|base| base + &path(id))
}

/// What a webhook handler is registered as.
pub type WebhookHandler = Recipient<Ask<WebhookRequest>>;

/// One webhook.
#[derive(Clone)]
pub struct Hook {
    /// The integration that owns it.
    pub domain: Arc<str>,
    /// Display name.
    pub name: Arc<str>,
    /// Allowed methods.
    pub methods: Methods,
    /// `Some(true)`: only callers near by; `None`: everyone, with a warning.
    pub local_only: Option<bool>,
    /// Who answers, whenever there is nobody closer.
    pub home: Arc<WebhookHandler>,
    /// The actor that serves this id at the moment, where it has one of its own.
    pub live: Option<WebhookHandler>,
}

/// The id is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Handler is already defined!")]
pub struct AlreadyDefined;

/// Webhooks whose owner keeps them himself and describes each when it is asked for: a hundred
/// thousand that are seldom called cost the router nothing.
pub trait HookFamily: Send + Sync {
    /// The webhook of this id; its `live` is not looked at.
    fn hook(&self, id: &WebhookId) -> Option<Hook>;
    /// Whether it has this id.
    fn contains(&self, id: &WebhookId) -> bool;
    /// Every id.
    fn ids(&self) -> Vec<WebhookId>;
}

/// What the router writes and everybody reads.
#[derive(Default)]
struct Table {
    /// Webhooks that were registered, and those of families that an actor serves now.
    hooks: DashMap<WebhookId, Arc<Hook>, RandomState>,
    /// By domain.
    families: RwLock<BTreeMap<Arc<str>, Arc<dyn HookFamily>>>,
    /// Webhooks that do not say whether they are for callers near by, and of which it was told
    /// that a caller from elsewhere came.
    told_of: Mutex<HashSet<WebhookId>>,
}

impl Table {
    fn get(&self, id: &WebhookId) -> Option<Arc<Hook>> {
        if let Some(hook) = self.hooks.get(id) {
            return Some(Arc::clone(&hook));
        }
        let families = self.families.read();
        families
            .values()
            .find_map(|family| family.hook(id))
            .map(Arc::new)
    }

    fn contains(&self, id: &WebhookId) -> bool {
        self.hooks.contains_key(id) || self.is_of_a_family(id)
    }

    fn is_of_a_family(&self, id: &WebhookId) -> bool {
        let families = self.families.read();
        families.values().any(|family| family.contains(id))
    }

    /// The ids that only families know: nobody serves them now.
    fn other_ids(&self) -> Vec<WebhookId> {
        let families = self.families.read();
        let ids = families.values().flat_map(|family| family.ids());
        ids.filter(|id| !self.hooks.contains_key(id)).collect()
    }
}

/// The way to the router and its table. Cheap to clone.
#[derive(Clone)]
pub struct Webhooks {
    table: Arc<Table>,
    router: Addr<WebhookRouter>,
    unknown: Arc<UnknownIds>,
    repeats: Repeats,
}

impl Webhooks {
    /// Starts the router on the current arbiter.
    pub fn start() -> Self {
        let table = Arc::<Table>::default();
        Self {
            router: WebhookRouter {
                table: Arc::clone(&table),
            }
            .start(),
            table,
            unknown: Arc::default(),
            repeats: Repeats::default(),
        }
    }

    /// Registers webhooks together. If one id is taken none is registered: the first stays.
    pub async fn register(&self, hooks: Vec<(WebhookId, Hook)>) -> Result<(), AlreadyDefined> {
        // Without a router the hub is going down and no request will come.
        self.router.send(Register(hooks)).await.unwrap_or(Ok(()))
    }

    /// Adds the webhooks of `domain`'s family, in the place of its older one.
    pub async fn add_family(&self, domain: Arc<str>, family: Arc<dyn HookFamily>) {
        let _ = self.router.send(AddFamily(domain, family)).await;
    }

    /// Takes out the family of `domain`, at once; those that an actor serves stay until it ends.
    pub fn remove_family(&self, domain: &str) {
        self.table.families.write().remove(domain);
    }

    /// Removes a webhook; an unknown id is no error, and one of a family is the family's again.
    pub async fn unregister(&self, id: WebhookId) {
        let _ = self.router.send(Unregister(id)).await;
    }

    /// Replaces a webhook's handler and description, whether it existed or not.
    pub async fn replace(&self, id: WebhookId, hook: Hook) {
        let _ = self.router.send(Replace(id, hook)).await;
    }

    /// Says which actor serves `id` from now on; `None`: its `home` again.
    pub async fn set_live(&self, id: WebhookId, live: Option<WebhookHandler>) {
        let _ = self.router.send(SetLive(id, live)).await;
    }

    /// Every webhook. Ids are secrets: for administrators only.
    pub fn list(&self) -> Vec<(WebhookId, Arc<Hook>)> {
        let hooks = self.table.hooks.iter();
        let mut all: Vec<_> = hooks
            .map(|entry| (entry.key().clone(), Arc::clone(entry.value())))
            .collect();
        let others = self.table.other_ids().into_iter();
        all.extend(others.filter_map(|id| self.get(&id).map(|hook| (id, hook))));
        all
    }

    /// Whether someone answers `id`. Doors must not let strangers learn it.
    pub fn contains(&self, id: &WebhookId) -> bool {
        self.table.contains(id)
    }

    /// How many webhooks there are. Counts those of families.
    pub fn len(&self) -> usize {
        self.table.hooks.len() + self.table.other_ids().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many requests came for ids that nobody has.
    pub fn unknown_hits(&self) -> u64 {
        self.unknown.total()
    }

    /// The same by source: an address (a network of IPv6), `websocket`, `relay`, or `others` where
    /// there are too many to tell apart.
    pub fn unknown_hits_by_source(&self) -> Vec<(String, u64)> {
        self.unknown.by_source()
    }

    /// Answers a request in the order of spec webhook §2: known? method allowed? local? handler.
    ///
    /// A request with an `Idempotency-Key` that came before, through whichever door, is not run
    /// again: it gets the answer of the first (spec relay §7.1).
    ///
    /// `Err(Overloaded)`: the handler's mailbox is full; doors say 503.
    pub async fn handle(&self, request: WebhookRequest) -> Result<WebhookResponse, Overloaded> {
        const NOTHING: WebhookResponse = WebhookResponse::empty(200);
        let Some(hook) = self.get(&request.id) else {
            self.unknown.note(&request);
            return Ok(NOTHING);
        };
        if !hook.methods.contains(request.method) {
            return Ok(match request.method {
                Method::Head => NOTHING,
                _ => WebhookResponse::empty(405),
            });
        }
        if hook.local_only != Some(false) && !request.source.is_local() {
            if hook.local_only == Some(true) {
                tracing::info!(
                    webhook = request.id.short(),
                    "a local-only webhook was called from outside"
                );
                return Ok(NOTHING);
            }
            self.tell_once(&request.id, &hook);
        }
        match Repeats::key(&request) {
            None => run(hook, request).await,
            Some(key) => self.repeats.once(key, run(hook, request)).await,
        }
    }

    /// A webhook that does not say whether strangers may call it: they may, and it is told of.
    fn tell_once(&self, id: &WebhookId, hook: &Hook) {
        if self.table.told_of.lock().insert(id.clone()) {
            tracing::warn!(
                webhook = id.short(),
                domain = %hook.domain,
                "a webhook that does not say whether it is local-only was called from outside"
            );
        }
    }

    /// The webhook of this id. Doors must not let strangers learn of it.
    pub fn get(&self, id: &WebhookId) -> Option<Arc<Hook>> {
        self.table.get(id)
    }
}

async fn run(hook: Arc<Hook>, request: WebhookRequest) -> Result<WebhookResponse, Overloaded> {
    let id = request.id.clone();
    match deliver(&hook, request).await {
        Ok(response) => Ok(response),
        Err(Unanswered::Busy(_)) => Err(Overloaded),
        // The actor fell asleep or restarts: what it did not take goes to its home once.
        Err(Unanswered::Gone(request)) => match ask_from_here(&hook.home, request).await {
            Ok(response) => Ok(response),
            Err(Unanswered::Busy(_)) => Err(Overloaded),
            Err(_) => Ok(failed(&id)),
        },
        Err(Unanswered::Dropped) => Ok(failed(&id)),
    }
}

async fn deliver(
    hook: &Hook,
    request: WebhookRequest,
) -> Result<WebhookResponse, Unanswered<WebhookRequest>> {
    match &hook.live {
        Some(live) => ask(live, request).await,
        None => ask_from_here(&hook.home, request).await,
    }
}

/// A handler that failed answers nothing, with 200 (spec webhook §0).
fn failed(id: &WebhookId) -> WebhookResponse {
    tracing::error!(webhook = id.short(), "the handler of a webhook failed");
    WebhookResponse::empty(200)
}

/// The handler cannot take more now.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the webhook's handler is busy")]
pub struct Overloaded;

/// Owns the table of webhooks: the only writer. See the module's guide.
struct WebhookRouter {
    table: Arc<Table>,
}

impl Actor for WebhookRouter {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(1024);
    }
}

#[derive(Message)]
#[rtype(result = "Result<(), AlreadyDefined>")]
struct Register(Vec<(WebhookId, Hook)>);

#[derive(Message)]
#[rtype(result = "()")]
struct Unregister(WebhookId);

#[derive(Message)]
#[rtype(result = "()")]
struct Replace(WebhookId, Hook);

#[derive(Message)]
#[rtype(result = "()")]
struct AddFamily(Arc<str>, Arc<dyn HookFamily>);

#[derive(Message)]
#[rtype(result = "()")]
struct SetLive(WebhookId, Option<WebhookHandler>);

impl Handler<Register> for WebhookRouter {
    type Result = Result<(), AlreadyDefined>;

    fn handle(&mut self, Register(hooks): Register, _: &mut Self::Context) -> Self::Result {
        if hooks.iter().any(|(id, _)| self.table.contains(id)) {
            return Err(AlreadyDefined);
        }
        for (id, hook) in hooks {
            self.table.hooks.insert(id, Arc::new(hook));
        }
        Ok(())
    }
}

impl Handler<Unregister> for WebhookRouter {
    type Result = ();

    fn handle(&mut self, Unregister(id): Unregister, _: &mut Self::Context) {
        self.table.hooks.remove(&id);
        self.table.told_of.lock().remove(&id);
    }
}

impl Handler<Replace> for WebhookRouter {
    type Result = ();

    fn handle(&mut self, Replace(id, hook): Replace, _: &mut Self::Context) {
        self.table.hooks.insert(id, Arc::new(hook));
    }
}

impl Handler<SetLive> for WebhookRouter {
    type Result = ();

    fn handle(&mut self, SetLive(id, live): SetLive, _: &mut Self::Context) {
        if live.is_none() && self.table.is_of_a_family(&id) {
            self.table.hooks.remove(&id);
        } else if let Some(hook) = self.table.get(&id) {
            let changed = Hook {
                live,
                ..Hook::clone(&hook)
            };
            self.table.hooks.insert(id, Arc::new(changed));
        }
    }
}

impl Handler<AddFamily> for WebhookRouter {
    type Result = ();

    fn handle(&mut self, AddFamily(domain, family): AddFamily, _: &mut Self::Context) {
        // What an older family of the domain left: its actors are gone.
        self.table
            .hooks
            .retain(|id, hook| hook.domain != domain || !family.contains(id));
        self.table.families.write().insert(domain, family);
    }
}
