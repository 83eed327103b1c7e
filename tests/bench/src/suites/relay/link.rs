//! A hub's connection to the relay, and the operator's commands that make one.

use std::path::Path;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::unexpected;
use crate::error::BenchError;

/// Where the operator's commands go, in the data directory.
const CONTROL: &str = "control.sock";

/// The operator's command to a relay that runs.
pub(super) async fn command(
    folder: &Path,
    command: &str,
    data: Value,
) -> Result<Value, BenchError> {
    let mut stream = UnixStream::connect(folder.join(CONTROL)).await?;
    let line = format!("{}\n", json!({"command": command, "data": data}));
    stream.write_all(line.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let answer: Value = serde_json::from_str(&answer).map_err(std::io::Error::from)?;
    match answer.get("result") {
        Some(result) => Ok(result.clone()),
        None => Err(unexpected(format!("{command}: {answer}"))),
    }
}

/// A hub's connection, which has been welcomed.
pub(super) struct Link {
    pub(super) socket: WebSocketStream<TcpStream>,
}

impl Link {
    /// Connects a hub as the operator has made it.
    pub(super) async fn open(address: &str, hub: &Value) -> Result<Self, BenchError> {
        let mut request = format!("ws://{address}/hub/v1").into_client_request()?;
        let bearer = format!("Bearer {}", hub["token"].as_str().unwrap_or_default());
        let bearer = HeaderValue::from_str(&bearer).map_err(|_| unexpected("a bad token"))?;
        let headers = request.headers_mut();
        headers.insert("authorization", bearer);
        let protocol = HeaderValue::from_static("hearth-relay.v1");
        headers.insert("sec-websocket-protocol", protocol);
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let mut config = WebSocketConfig::default();
        config.read_buffer_size = 4 * 1024;
        config.write_buffer_size = 4 * 1024;
        let (socket, _) = client_async_with_config(request, stream, Some(config)).await?;
        let mut link = Self { socket };
        let hello = json!({"t": "hello", "v": 1, "hub_id": hub["id"], "window": 256});
        link.say(&hello).await?;
        let welcome = link.next().await?;
        if !welcome.contains(r#""t":"welcome""#) {
            return Err(unexpected(format!("no welcome: {welcome}")));
        }
        Ok(link)
    }

    /// Registers a key for a webhook.
    pub(super) async fn register(&mut self, webhook: &Value, key: &str) -> Result<(), BenchError> {
        let register = json!({
            "t": "register", "id": 1, "webhook_id": webhook["id"], "secret": webhook["secret"],
            "data": {"$key": key},
        });
        self.say(&register).await?;
        let result = self.next().await?;
        match result.contains(r#""ok":true"#) {
            true => Ok(()),
            false => Err(unexpected(result)),
        }
    }

    pub(super) async fn say(&mut self, frame: &Value) -> Result<(), BenchError> {
        Ok(self.socket.send(Message::text(frame.to_string())).await?)
    }

    /// The next frame, as text.
    pub(super) async fn next(&mut self) -> Result<String, BenchError> {
        loop {
            let message = self.socket.next().await;
            let message = message.ok_or_else(|| unexpected("the relay closed a connection"))??;
            match message {
                Message::Text(text) => return Ok(text.as_str().to_owned()),
                Message::Close(frame) => return Err(unexpected(format!("closed: {frame:?}"))),
                _ => {}
            }
        }
    }
}
