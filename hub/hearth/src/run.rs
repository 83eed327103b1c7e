//! Puts a hub together, runs it and stops it in order.

use std::ffi::OsString;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use hearth_auth::{Auth, AuthError, AuthSettings};
use hearth_core::bus::{Delivery, Filter, Pace};
use hearth_core::command::{Caller, CommandError};
use hearth_core::env::Env;
use hearth_core::event::Context as Cause;
use hearth_core::hub::Hub;
use hearth_core::settings::{LogFormat, Settings};
use hearth_core::store::{Location, Store, StoreError, StoreSettings};
use hearth_http::{Door, ServeError};
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;

use crate::arguments::RunArguments;
use crate::configuration::{self, Missing, Provisions, SettingsError};
use crate::data_dir::{DataDirError, DataFolder, Lock};
use crate::{accounts, check_config, control, discovery, integrations, logging, startup_code};

/// Longest time that the doors have to finish what they do.
const DOORS_CLOSE: Duration = Duration::from_secs(2);
/// After its start a hub idles, mostly.
const SETTLED: Duration = Duration::from_secs(3);

/// Why the hub does not run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Auth(#[from] AuthError),
    #[error(transparent)]
    Missing(#[from] Missing),
    #[error("`{key}`: {message}")]
    Provision { key: String, message: String },
    #[error(transparent)]
    Serve(#[from] ServeError),
    #[error("cannot listen for signals: {0}")]
    Signals(std::io::Error),
    #[error("cannot start anew: {0}")]
    Restart(std::io::Error),
}

/// What ended a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Stop,
    /// On this address again.
    Restart(SocketAddr),
}

/// What a run was asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
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
    logging::start(&settings.log);
    let provisions = Provisions::resolve(&settings)?;
    raise_open_files();
    let any_port = settings.http.listen.ends_with(":0");
    let live = live(settings, provisions, arguments);
    match System::new().block_on(live)? {
        End::Stop => Ok(()),
        // Clients know the port by now.
        End::Restart(address) if any_port => Err(restart(Some(address))),
        End::Restart(_) => Err(restart(None)),
    }
}

async fn live(
    settings: Settings,
    provisions: Provisions,
    arguments: &RunArguments,
) -> Result<End, RunError> {
    let settings = Arc::new(settings);
    let (hub, auth, folder) = open(&settings, &arguments.data.data_dir)?;
    let file = arguments.config.clone();
    hub.configured.read_with(move || {
        let settings = configuration::load(file.as_deref());
        settings
            .map(|s| s.domains)
            .map_err(|error| error.to_string())
    });
    let asked = EndAsked::listen(&hub).await?;
    accounts::start(&hub, &auth);
    check_config::start(&hub, arguments.config.clone());
    auth.provision(provisions.users).await?;
    hub.start_integrations(integrations::built_in(&settings))
        .await;
    provision_registrations(&hub, &auth, provisions.registrations).await?;

    let serving = hearth_http::serve(Door::new(hub.clone(), auth.clone()))?;
    if let Some((folder, _)) = &folder {
        control::serve(&hub, &folder.control_socket());
    }
    let address = serving.address();
    announce(&hub, &auth, address);
    let discovery = discovery::start(&hub).await;
    actix::spawn(async {
        tokio::time::sleep(SETTLED).await;
        startup_code::give_back();
    });

    let end = asked.wait().await;
    tracing::info!("stopping");
    if let Some(discovery) = discovery {
        discovery.stop().await;
    }
    // First the doors, so that nothing new comes in, then what stands behind them.
    serving.stop(DOORS_CLOSE).await;
    hub.stop().await;
    if let Some((folder, _)) = &folder {
        let _ = std::fs::remove_file(folder.control_socket());
    }
    tracing::info!("stopped");
    Ok(match end {
        Asked::Stop => End::Stop,
        Asked::Restart => End::Restart(address),
    })
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
    let auth = Auth::load(
        store.clone(),
        env.clone(),
        AuthSettings::from_settings(settings),
    )?;
    let hub = Hub::open(env, Arc::clone(settings), store)?;
    Ok((hub, auth, folder))
}

