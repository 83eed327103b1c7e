//! Puts a hub together, runs it and stops it in order.

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use hearth_auth::{Auth, AuthError, AuthSettings, ProvisionedToken, ProvisionedUser};
use hearth_core::bus::{Delivery, Filter, Pace};
use hearth_core::command::{Caller, CommandError};
use hearth_core::env::Env;
use hearth_core::event::Context as Cause;
use hearth_core::hub::Hub;
use hearth_core::settings::{LogFormat, SecretMissing, SecretText, Settings};
use hearth_core::store::{Location, Store, StoreError, StoreSettings};
use hearth_http::{Door, ServeError};
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;

use crate::arguments::RunArguments;
use crate::configuration::{self, SettingsError};
use crate::data_dir::{DataDirError, DataFolder, Lock};
use crate::{accounts, control, integrations, logging};

/// Longest time that the doors have to finish what they do.
const DOORS_CLOSE: Duration = Duration::from_secs(2);

/// Why the hub does not run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Level(#[from] logging::InvalidLevel),
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Auth(#[from] AuthError),
    #[error("provision.{key}: {source}")]
    Secret { key: String, source: SecretMissing },
    #[error("provision.{key}: {message}")]
    Provision { key: String, message: String },
    #[error(transparent)]
    Serve(#[from] ServeError),
    #[error("cannot listen for signals: {0}")]
    Signals(std::io::Error),
}

/// What ended a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Stop,
    Restart,
}

/// Runs a hub until it is told to stop.
pub(crate) fn run(arguments: &RunArguments) -> Result<(), RunError> {
    let mut settings = configuration::load(arguments.config.as_deref())?;
    if let Some(listen) = &arguments.listen {
        settings.http.listen = configuration::listen_address(listen)?;
    }
    if arguments.headless {
        settings.http.page = false;
    }
    logging::start(&settings.log)?;
    raise_open_files();
    let end = System::new().block_on(live(settings, &arguments.data.data_dir))?;
    if end == End::Restart {
        restart();
    }
    Ok(())
}

async fn live(settings: Settings, data_dir: &Path) -> Result<End, RunError> {
    let settings = Arc::new(settings);
    let (hub, auth, folder) = open(&settings, data_dir)?;
    let asked = EndAsked::listen(&hub).await?;
    accounts::start(&hub, &auth);
    provision_users(&auth, &settings).await?;
    hub.start_integrations(integrations::built_in(&settings))
        .await;
    provision_registrations(&hub, &auth, &settings).await?;

    let serving = hearth_http::serve(Door::new(hub.clone(), auth.clone()))?;
    if let Some((folder, _)) = &folder {
        control::serve(&hub, &folder.control_socket());
    }
    announce(&settings, &auth, serving.address());

    let end = asked.wait().await;
    tracing::info!("stopping");
    // First the doors, so that nothing new comes in, then what stands behind them.
    serving.stop(DOORS_CLOSE).await;
    hub.stop().await;
    if let Some((folder, _)) = &folder {
        let _ = std::fs::remove_file(folder.control_socket());
    }
    tracing::info!("stopped");
    Ok(end)
}

type Opened = (Hub, Auth, Option<(DataFolder, Lock)>);

/// Opens the store and what is read from it.
pub(crate) fn open(settings: &Arc<Settings>, data_dir: &Path) -> Result<Opened, RunError> {
    let env = settings.hub.seed.map_or_else(Env::system, Env::seeded);
    let (location, folder) = if settings.store.in_memory {
        (Location::Memory, None)
    } else {
        let folder = DataFolder::open(data_dir)?;
        let lock = folder.lock()?;
        (Location::File(folder.store()), Some((folder, lock)))
    };
    let store_settings = StoreSettings {
        queue: settings.store.queue,
        ..StoreSettings::default()
    };
    let store = Store::open(&location, store_settings)?;
    let auth = Auth::load(store.clone(), env.clone(), AuthSettings::default())?;
    let hub = Hub::open(env, Arc::clone(settings), store)?;
    Ok((hub, auth, folder))
}

async fn provision_users(auth: &Auth, settings: &Settings) -> Result<(), RunError> {
    let mut users = Vec::new();
    for (index, user) in settings.provision.users.iter().enumerate() {
        let key = format!("users[{index}].token");
        let token = match &user.token {
            None => None,
            Some(secret) => {
                let text = secret.resolve().map_err(|source| RunError::Secret {
                    key: key.clone(),
                    source,
                })?;
                let token = ProvisionedToken::new(&text).map_err(|error| RunError::Provision {
                    key,
                    message: error.to_string(),
                })?;
                Some(token)
            }
        };
        users.push(ProvisionedUser {
            name: user.name.clone(),
            owner: user.owner,
            admin: user.admin,
            token,
        });
    }
    auth.provision(users).await?;
    Ok(())
}

