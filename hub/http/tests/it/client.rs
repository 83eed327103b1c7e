//! A small HTTP client that sends what it is told, byte for byte.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// No test waits longer for anything.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// One connection.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    received: Vec<u8>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// A header field's value.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let found = self
            .fields
            .iter()
            .find(|(field, _)| field.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// Status and body text at once.
    pub(crate) fn plain(&self) -> (u16, &str) {
        (self.status, self.text())
    }

    /// Status and the `message` of the body.
    pub(crate) fn message(&self) -> (u16, String) {
        (
            self.status,
            self.json()["message"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        )
    }
}

async fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, work).await.expect("in time")
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self {
            stream: in_time(TcpStream::connect(address)).await.unwrap(),
            received: Vec::new(),
        }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        // A server that has heard enough may close; its reply is what counts.
        let _ = in_time(self.stream.write_all(bytes)).await;
    }

    /// Sends a request with `fields` (each ending in CRLF) and reads the reply.
    pub(crate) async fn request(
        &mut self,
        method: &str,
        path: &str,
        fields: &str,
        body: &[u8],
    ) -> Reply {
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: hub\r\nContent-Length: {length}\r\n{fields}\r\n"
        );
        self.send(&[head.as_bytes(), body].concat()).await;
        self.reply(method == "HEAD").await.expect("a reply")
    }

    /// More bytes; false at the end of the stream.
    async fn more(&mut self) -> bool {
        let mut buffer = [0; 16384];
        match in_time(self.stream.read(&mut buffer)).await {
            Ok(read) if read > 0 => {
                self.received.extend_from_slice(&buffer[..read]);
                true
            }
            _ => false,
        }
    }

    /// Reads until `end` has come; everything up to and with it. `None` at the end of the stream.
    pub(crate) async fn until(&mut self, end: &[u8]) -> Option<Vec<u8>> {
        loop {
            let found = self
                .received
                .windows(end.len())
                .position(|window| window == end);
            if let Some(start) = found {
                return Some(self.received.drain(..start + end.len()).collect());
            }
            if !self.more().await {
                return None;
            }
        }
    }

    async fn exactly(&mut self, length: usize) -> Vec<u8> {
        while self.received.len() < length {
            assert!(self.more().await, "the reply ends in the middle");
        }
        self.received.drain(..length).collect()
    }

    /// Reads until the server closes.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        while self.more().await {}
        std::mem::take(&mut self.received)
    }

    /// A reply's head, with an empty body.
    pub(crate) async fn head(&mut self) -> Option<Reply> {
        let head = String::from_utf8(self.until(b"\r\n\r\n").await?).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().unwrap();
        let fields = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect();
        Some(Reply {
            status,
            fields,
            body: Vec::new(),
        })
    }

    /// A whole reply; `None` where the server closed instead.
    pub(crate) async fn reply(&mut self, without_body: bool) -> Option<Reply> {
        let mut reply = self.head().await?;
        if without_body {
            return Some(reply);
        }
        if reply.field("transfer-encoding") == Some("chunked") {
            while let Some(chunk) = self.chunk().await {
                reply.body.extend(chunk);
            }
        } else if let Some(length) = reply.field("content-length") {
            let length = length.parse().unwrap();
            reply.body = self.exactly(length).await;
        }
        Some(reply)
    }

    /// One chunk of a chunked body; `None` at its end.
    pub(crate) async fn chunk(&mut self) -> Option<Vec<u8>> {
        let line = String::from_utf8(self.until(b"\r\n").await?).unwrap();
        let length = usize::from_str_radix(line.trim(), 16).unwrap();
        let mut chunk = self.exactly(length + 2).await;
        chunk.truncate(length);
        (length > 0).then_some(chunk)
    }
}
