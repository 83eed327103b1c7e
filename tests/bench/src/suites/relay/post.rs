//! A sender on a connection of its own.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::unexpected;
use crate::error::BenchError;

/// An open connection to a server.
pub(super) struct Sender {
    stream: TcpStream,
    address: String,
    buffer: Vec<u8>,
}

impl Sender {
    pub(super) async fn open(address: &str) -> Result<Self, BenchError> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            address: address.to_owned(),
            buffer: Vec::with_capacity(4 * 1024),
        })
    }

    /// Posts JSON; gives the answer's body. Anything but a success is an error.
    pub(super) async fn post(
        &mut self,
        path: &str,
        bearer: Option<&str>,
        body: &str,
    ) -> Result<String, BenchError> {
        let authorization = bearer
            .map(|token| format!("authorization: Bearer {token}\r\n"))
            .unwrap_or_default();
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: {}\r\n{authorization}content-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        self.stream.write_all(request.as_bytes()).await?;
        self.buffer.clear();
        loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(unexpected("a server closed a connection"));
            }
            if let Some(body) = whole(&self.buffer) {
                return match self.buffer.get(9) {
                    Some(b'2') => Ok(body),
                    _ => Err(unexpected(String::from_utf8_lossy(&self.buffer))),
                };
            }
        }
    }
}

/// The body of an answer that is all there.
fn whole(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let length: usize = head
        .lines()
        .find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.trim().parse().ok())?
        })
        .unwrap_or(0);
    (body.len() >= length).then(|| body.to_owned())
}
