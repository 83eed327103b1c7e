//! A hub with some integrations, and how a test speaks with it.

use std::path::Path;
use std::sync::Arc;

use hearth_core::env::Env;
use hearth_core::hub::Hub;
use hearth_core::integration::Factory;
use hearth_core::prelude::{Access, Caller, CommandError, Context, Map, ServiceError, Value};
use hearth_core::service::CallRequest;
use hearth_core::settings::Settings;
use hearth_core::store::{Location, Store, StoreSettings};

/// A hub in which only these integrations run.
pub struct Home {
    /// The hub itself.
    pub hub: Hub,
}

impl Home {
    /// With default settings, in memory.
    pub async fn of(factories: Vec<Factory>) -> Self {
        Self::with(Settings::default(), factories).await
    }

    /// With these settings, in memory.
    pub async fn with(settings: Settings, factories: Vec<Factory>) -> Self {
        Self::open(Env::system(), settings, &Location::Memory, factories).await
    }

    /// With default settings, kept in this folder.
    pub async fn kept_in(folder: &Path, factories: Vec<Factory>) -> Self {
        let location = Location::File(folder.join("hub.db"));
        Self::open(Env::system(), Settings::default(), &location, factories).await
    }

    /// With all that a hub is made of.
    pub async fn open(
        env: Env,
        settings: Settings,
        location: &Location,
        factories: Vec<Factory>,
    ) -> Self {
        let store = Store::open(location, StoreSettings::default()).expect("a store");
        let hub = Hub::open(env, Arc::new(settings), store).expect("a hub");
        hub.start_integrations(factories).await;
        Self { hub }
    }

    /// The settings with a section of configuration, given as JSON.
    pub fn settings(domain: &str, section: Value) -> Settings {
        let mut settings = Settings::default();
        settings.domains.insert(domain.to_owned(), section);
        settings
    }

    /// Calls a command as an administrator.
    pub async fn command(&self, name: &str, data: Value) -> Result<Value, CommandError> {
        let caller = Caller::new(Context::new(&self.hub.env), Access::Admin);
        self.hub.commands.call(name, object(data), caller).await
    }

    /// Calls a service, such as `light.turn_on`, and waits for its end.
    pub async fn serve(&self, service: &str, data: Value) -> Result<Option<Value>, ServiceError> {
        let context = Context::new(&self.hub.env);
        self.serve_as(service, data, context).await
    }

    /// The same with this context.
    pub async fn serve_as(
        &self,
        service: &str,
        data: Value,
        context: Context,
    ) -> Result<Option<Value>, ServiceError> {
        let (domain, service) = service.split_once('.').expect("domain.service");
        let request = CallRequest {
            domain: domain.to_owned(),
            service: service.to_owned(),
            data: object(data),
            context,
            return_response: false,
        };
        self.hub.services.call(request).await
    }

    /// The state of an entity; none where it has none.
    pub fn state(&self, entity_id: &str) -> Option<String> {
        let state = self.hub.states.get(entity_id)?;
        Some(state.state.to_string())
    }

    /// All attributes of an entity; null where there is none.
    pub fn attributes(&self, entity_id: &str) -> Value {
        let state = self.hub.states.get(entity_id);
        state.map_or(Value::Null, |state| {
            Value::Object(state.attributes.to_map())
        })
    }
}

fn object(data: Value) -> Map<String, Value> {
    match data {
        Value::Object(data) => data,
        other => panic!("{other} is no object"),
    }
}
