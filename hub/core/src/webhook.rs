//! Webhooks: unguessable ids, each bound to one handler.
//!
//! The `WebhookRouter` actor owns the table; doors read it from any thread through
//! [`Webhooks::handle`] without a mailbox hop. Registering and removing are atomic towards
//! requests: after [`Webhooks::unregister`] returns, no new request reaches the handler.
//!
//! A handler that stops before it took a request (a sleeping device, a restart) gets it again
//! through the hook's `home`, so nothing is lost and nothing runs twice.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use actix::prelude::*;
use bytes::Bytes;
use dashmap::DashMap;
use foldhash::quality::RandomState;
use http::{HeaderName, HeaderValue};
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ask::{Ask, Question, Unanswered, ask, ask_from_here};
use crate::ids::{UserId, WebhookId};

/// A method that a webhook can allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// `GET`
    Get,
    /// `HEAD`
    Head,
    /// `POST`
    Post,
    /// `PUT`
    Put,
}

impl Method {
    /// From the exact upper-case name; `None` for any other method.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "GET" => Some(Self::Get),
            "HEAD" => Some(Self::Head),
            "POST" => Some(Self::Post),
            "PUT" => Some(Self::Put),
            _ => None,
        }
    }

    /// The upper-case name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
        }
    }
}

/// The methods that one webhook allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Methods(u8);

impl Methods {
    /// POST and PUT, the default of the protocol.
    pub const POST_PUT: Self = Self(1 << Method::Post as u8 | 1 << Method::Put as u8);

    /// A set of methods.
    pub fn of(methods: impl IntoIterator<Item = Method>) -> Self {
        Self(methods.into_iter().fold(0, |set, m| set | 1 << m as u8))
    }

    /// Whether `method` is allowed.
    pub fn contains(self, method: Method) -> bool {
        self.0 & (1 << method as u8) != 0
    }

    /// The allowed ones, sorted by name.
    pub fn names(self) -> Vec<&'static str> {
        [Method::Get, Method::Head, Method::Post, Method::Put]
            .into_iter()
            .filter(|m| self.contains(*m))
            .map(Method::as_str)
            .collect()
    }
}

/// Through which door a request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// HTTP, from this address (the client's, where a trusted proxy stands between).
    Http(IpAddr),
    /// `webhook/handle` on the socket of this user; counts as local.
    WebSocket(UserId),
    /// The relay link; never local, whatever addresses appear in the request.
    Relay,
}

impl Source {
    /// Whether a local-only webhook may run (spec webhook §3).
    pub fn is_local(self) -> bool {
        match self {
            Self::Http(address) => is_local_address(address),
            Self::WebSocket(_) => true,
            Self::Relay => false,
        }
    }
}

/// Loopback, private and link-local addresses, also in their IPv4-mapped form.
pub fn is_local_address(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => is_local_address(IpAddr::V4(v4)),
            None => {
                v6 == Ipv6Addr::LOCALHOST
                    || v6.segments()[0] & 0xff00 == 0xfd00
                    || v6.segments()[0] & 0xffc0 == 0xfe80
            }
        },
    }
}

/// Header fields in the order in which they came; names compare without case.
#[derive(Clone, Default)]
pub struct Headers(Vec<(HeaderName, HeaderValue)>);

impl Headers {
    /// From fields.
    pub fn new(fields: Vec<(HeaderName, HeaderValue)>) -> Self {
        Self(fields)
    }

    /// The first field of that name as text.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter()
            .find(|(field, _)| field.as_str().eq_ignore_ascii_case(name))
            .and_then(|(_, value)| value.to_str().ok())
    }

    /// Every field, repeated ones too.
    pub fn iter(&self) -> impl Iterator<Item = &(HeaderName, HeaderValue)> {
        self.0.iter()
    }
}

/// Values may hold credentials: only the names are shown.
impl std::fmt::Debug for Headers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|(name, _)| name))
            .finish()
    }
}

/// What arrived at a webhook.
#[derive(Debug)]
pub struct WebhookRequest {
    /// At which one.
    pub id: WebhookId,
    /// How.
    pub method: Method,
    /// URL-encoded text behind the `?`; repeated keys and their order are kept.
    pub query: String,
    /// Header fields.
    pub headers: Headers,
    /// The body, at most `http.body_limit` bytes.
    pub body: Bytes,
    /// Through which door.
    pub source: Source,
}

impl Question for WebhookRequest {
    type Answer = WebhookResponse;
}

/// What a webhook answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookResponse {
    /// HTTP status.
    pub status: u16,
    /// Content type, where there is a body.
    pub content_type: Option<Cow<'static, str>>,
    /// The body.
    pub body: Bytes,
}

impl WebhookResponse {
    /// No body and no content type.
    pub const fn empty(status: u16) -> Self {
        Self {
            status,
            content_type: None,
            body: Bytes::new(),
        }
    }

    /// A JSON body from its text.
    pub fn json_text(status: u16, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            content_type: Some(Cow::Borrowed("application/json")),
            body: body.into(),
        }
    }

    /// A JSON body.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::json_text(status, body.to_string())
    }
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
    unknown: Arc<AtomicU64>,
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
        all.extend(others.filter_map(|id| self.lookup(&id).map(|hook| (id, hook))));
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
        self.unknown.load(Ordering::Relaxed)
    }

    /// Answers a request in the order of spec webhook §2: known? method allowed? local? handler.
    ///
    /// `Err(Overloaded)`: the handler's mailbox is full; doors say 503.
    pub async fn handle(&self, request: WebhookRequest) -> Result<WebhookResponse, Overloaded> {
        const NOTHING: WebhookResponse = WebhookResponse::empty(200);
        let Some(hook) = self.lookup(&request.id) else {
            self.unknown.fetch_add(1, Ordering::Relaxed);
            tracing::debug!(webhook = request.id.short(), source = ?request.source, "no such webhook");
            return Ok(NOTHING);
        };
        if !hook.methods.contains(request.method) {
            return Ok(match request.method {
                Method::Head => NOTHING,
                _ => WebhookResponse::empty(405),
            });
        }
        if hook.local_only == Some(true) && !request.source.is_local() {
            tracing::info!(
                webhook = request.id.short(),
                "a local-only webhook was called from outside"
            );
            return Ok(NOTHING);
        }
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

    fn lookup(&self, id: &WebhookId) -> Option<Arc<Hook>> {
        self.table.get(id)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_addresses_are_those_of_the_spec() {
        for local in [
            "127.9.9.9",
            "::1",
            "10.1.2.3",
            "172.31.0.1",
            "192.168.1.1",
            "169.254.0.1",
            "fd12::1",
            "fe80::1",
            "::ffff:10.0.0.1",
        ] {
            assert!(is_local_address(local.parse().unwrap()), "{local}");
        }
        for remote in [
            "8.8.8.8",
            "172.32.0.1",
            "fc00::1",
            "2001:db8::1",
            "::ffff:8.8.8.8",
        ] {
            assert!(!is_local_address(remote.parse().unwrap()), "{remote}");
        }
    }
}
