//! Services: named actions such as `light.turn_on`, with a schema, targets and an optional
//! response.
//!
//! A service is either answered whole by one handler ([`Handling::Direct`]) or it acts on
//! entities ([`Handling::Entities`]): then the registry resolves the targets and sends each
//! provider the entities that are its own, so a demo lamp and an MQTT lamp are both reached by
//! one `light.turn_on`.

mod catalog;
mod schema;
mod target;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use actix::Recipient;
use dashmap::DashMap;
use futures_util::future::join_all;
use serde_json::{Map, Value, json};

pub use catalog::{EntityService, entity_services};
pub use schema::{Field, InvalidData, Kind, Schema};
pub use target::TARGET_KEYS;

use crate::ask::{Ask, Question, Unanswered, ask};
use crate::bus::Bus;
use crate::command::Translation;
use crate::env::Env;
use crate::event::{Context, Event};
use crate::ids::{EntityId, UserId};
use crate::registry::Registries;
use crate::state::{StateMachine, UNAVAILABLE};
use crate::users::Users;

/// A call on its way to its handler: checked, targets resolved.
#[derive(Clone, Debug)]
pub struct ServiceCall {
    /// `light`
    pub domain: Arc<str>,
    /// `turn_on`
    pub service: Arc<str>,
    /// The data after the schema converted it, without targets.
    pub data: Map<String, Value>,
    /// The entities to act on; empty for services that act on none.
    pub entities: Vec<EntityId>,
    /// Why, and for whom. State writes carry it on.
    pub context: Context,
    /// Whether the caller wants a response.
    pub return_response: bool,
}

impl Question for ServiceCall {
    type Answer = Result<Option<Value>, ServiceError>;
}

/// What a service handler is registered as.
pub type ServiceHandler = Recipient<Ask<ServiceCall>>;

/// Whether a service answers with data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Response {
    /// Never.
    None,
    /// When asked to.
    Optional,
    /// Always; the caller must ask.
    Only,
}

/// Who carries a service out.
#[derive(Clone)]
pub enum Handling {
    /// One handler; it sees target keys in its data like any other.
    Direct(ServiceHandler),
    /// The providers of the targeted entities of `domain`.
    Entities {
        /// Bits of `supported_features`, any of which an entity must have; 0 asks for none.
        required_features: u64,
    },
}

/// A service as it is registered.
#[derive(Clone)]
pub struct Service {
    /// `light`
    pub domain: Arc<str>,
    /// `turn_on`
    pub name: Arc<str>,
    /// For a person.
    pub description: Arc<str>,
    /// What it takes beside targets.
    pub schema: Schema,
    /// Whether it answers with data.
    pub response: Response,
    /// Whether a user who calls it must be an administrator.
    pub admin: bool,
    /// Who carries it out.
    pub handling: Handling,
}

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ServiceError {
    /// No such service.
    #[error("Service {0}.{1} not found.")]
    NotFound(Arc<str>, Arc<str>),
    /// The data does not fit the schema.
    #[error("{0}")]
    Invalid(String),
    /// The service refuses the data for a reason of its own.
    #[error("{0}")]
    Validation(String, Option<Box<Translation>>),
    /// The user may not.
    #[error("Unauthorized")]
    Unauthorized,
    /// A response was asked for and there is none.
    #[error("An action which does not return responses can't be called with return_response=True")]
    NoResponse,
    /// The service has a response and the caller did not ask for it.
    #[error("The action requires responses and must be called with return_response=True")]
    ResponseRequired,
    /// It failed, in the integration's words.
    #[error("{0}")]
    Failed(String),
    /// Too much is waiting.
    #[error("The hub is busy; try again in a moment")]
    Busy,
    /// The handler failed without a word.
    #[error("Unknown error")]
    Unknown,
}

/// A call as a door hands it in.
#[derive(Clone, Debug)]
pub struct CallRequest {
    /// `light`, in any case.
    pub domain: String,
    /// `turn_on`, in any case.
    pub service: String,
    /// Data with the targets merged in.
    pub data: Map<String, Value>,
    /// Why, and for whom.
    pub context: Context,
    /// Whether the caller wants a response.
    pub return_response: bool,
}

type Key = (Arc<str>, Arc<str>);

/// All services. Shared by `Arc`.
pub struct ServiceRegistry {
    env: Env,
    bus: Bus,
    states: Arc<StateMachine>,
    registries: Arc<Registries>,
    services: DashMap<Key, Arc<Service>>,
    providers: DashMap<EntityId, ServiceHandler>,
    users: Users,
}

