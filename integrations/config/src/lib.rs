//! The configuration of the home as clients see and change it (spec websocket-api §6): registries,
//! config entries, manifests, where the home is, what voice assistants may see.
//!
//! This crate owns no things of its own but categories and the choice of what is exposed: it reads
//! and edits what the core keeps. It knows no other integration: whatever belongs to one is asked
//! of it by a command.
//!
//! Start reading at `commands/mod.rs`, the table of all commands; each group is a file beside it.

mod commands;
mod entity_edits;
mod exposed;
mod views;

use std::collections::BTreeMap;

use futures_util::future::LocalBoxFuture;
use hearth_core::prelude::*;
use hearth_core::store::StoreError;

use commands::category::Category;
use commands::config_entries::Listeners;
use exposed::Exposed;

/// Makes the integration.
pub fn factory() -> Factory {
    Factory::new(Manifest::new("config", "Configuration"), |_| {
        Box::<ConfigIntegration>::default()
    })
}

/// What else a client finds loaded: parts of the protocol that have a name of their own.
const COMPONENTS: [&str; 3] = ["network", "repairs", "search"];

#[derive(Default)]
struct ConfigIntegration(Option<Config>);

/// What the integration holds while it runs.
struct Config {
    host: Host,
    categories: BTreeMap<String, Arc<Category>>,
    exposed: Exposed,
    listeners: Listeners,
}

impl Integration for ConfigIntegration {
    fn start(&mut self, host: Host) -> LocalBoxFuture<'_, Result<(), StartError>> {
        Box::pin(async move {
            let store = &host.hub().store;
            let config = Config {
                categories: commands::category::load(store).map_err(StartError::new)?,
                exposed: Exposed::load(store).map_err(StartError::new)?,
                listeners: Listeners::default(),
                host: host.clone(),
            };
            commands::register(&host);
            for component in COMPONENTS {
                host.hub().load_component(component).await;
            }
            self.0 = Some(config);
            Ok(())
        })
    }

    fn on_event(&mut self, _: SubscriptionId, event: Arc<Event>) -> LocalBoxFuture<'_, ()> {
        Box::pin(async move {
            if let Some(config) = &mut self.0 {
                config.tell_listeners(&event.data_value());
            }
        })
    }

    fn command(&mut self, command: Command) -> LocalBoxFuture<'_, Result<Value, CommandError>> {
        Box::pin(async move {
            match &mut self.0 {
                Some(config) => commands::run(config, command).await,
                None => Err(CommandError::unknown()),
            }
        })
    }
}

impl Config {
    fn hub(&self) -> &Hub {
        self.host.hub()
    }

    /// Refuses one more of what people make where there are too many.
    fn check_room(&self, count: usize) -> Result<(), CommandError> {
        let limit = self.hub().settings.hub.collection_limit;
        if count < limit {
            return Ok(());
        }
        Err(CommandError::failed(format!(
            "No more than {limit} are kept (setting hub.collection_limit)"
        )))
    }
}

/// The store could not keep a change; nothing changed.
fn failed(error: StoreError) -> CommandError {
    tracing::error!(%error, "a change of the configuration was not kept");
    CommandError::failed(error.to_string())
}