async fn provision_registrations(
    hub: &Hub,
    auth: &Auth,
    wanted: Vec<(String, Value)>,
) -> Result<(), RunError> {
    let mut registrations = Vec::new();
    for (index, (user, mut data)) in wanted.into_iter().enumerate() {
        let owner = auth
            .find_user_by_name(&user)
            .ok_or_else(|| RunError::Provision {
                key: format!("provision.registrations[{index}].user"),
                message: format!("there is no user `{user}`"),
            })?;
        data["user_id"] = json!(owner.id);
        registrations.push(data);
    }
    if registrations.is_empty() {
        return Ok(());
    }
    let data = Map::from_iter([("registrations".to_owned(), Value::Array(registrations))]);
    let caller = Caller::inside(Cause::new(&hub.env));
    hub.commands
        .call("mobile_app/provision", data, caller)
        .await
        .map(drop)
        .map_err(|error: CommandError| RunError::Provision {
            key: "provision.registrations".to_owned(),
            message: error.message,
        })
}

/// Tells whoever started the hub where it is. The line on stdout is for programs and the only
/// one there.
fn announce(hub: &Hub, auth: &Auth, address: SocketAddr) {
    let settings = &hub.settings;
    let mut stdout = std::io::stdout().lock();
    // Whoever closed our stdout does not want to know.
    let _ = writeln!(stdout, "ready http://{address}").and_then(|()| stdout.flush());
    if !settings.http.page || settings.log.format == LogFormat::Json {
        return;
    }
    let port = address.port();
    match hub.listening.url() {
        Some(url) if address.ip().is_unspecified() => {
            eprintln!("\n  Hearth runs at http://localhost:{port}, for other devices at {url}\n");
        }
        _ if address.ip().is_unspecified() => {
            eprintln!("\n  Hearth runs at http://localhost:{port}\n");
        }
        _ => eprintln!("\n  Hearth runs at http://{address}\n"),
    }
    if let Some(code) = auth.onboarding_code() {
        eprintln!(
            "  Nobody owns this hub yet. Open http://localhost:{port} on this machine and make the \
             owner,\n  or open it from another one with this setup code:\n\n      {}\n\n  \
             Without a browser, in a second terminal: \
             hearth token create --user YOUR_NAME --name \"My phone\"\n",
            code.secret()
        );
    }
}

/// What can end a run: a signal, or the services `homeassistant.stop` and `.restart`.
struct EndAsked(mpsc::UnboundedReceiver<Asked>);

impl EndAsked {
    async fn listen(hub: &Hub) -> Result<Self, RunError> {
        use tokio::signal::unix::{SignalKind, signal};
        let (asked, ends) = mpsc::unbounded_channel();
        for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
            let mut signals = signal(kind).map_err(RunError::Signals)?;
            let asked = asked.clone();
            actix::spawn(async move {
                while signals.recv().await.is_some() {
                    let _ = asked.send(Asked::Stop);
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

    async fn wait(mut self) -> Asked {
        self.0.recv().await.unwrap_or(Asked::Stop)
    }
}

struct EndListener(mpsc::UnboundedSender<Asked>);

impl Actor for EndListener {
    type Context = Context<Self>;
}

impl Handler<Delivery> for EndListener {
    type Result = ();

    fn handle(&mut self, delivery: Delivery, _: &mut Self::Context) {
        if let Delivery::Event { event, .. } = delivery {
            let end = match event.event_type.as_str() {
                "hearth_restart_requested" => Asked::Restart,
                _ => Asked::Stop,
            };
            let _ = self.0.send(end);
        }
    }
}

/// Each client is a file descriptor: takes as many as the system allows.
pub(crate) fn raise_open_files() {
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!(%error, "cannot raise the limit of open files");
    }
}

/// Starts the same program with the same arguments in this process's place, on `address` if one
/// is given. Returns only if that fails.
fn restart(address: Option<SocketAddr>) -> RunError {
    use std::os::unix::process::CommandExt;
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return RunError::Restart(error),
    };
    let arguments = std::env::args_os().skip(1);
    let mut command = std::process::Command::new(program);
    match address {
        None => command.args(arguments),
        Some(address) => command
            .args(without_listen(arguments))
            .arg(format!("--listen={address}")),
    };
    RunError::Restart(command.exec())
}

/// The arguments without `--listen ADDR` or `--listen=ADDR`.
fn without_listen(mut arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut kept = Vec::new();
    while let Some(argument) = arguments.next() {
        if argument == "--listen" {
            arguments.next();
        } else if !argument.to_string_lossy().starts_with("--listen=") {
            kept.push(argument);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restart_keeps_all_arguments_but_the_address() {
        let given = [
            "run",
            "--listen",
            "127.0.0.1:0",
            "--headless",
            "--listen=[::1]:0",
        ];
        let kept = without_listen(given.iter().map(OsString::from));
        assert_eq!(kept, ["run", "--headless"]);
    }
}