impl ServiceRegistry {
    /// No services yet.
    pub fn new(
        env: Env,
        bus: Bus,
        states: Arc<StateMachine>,
        registries: Arc<Registries>,
        users: Users,
    ) -> Self {
        Self {
            env,
            bus,
            states,
            registries,
            services: DashMap::new(),
            providers: DashMap::new(),
            users,
        }
    }

    /// Registers a service; one of the same name is replaced. Fires `service_registered`.
    pub async fn register(&self, service: Service) {
        let key = (Arc::clone(&service.domain), Arc::clone(&service.name));
        let data = json!({"domain": service.domain, "service": service.name});
        if self.services.insert(key, Arc::new(service)).is_none() {
            self.fire("service_registered", data, Context::new(&self.env))
                .await;
        }
    }

    /// Takes a service away; an unknown one is no error. Fires `service_removed`.
    pub async fn unregister(&self, domain: &str, name: &str) {
        if self.services.remove(&key(domain, name)).is_some() {
            let data = json!({"domain": domain, "service": name});
            self.fire("service_removed", data, Context::new(&self.env))
                .await;
        }
    }

    /// Whether there is such a service; case does not matter.
    pub fn contains(&self, domain: &str, name: &str) -> bool {
        self.services.contains_key(&key(domain, name))
    }

    /// Binds entities to the actor that carries out their services.
    pub fn provide(&self, entity_id: EntityId, provider: ServiceHandler) {
        self.providers.insert(entity_id, provider);
    }

    /// Ends what [`ServiceRegistry::provide`] began.
    pub fn withdraw(&self, entity_id: &EntityId) {
        self.providers.remove(entity_id);
    }

    /// Brings what was provided under an entity's old id to its new one.
    pub(crate) fn renamed(&self, old: &EntityId, new: &EntityId) {
        if let Some((_, provider)) = self.providers.remove(old) {
            self.providers.insert(new.clone(), provider);
        }
    }

    /// `{domain: {service: description}}`, as `get_services` shows it.
    pub fn describe(&self) -> BTreeMap<String, BTreeMap<String, Value>> {
        let mut domains: BTreeMap<String, BTreeMap<String, Value>> = BTreeMap::new();
        for service in &self.services {
            domains
                .entry(service.domain.to_string())
                .or_default()
                .insert(service.name.to_string(), describe(&service));
        }
        domains
    }

    /// Calls a service and waits for its end.
    ///
    /// `call_service` is fired after the data was found valid and before anything is done.
    pub async fn call(&self, request: CallRequest) -> Result<Option<Value>, ServiceError> {
        let wanted = key(&request.domain, &request.service);
        let service = self
            .services
            .get(&wanted)
            .map(|service| Arc::clone(&service))
            .ok_or(ServiceError::NotFound(wanted.0, wanted.1))?;
        match (service.response, request.return_response) {
            (Response::None, true) => return Err(ServiceError::NoResponse),
            (Response::Only, false) => return Err(ServiceError::ResponseRequired),
            _ => {}
        }
        if service.admin
            && let Some(user) = request.context.user_id
            && !self.users.is_admin(user)
        {
            return Err(ServiceError::Unauthorized);
        }
        let given = Value::Object(request.data.clone());
        let call = |data, entities| ServiceCall {
            domain: Arc::clone(&service.domain),
            service: Arc::clone(&service.name),
            data,
            entities,
            context: request.context,
            return_response: request.return_response,
        };
        let event = json!({
            "domain": service.domain, "service": service.name, "service_data": given,
        });
        match &service.handling {
            Handling::Direct(handler) => {
                let data = service
                    .schema
                    .apply(request.data)
                    .map_err(ServiceError::Invalid)?;
                self.fire("call_service", event, request.context).await;
                deliver(handler, call(data, Vec::new())).await
            }
            Handling::Entities { required_features } => {
                let (targets, data) = target::split(request.data).map_err(ServiceError::Invalid)?;
                let data = service.schema.apply(data).map_err(ServiceError::Invalid)?;
                self.fire("call_service", event, request.context).await;
                let named = target::resolve(
                    &targets,
                    Some(&service.domain),
                    &self.states,
                    &self.registries,
                );
                let entities =
                    self.permitted(named, *required_features, request.context.user_id)?;
                self.dispatch(entities, |entities| call(data.clone(), entities))
                    .await
            }
        }
    }

