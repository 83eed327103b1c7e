//! The web server: its sockets, its threads, and the layers that a request passes.
//!
//! 1. The connection: bounded in number, with deadlines for header, body and idleness.
//! 2. [`Shell`](crate::shell): limits and header fields of everything that is asked and answered.
//! 3. The table of endpoints in `rest`; what it does not name goes to the views of integrations.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpServer, web};

use crate::alarms;
use crate::client_address::{NotANetwork, TrustedProxies};
use crate::connection;
use crate::door::Door;
use crate::shell::Shell;
use crate::{pages, rest};

/// How long actix itself waits for open requests; [`Serving::stop`] is told how long it may take.
const LONGEST_STOP_SECONDS: u64 = 60;
/// How much is buffered for one connection before it is written, in bytes. A connection keeps what
/// it has once needed; thousands of sockets have thousands of these.
const WRITE_BUFFER: usize = 16 * 1024;

/// Why the server does not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Another program listens there.
    #[error("http.listen: {0} is in use by another program")]
    InUse(String),
    /// The system does not let this user listen there.
    #[error("http.listen: this user may not listen on {0}")]
    Forbidden(String),
    /// Not an address of this machine, or no address at all.
    #[error(
        "http.listen: cannot listen on `{listen}` (expected ADDRESS:PORT, such as 127.0.0.1:8123): {source}"
    )]
    Listen {
        /// What was given.
        listen: String,
        /// What the system says.
        source: io::Error,
    },
    /// A trusted proxy is not an address.
    #[error(transparent)]
    TrustedProxy(#[from] NotANetwork),
}

impl ServeError {
    fn from_bind(listen: &str, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::InUse(listen.to_owned()),
            io::ErrorKind::PermissionDenied => Self::Forbidden(listen.to_owned()),
            _ => Self::Listen {
                listen: listen.to_owned(),
                source,
            },
        }
    }
}

/// A server that serves. It goes on when this is dropped; [`Serving::stop`] ends it.
pub struct Serving {
    address: SocketAddr,
    handle: ServerHandle,
    door: Door,
}

impl Serving {
    /// Where it listens, with the port that it was given.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops listening, ends sockets and streams, and gives open requests so long to end.
    pub async fn stop(&self, patience: Duration) {
        self.door.close();
        let orderly = tokio::time::timeout(patience, self.handle.stop(true));
        if orderly.await.is_err() {
            tracing::info!("some clients were still busy when the door closed");
        }
    }
}

/// Opens the door: listens as the settings say, on threads of its own.
///
/// Needs a running actix system. Signals are left to the caller.
///
/// # Errors
/// [`ServeError`], before anything is served.
pub fn serve(door: Door) -> Result<Serving, ServeError> {
    let settings = door.http().clone();
    let proxies = Arc::new(TrustedProxies::from_settings(&settings)?);
    let workers = match settings.workers {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        given => given,
    };
    door.auth.begin_onboarding();
    let data = web::Data::new(door.clone());
    let serving_door = door.clone();
    let page = settings.page;
    let idle = Duration::from_secs(settings.keep_alive_s);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(data.clone())
            .configure(|app| rest::configure(app, page))
            .configure(|app| pages::configure(app, page))
            .wrap(Shell::new(door.clone(), Arc::clone(&proxies)))
    })
    .workers(workers)
    .max_connections(settings.max_connections.div_ceil(workers).max(1))
    .keep_alive(idle)
    .client_request_timeout(Duration::from_secs(settings.header_timeout_s))
    .shutdown_timeout(LONGEST_STOP_SECONDS)
    .tcp_nodelay(true)
    .h1_write_buffer_size(WRITE_BUFFER)
    // A stream must learn that its client has gone though it has nothing to send.
    .h1_allow_half_closed(false)
    .disable_signals()
    .on_connect(connection::prepare(idle))
    .bind(&settings.listen)
    .map_err(|source| ServeError::from_bind(&settings.listen, source))?;
    let address = server.addrs().first().copied().ok_or_else(|| {
        ServeError::from_bind(&settings.listen, io::ErrorKind::AddrNotAvailable.into())
    })?;
    serving_door.hub.listening.on(address);
    let running = server.run();
    let handle = running.handle();
    let telling = alarms::tell(
        serving_door.hub.clone(),
        serving_door.auth.alarms(),
        serving_door.closed(),
    );
    actix_web::rt::spawn(telling);
    actix_web::rt::spawn(async move {
        if let Err(error) = running.await {
            tracing::error!(%error, "the web server ended");
        }
    });
    Ok(Serving {
        address,
        handle,
        door: serving_door,
    })
}
