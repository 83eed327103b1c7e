//! The connection beneath a request.

use std::any::Any;
use std::fmt;
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::dev::Extensions;
use actix_web::rt::net::TcpStream;
use socket2::{SockRef, Socket};

/// A second handle to a connection's socket, so that it can be cut off while a write to a client
/// that does not read hangs.
#[derive(Clone)]
pub(crate) struct ConnectionSocket(Arc<Socket>);

impl ConnectionSocket {
    /// The socket beneath `request`.
    pub(crate) fn of(request: &HttpRequest) -> Option<Self> {
        request.conn_data::<Self>().cloned()
    }

    /// Ends the connection at once, both ways.
    pub(crate) fn cut_off(&self) {
        // A connection that is already gone needs no cutting.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

impl fmt::Debug for ConnectionSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConnectionSocket")
    }
}

/// What the server does with each new connection: it keeps the socket at hand, and gives up on a
/// client that takes nothing of what was sent to it for `patience`.
pub(crate) fn prepare(patience: Duration) -> impl Fn(&dyn Any, &mut Extensions) + Send + Sync {
    move |connection, data| {
        let Some(stream) = connection.downcast_ref::<TcpStream>() else {
            return;
        };
        let socket = SockRef::from(stream);
        #[cfg(target_os = "linux")]
        if let Err(error) = socket.set_tcp_user_timeout(Some(patience)) {
            tracing::debug!(%error, "cannot limit how long a client may take nothing");
        }
        match socket.try_clone() {
            Ok(socket) => {
                data.insert(ConnectionSocket(Arc::new(socket)));
            }
            Err(error) => tracing::warn!(%error, "cannot duplicate a connection's socket"),
        }
    }
}