    /// Takes the targets out of a call's data and finds the entities of any domain that they mean;
    /// the rest of the data comes back beside them. For services that pass calls on to others.
    /// Errors are `invalid_format` texts.
    pub fn targets(
        &self,
        data: Map<String, Value>,
    ) -> Result<(Vec<EntityId>, Map<String, Value>), String> {
        let (targets, rest) = target::split(data)?;
        let found = target::resolve(&targets, None, &self.states, &self.registries);
        let entities = found.entities.into_iter().map(|(id, _)| id).collect();
        Ok((entities, rest))
    }

    /// Leaves out what cannot act now; refuses what the user may not touch.
    fn permitted(
        &self,
        targets: target::Resolved,
        required_features: u64,
        user: Option<UserId>,
    ) -> Result<Vec<EntityId>, ServiceError> {
        let mut permitted = Vec::with_capacity(targets.entities.len());
        let mut missing = Vec::new();
        for (entity_id, named_directly) in targets.entities {
            if let Some(user) = user
                && !self.users.may_control(user, &entity_id)
            {
                // "all" means all that the user may control.
                if targets.all {
                    continue;
                }
                return Err(ServiceError::Unauthorized);
            }
            let Some(state) = self.states.get(entity_id.as_str()) else {
                missing.push(entity_id);
                continue;
            };
            if &*state.state == UNAVAILABLE {
                continue;
            }
            let features = state
                .attributes
                .get("supported_features")
                .and_then(|f| f.as_u64())
                .unwrap_or(0);
            if required_features != 0 && features & required_features == 0 {
                if named_directly {
                    return Err(ServiceError::Failed(format!(
                        "Entity {entity_id} does not support this service."
                    )));
                }
                continue;
            }
            permitted.push(entity_id);
        }
        if let Some(first) = missing.first() {
            let count = missing.len();
            tracing::warn!(%first, count, "a service call names entities that do not exist");
        }
        Ok(permitted)
    }

    /// Sends each provider its entities, all at once; the first error is the call's.
    async fn dispatch(
        &self,
        entities: Vec<EntityId>,
        call: impl Fn(Vec<EntityId>) -> ServiceCall,
    ) -> Result<Option<Value>, ServiceError> {
        let mut by_provider: Vec<(ServiceHandler, Vec<EntityId>)> = Vec::new();
        for entity_id in entities {
            let Some(provider) = self.providers.get(&entity_id).map(|p| p.clone()) else {
                tracing::warn!(entity = %entity_id, "nobody carries out services of this entity");
                continue;
            };
            match by_provider.iter_mut().find(|(known, _)| *known == provider) {
                Some((_, theirs)) => theirs.push(entity_id),
                None => by_provider.push((provider, vec![entity_id])),
            }
        }
        let calls = by_provider.into_iter().map(|(provider, theirs)| {
            let call = call(theirs);
            async move { deliver(&provider, call).await }
        });
        let mut response = Map::new();
        for answer in join_all(calls).await {
            if let Some(Value::Object(part)) = answer? {
                response.extend(part);
            }
        }
        Ok((!response.is_empty()).then_some(Value::Object(response)))
    }

    async fn fire(&self, event_type: &'static str, data: Value, context: Context) {
        let event = Event::local(event_type, data, self.env.now(), context);
        self.bus.publish(event).await;
    }
}

async fn deliver(
    handler: &ServiceHandler,
    call: ServiceCall,
) -> Result<Option<Value>, ServiceError> {
    match ask(handler, call).await {
        Ok(answer) => answer,
        Err(Unanswered::Busy(_)) => Err(ServiceError::Busy),
        Err(Unanswered::Gone(call)) => {
            tracing::error!(domain = %call.domain, service = %call.service, "the service's handler has stopped");
            Err(ServiceError::Unknown)
        }
        Err(Unanswered::Dropped) => Err(ServiceError::Unknown),
    }
}

fn key(domain: &str, name: &str) -> Key {
    (domain.to_lowercase().into(), name.to_lowercase().into())
}

fn describe(service: &Service) -> Value {
    let mut description = json!({
        "name": service.name.replace('_', " "),
        "description": service.description,
        "fields": service.schema.describe(),
    });
    if let Handling::Entities { required_features } = service.handling {
        let mut filter = HashMap::from([("domain", json!([service.domain]))]);
        if required_features != 0 {
            filter.insert("supported_features", json!([required_features]));
        }
        description["target"] = json!({"entity": [filter]});
    }
    match service.response {
        Response::None => {}
        Response::Optional => description["response"] = json!({"optional": true}),
        Response::Only => description["response"] = json!({"optional": false}),
    }
    description
}
