//! The relay's two listeners: one for the world, one for its operator.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::{App, HttpResponse, HttpServer, web};
use hearth_core::store::StoreError;
use rustls::ServerConfig;

use crate::presence::Farewell;
use crate::relay::Relay;
use crate::tls::TlsError;
use crate::{connections, hubs, operator, public, tls};

/// Seconds that an idle connection is kept.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// Seconds that a client may take nothing of what is sent to it (spec relay §6).
const PATIENCE: Duration = Duration::from_secs(20);
/// Threads that serve the operator.
const OPERATOR_WORKERS: usize = 1;
/// Longest time that requests have to end.
const STOP: Duration = Duration::from_secs(5);

/// Why the relay does not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// An address cannot be had.
    #[error("cannot listen on {address} (`{key}`): {source}")]
    Listen {
        /// Which setting.
        key: &'static str,
        /// Its value.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// A relay that serves; [`Serving::stop`] ends it.
#[derive(Debug)]
pub struct Serving {
    relay: Relay,
    address: SocketAddr,
    admin_address: SocketAddr,
    is_encrypted: bool,
    handles: [ServerHandle; 2],
}

impl Serving {
    /// Where senders and hubs reach it, with the port that it was given.
    pub fn url(&self) -> String {
        let scheme = if self.is_encrypted { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Where it listens for senders and hubs.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it listens for its operator.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin_address
    }

    /// Sends the hubs away, lets open requests end, and writes what is to be written.
    ///
    /// # Errors
    /// What the store met.
    pub async fn stop(self) -> Result<(), StoreError> {
        self.relay.presence.dismiss_all(Farewell::Draining);
        for handle in &self.handles {
            if tokio::time::timeout(STOP, handle.stop(true)).await.is_err() {
                tracing::info!("some clients were still busy when the door closed");
                handle.stop(false).await;
            }
        }
        self.relay.store.close().await
    }
}

/// Opens both doors, on threads of their own. Needs a running actix system. Signals are left to the
/// caller.
///
/// # Errors
/// An address cannot be had, or the certificate cannot be used.
pub fn serve(relay: Relay) -> Result<Serving, ServeError> {
    let settings = relay.settings.clone();
    let certificate = tls::configure(
        settings.tls_certificate.as_deref(),
        settings.tls_key.as_deref(),
    )?;
    let is_encrypted = certificate.is_some();
    let (server, address) = public_server(&relay, certificate)?;
    let (admin_server, admin_address) = operator_server(&relay)?;
    let handles = [server.handle(), admin_server.handle()];
    for server in [server, admin_server] {
        actix_rt::spawn(async move {
            if let Err(error) = server.await {
                tracing::error!(%error, "a server ended");
            }
        });
    }
    actix_rt::spawn(relay.clone().keep_house());
    Ok(Serving {
        relay,
        address,
        admin_address,
        is_encrypted,
        handles,
    })
}

fn public_server(
    relay: &Relay,
    certificate: Option<ServerConfig>,
) -> Result<(Server, SocketAddr), ServeError> {
    let settings = &relay.settings;
    let workers = match settings.workers {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        given => given,
    };
    let data = web::Data::new(relay.clone());
    let server = HttpServer::new(move || {
        App::new()
            .app_data(data.clone())
            .configure(public::configure)
            .configure(hubs::configure)
            .default_service(web::to(nothing_here))
    })
    .workers(workers)
    .max_connections(settings.max_connections.div_ceil(workers).max(1))
    .keep_alive(KEEP_ALIVE)
    .client_request_timeout(Duration::from_secs(settings.header_timeout_s))
    .shutdown_timeout(STOP.as_secs())
    .tcp_nodelay(true)
    .h1_allow_half_closed(false)
    .disable_signals()
    .on_connect(connections::prepare(relay.clone(), PATIENCE));
    let bound = match certificate {
        Some(certificate) => server.bind_rustls_0_23(&settings.listen, certificate),
        None => server.bind(&settings.listen),
    };
    let server = bound.map_err(refused("relay.listen", &settings.listen))?;
    let address = first(&server.addrs(), "relay.listen", &settings.listen)?;
    Ok((server.run(), address))
}

fn operator_server(relay: &Relay) -> Result<(Server, SocketAddr), ServeError> {
    let listen = &relay.settings.admin_listen;
    let data = web::Data::new(relay.clone());
    let server = HttpServer::new(move || {
        App::new()
            .app_data(data.clone())
            .configure(operator::configure)
    })
    .workers(OPERATOR_WORKERS)
    .shutdown_timeout(STOP.as_secs())
    .disable_signals()
    .bind(listen)
    .map_err(refused("relay.admin_listen", listen))?;
    let address = first(&server.addrs(), "relay.admin_listen", listen)?;
    Ok((server.run(), address))
}

async fn nothing_here() -> HttpResponse {
    HttpResponse::NotFound()
        .content_type("application/json")
        .force_close()
        .body(r#"{"error":"not_found"}"#)
}

fn refused<'a>(key: &'static str, address: &'a str) -> impl FnOnce(io::Error) -> ServeError + 'a {
    move |source| ServeError::Listen {
        key,
        address: address.to_owned(),
        source,
    }
}

fn first(
    addresses: &[SocketAddr],
    key: &'static str,
    listen: &str,
) -> Result<SocketAddr, ServeError> {
    addresses
        .first()
        .copied()
        .ok_or_else(|| refused(key, listen)(io::ErrorKind::AddrNotAvailable.into()))
}
