//! Runs a relay and stops it in order; opens one that does not run, for the command line.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use actix::System;
use hearth_core::command::CommandError;
use hearth_core::env::Env;
use hearth_core::settings::Settings;
use hearth_core::store::{Location, Store, StoreError, StoreSettings};
use hearth_relay::store::{Embedded, QueueLimits};
use hearth_relay::{OpenError, Relay, ServeError, Serving, admin};
use serde_json::{Map, Value};

use crate::arguments::RelayRunArguments;
use crate::configuration::{self, SettingsError};
use crate::data_dir::{DataDirError, DataFolder, Lock};
use crate::{control, logging, run};

/// Why the relay does not run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RelayError {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Serve(#[from] ServeError),
    #[error("cannot listen for signals: {0}")]
    Signals(std::io::Error),
}

/// Runs a relay until it is told to stop.
pub(crate) fn run(arguments: &RelayRunArguments) -> Result<(), RelayError> {
    let mut settings = configuration::load(arguments.config.as_deref())?;
    if let Some(listen) = &arguments.listen {
        settings.relay.listen = configuration::listen_address(listen)?;
    }
    if let Some(listen) = &arguments.admin_listen {
        settings.relay.admin_listen = configuration::listen_address(listen)?;
    }
    logging::start(&settings.log);
    run::raise_open_files();
    System::new().block_on(live(&settings, &arguments.data.data_dir))
}

async fn live(settings: &Settings, data_dir: &Path) -> Result<(), RelayError> {
    let (relay, folder) = open(settings, data_dir)?;
    let ended = ended()?;
    let serving = hearth_relay::serve(relay.clone())?;
    if let Some((folder, _)) = &folder {
        control::serve_with(&folder.control_socket(), move |command, data| {
            let relay = relay.clone();
            Box::pin(async move { admin::carry_out(&relay, &command, data).await })
        });
    }
    announce(&serving);
    ended.await;
    tracing::info!("stopping");
    serving.stop().await?;
    if let Some((folder, _)) = &folder {
        let _ = std::fs::remove_file(folder.control_socket());
    }
    tracing::info!("stopped");
    Ok(())
}

/// Carries out a command of the command line on a relay that does not run.
pub(crate) async fn call_stopped(
    data_dir: &Path,
    command: &str,
    data: Map<String, Value>,
) -> Result<Result<Value, CommandError>, RelayError> {
    let (relay, _folder) = open(&Settings::default(), data_dir)?;
    let answer = admin::carry_out(&relay, command, data).await;
    relay.store.close().await?;
    Ok(answer)
}

type Opened = (Relay, Option<(DataFolder, Lock)>);

fn open(settings: &Settings, data_dir: &Path) -> Result<Opened, RelayError> {
    let env = settings.hub.seed.map_or_else(Env::system, Env::seeded);
    let (location, folder) = if settings.store.in_memory {
        (Location::Memory, None)
    } else {
        let folder = DataFolder::open(data_dir)?;
        let lock = folder.lock()?;
        (Location::File(folder.relay_store()), Some((folder, lock)))
    };
    let store_settings = StoreSettings {
        queue: settings.store.queue,
        ..StoreSettings::default()
    };
    let limits = QueueLimits {
        messages: settings.relay.queue,
        bytes: settings.relay.queue_bytes,
    };
    let store = Store::open(&location, store_settings)?;
    let store = Embedded::open(store, env.clone(), limits, settings.relay.seen)?;
    let relay = Relay::open(env, settings.relay.clone(), Arc::new(store))?;
    Ok((relay, folder))
}

/// For programs, and the only lines on stdout.
fn announce(serving: &Serving) {
    let mut stdout = std::io::stdout().lock();
    // Whoever closed our stdout does not want to know.
    let _ = writeln!(stdout, "admin http://{}", serving.admin_address())
        .and_then(|()| writeln!(stdout, "ready {}", serving.url()))
        .and_then(|()| stdout.flush());
}

/// Resolves at the first signal to stop.
fn ended() -> Result<impl Future<Output = ()>, RelayError> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).map_err(RelayError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(RelayError::Signals)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
