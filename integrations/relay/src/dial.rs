//! Reaching the relay: TCP, TLS, and the WebSocket's handshake.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hearth_relay_protocol::{FRAME_BYTES_MAX, SUBPROTOCOL};
use rustls::ClientConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls_platform_verifier::Verifier;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::Error as SocketError;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::{Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::{
    AUTHORIZATION, RETRY_AFTER, SEC_WEBSOCKET_PROTOCOL, USER_AGENT,
};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use url::Host;

use crate::relay::Relay;

/// Which program this is, for the relay's logs.
pub(crate) const AGENT: &str = concat!("Hearth/", env!("CARGO_PKG_VERSION"));
/// The longest that a relay may send the hub away for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);

/// Bytes in both directions.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Transport for T {}

/// An open WebSocket.
pub(crate) type Socket = WebSocketStream<Box<dyn Transport>>;

/// Why the relay was not reached.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DialError {
    #[error("it was not reached: {0}")]
    Io(#[from] io::Error),
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    #[error("it did not answer in time")]
    Timeout,
    #[error("it answered {status}")]
    Refused {
        status: u16,
        retry_after: Option<Duration>,
    },
    #[error("it does not speak {SUBPROTOCOL}")]
    Protocol,
    #[error("the WebSocket was not opened: {0}")]
    Socket(Box<SocketError>),
}

/// What connections to relays share.
pub(crate) struct Dialer {
    timeout: Duration,
    /// None where the relay is spoken to in plain.
    tls: Option<TlsConnector>,
}

impl Dialer {
    /// For this relay; reads the file of trusted certificates.
    pub(crate) fn new(
        relay: &Relay,
        timeout: Duration,
        authority: Option<&str>,
    ) -> Result<Self, DialError> {
        let tls = match relay.is_tls {
            true => Some(TlsConnector::from(Arc::new(tls_config(authority)?))),
            false => None,
        };
        Ok(Self { timeout, tls })
    }

    /// Opens a connection.
    pub(crate) async fn dial(&self, relay: &Relay) -> Result<Socket, DialError> {
        match tokio::time::timeout(self.timeout, self.open(relay)).await {
            Ok(opened) => opened,
            Err(_) => Err(DialError::Timeout),
        }
    }

    async fn open(&self, relay: &Relay) -> Result<Socket, DialError> {
        let tcp = connect(relay).await?;
        // Frames are small and each is waited for.
        tcp.set_nodelay(true)?;
        let transport: Box<dyn Transport> = match &self.tls {
            None => Box::new(tcp),
            Some(tls) => {
                let name = server_name(&relay.host)?;
                Box::new(tls.connect(name, tcp).await?)
            }
        };
        let mut config = WebSocketConfig::default();
        config.max_message_size = Some(FRAME_BYTES_MAX);
        config.max_frame_size = Some(FRAME_BYTES_MAX);
        // An idle link keeps both buffers.
        config.read_buffer_size = 8 * 1024;
        config.write_buffer_size = 8 * 1024;
        let opened = client_async_with_config(request(relay)?, transport, Some(config)).await;
        let (socket, response) = opened.map_err(refusal)?;
        let protocol = response.headers().get(SEC_WEBSOCKET_PROTOCOL);
        if protocol.is_none_or(|protocol| protocol != SUBPROTOCOL) {
            return Err(DialError::Protocol);
        }
        Ok(socket)
    }
}

/// Tries each address of the relay's name.
async fn connect(relay: &Relay) -> io::Result<TcpStream> {
    let addresses: Vec<SocketAddr> = match &relay.host {
        Host::Domain(name) => lookup_host((name.as_str(), relay.port)).await?.collect(),
        Host::Ipv4(address) => vec![(*address, relay.port).into()],
        Host::Ipv6(address) => vec![(*address, relay.port).into()],
    };
    let mut last = io::Error::new(io::ErrorKind::NotFound, "its name has no address");
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn server_name(host: &Host<String>) -> Result<ServerName<'static>, DialError> {
    match host {
        Host::Domain(name) => {
            ServerName::try_from(name.clone()).map_err(|error| DialError::Tls(error.to_string()))
        }
        Host::Ipv4(address) => Ok(std::net::IpAddr::V4(*address).into()),
        Host::Ipv6(address) => Ok(std::net::IpAddr::V6(*address).into()),
    }
}

fn tls_config(authority: Option<&str>) -> Result<ClientConfig, DialError> {
    let failed = |error: &dyn std::fmt::Display| DialError::Tls(error.to_string());
    let provider = Arc::new(ring::default_provider());
    let extra = match authority {
        None => Vec::new(),
        Some(path) => CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect)
            .map_err(|error| DialError::Tls(format!("{path}: {error}")))?,
    };
    let verifier = Verifier::new_with_extra_roots(extra, Arc::clone(&provider))
        .map_err(|error| failed(&error))?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(&error))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(config)
}

fn request(relay: &Relay) -> Result<Request, DialError> {
    let failed = |error| DialError::Socket(Box::new(error));
    let mut request = relay.url.as_str().into_client_request().map_err(failed)?;
    let mut bearer = HeaderValue::from_str(&format!("Bearer {}", relay.token.reveal()))
        .map_err(|error| failed(SocketError::HttpFormat(error.into())))?;
    bearer.set_sensitive(true);
    let headers = request.headers_mut();
    headers.insert(AUTHORIZATION, bearer);
    headers.insert(
        SEC_WEBSOCKET_PROTOCOL,
        HeaderValue::from_static(SUBPROTOCOL),
    );
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    Ok(request)
}

fn refusal(error: SocketError) -> DialError {
    match error {
        SocketError::Http(response) => DialError::Refused {
            status: response.status().as_u16(),
            retry_after: retry_after(&response),
        },
        SocketError::Io(error) => DialError::Io(error),
        error => DialError::Socket(Box::new(error)),
    }
}

fn retry_after(response: &Response) -> Option<Duration> {
    let text = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    let seconds = text.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX))
}
