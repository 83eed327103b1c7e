//! What a page in the browser needs of the hub (spec websocket-api §7, frontend §4): its panels,
//! dashboards and their resources, texts and icons of the hub's own domains, and what each user
//! keeps.
//!
//! This crate owns dashboards and user data. It serves no files and knows no page: what it stores
//! is the page's own business.
//!
//! Start reading at `commands/mod.rs`, the table of all commands; each group is a file beside it.

mod commands;
mod texts;

use futures_util::future::LocalBoxFuture;
use hearth_core::prelude::*;
use hearth_core::records::Records;
use hearth_core::store::{Collection, StoreError};

use commands::dashboards::Dashboard;
use commands::resources::Resource;
use commands::user_data;

/// Makes the integration.
pub fn factory() -> Factory {
    Factory::new(Manifest::new("frontend", "Frontend"), |_| {
        Box::<FrontendIntegration>::default()
    })
}

#[derive(Default)]
struct FrontendIntegration(Option<Frontend>);

/// What the integration holds while it runs.
struct Frontend {
    host: Host,
    dashboards: Records<Dashboard>,
    resources: Records<Resource>,
    /// What dashboards show, by their path. Read when it is asked for: it may be large.
    shown: Collection<Value>,
    /// What users keep, by user. Read when it is asked for.
    user_data: Collection<Map<String, Value>>,
    /// Clients that would hear of further scripts for the page; none come.
    script_listeners: Vec<Subscriber>,
}

impl Integration for FrontendIntegration {
    fn start(&mut self, host: Host) -> LocalBoxFuture<'_, Result<(), StartError>> {
        Box::pin(async move {
            let hub = host.hub();
            let limit = hub.settings.hub.collection_limit;
            let store = &hub.store;
            let frontend = Frontend {
                dashboards: Records::load(store, "lovelace.dashboards", "dashboard", limit)
                    .map_err(StartError::new)?,
                resources: Records::load(store, "lovelace.resources", "resource", limit)
                    .map_err(StartError::new)?,
                shown: store.collection("lovelace.configs"),
                user_data: store.collection("frontend.user_data"),
                script_listeners: Vec::new(),
                host: host.clone(),
            };
            host.subscribe(Filter::of_types(["user_removed"])).await;
            commands::register(&host);
            hub.load_component("lovelace").await;
            self.0 = Some(frontend);
            Ok(())
        })
    }

    fn on_event(&mut self, _: SubscriptionId, event: Arc<Event>) -> LocalBoxFuture<'_, ()> {
        Box::pin(async move {
            if let Some(frontend) = &mut self.0 {
                user_data::user_removed(frontend, &event.data_value()).await;
            }
        })
    }

    fn command(&mut self, command: Command) -> LocalBoxFuture<'_, Result<Value, CommandError>> {
        Box::pin(async move {
            match &mut self.0 {
                Some(frontend) => commands::run(frontend, command).await,
                None => Err(CommandError::unknown()),
            }
        })
    }
}

/// Reads a document where reading may block. A damaged one counts as none: what a page keeps next
/// takes its place.
async fn read<T>(collection: &Collection<T>, id: &str) -> Result<Option<T>, CommandError>
where
    T: serde::Serialize + serde::de::DeserializeOwned + Send + 'static,
{
    let (collection, id) = (collection.clone(), id.to_owned());
    let reading = tokio::task::spawn_blocking(move || collection.get_valid(&id));
    let read = reading.await.map_err(|_| CommandError::unknown())?;
    read.map_err(failed)
}

/// The store could not keep a change; nothing changed.
fn failed(error: StoreError) -> CommandError {
    tracing::error!(%error, "what a page keeps cannot be stored");
    CommandError::failed(error.to_string())
}

/// Refuses what is larger than a setting allows.
fn check_size(
    value: &impl serde::Serialize,
    limit: usize,
    setting: &str,
) -> Result<(), CommandError> {
    let size = serde_json::to_string(value).map_or(usize::MAX, |text| text.len());
    if size <= limit {
        return Ok(());
    }
    Err(CommandError::failed(format!(
        "No more than {limit} bytes are kept (setting {setting})"
    )))
}