async fn provision_registrations(
    hub: &Hub,
    auth: &Auth,
    settings: &Settings,
) -> Result<(), RunError> {
    let mut wanted = Vec::new();
    for (index, registration) in settings.provision.registrations.iter().enumerate() {
        let at = |field: &str| format!("registrations[{index}].{field}");
        let user =
            auth.find_user_by_name(&registration.user)
                .ok_or_else(|| RunError::Provision {
                    key: at("user"),
                    message: format!("there is no user `{}`", registration.user),
                })?;
        let secret = |field: &str, text: &SecretText| {
            text.resolve().map_err(|source| RunError::Secret {
                key: at(field),
                source,
            })
        };
        let mut data = serde_json::to_value(registration).unwrap_or_default();
        data["user_id"] = json!(user.id);
        data["webhook_id"] = secret("webhook_id", &registration.webhook_id)?.into();
        data["secret"] = match &registration.secret {
            Some(text) => secret("secret", text)?.into(),
            None => Value::Null,
        };
        wanted.push(data);
    }
    if wanted.is_empty() {
        return Ok(());
    }
    let data = Map::from_iter([("registrations".to_owned(), Value::Array(wanted))]);
    let caller = Caller::inside(Cause::new(&hub.env));
    hub.commands
        .call("mobile_app/provision", data, caller)
        .await
        .map(drop)
        .map_err(|error: CommandError| RunError::Provision {
            key: "registrations".to_owned(),
            message: error.message,
        })
}

/// Tells whoever started the hub where it is. The line on stdout is for programs and the only
/// one there.
fn announce(settings: &Settings, auth: &Auth, address: SocketAddr) {
    let mut stdout = std::io::stdout().lock();
    // Whoever closed our stdout does not want to know.
    let _ = writeln!(stdout, "ready http://{address}").and_then(|()| stdout.flush());
    if !settings.http.page || settings.log.format == LogFormat::Json {
        return;
    }
    eprintln!("\n  Hearth runs at http://{address}\n");
    if auth.list_users().iter().all(|user| user.system_generated) {
        eprintln!(
            "  Nobody owns this hub yet. In a second terminal, make the owner and a token for an app:\n\n      \
             hearth token create --user YOUR_NAME --name \"My phone\"\n\n  \
             (with cargo: cargo run --release -- token create --user YOUR_NAME --name \"My phone\")\n"
        );
    }
}

/// What can end a run: a signal, or the services `homeassistant.stop` and `.restart`.
struct EndAsked(mpsc::UnboundedReceiver<End>);

impl EndAsked {
    async fn listen(hub: &Hub) -> Result<Self, RunError> {
        use tokio::signal::unix::{SignalKind, signal};
        let (asked, ends) = mpsc::unbounded_channel();
        for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
            let mut signals = signal(kind).map_err(RunError::Signals)?;
            let asked = asked.clone();
            actix::spawn(async move {
                while signals.recv().await.is_some() {
                    let _ = asked.send(End::Stop);
                }
            });
        }
        let listener = EndListener(asked).start();
        let filter = Filter::of_types(["hearth_stop_requested", "hearth_restart_requested"]);
        hub.bus
            .subscribe(filter, Pace::Lag, listener.recipient())
            .await;
        Ok(Self(ends))
    }

    async fn wait(mut self) -> End {
        self.0.recv().await.unwrap_or(End::Stop)
    }
}

struct EndListener(mpsc::UnboundedSender<End>);

impl Actor for EndListener {
    type Context = Context<Self>;
}

impl Handler<Delivery> for EndListener {
    type Result = ();

    fn handle(&mut self, delivery: Delivery, _: &mut Self::Context) {
        if let Delivery::Event { event, .. } = delivery {
            let end = match event.event_type.as_str() {
                "hearth_restart_requested" => End::Restart,
                _ => End::Stop,
            };
            let _ = self.0.send(end);
        }
    }
}

/// Each client is a file descriptor: takes as many as the system allows.
fn raise_open_files() {
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!(%error, "cannot raise the limit of open files");
    }
}

/// Starts the same program with the same arguments in this process's place.
fn restart() {
    use std::os::unix::process::CommandExt;
    let mut arguments = std::env::args_os();
    let Some(program) = std::env::current_exe()
        .ok()
        .or_else(|| arguments.next().map(Into::into))
    else {
        return;
    };
    let error = std::process::Command::new(program)
        .args(std::env::args_os().skip(1))
        .exec();
    eprintln!("hearth: cannot restart: {error}");
}
