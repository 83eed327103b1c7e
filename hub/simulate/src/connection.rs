//! A keep-alive HTTP/1.1 connection that does no more than a load generator needs: write the
//! bytes of a request, read one answer with a `Content-Length`, say its status and body.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::TransportFault;
use crate::routes::RELAY_ERROR;

/// Longest answer that is kept, in bytes: far beyond any of the protocol.
const LONGEST_ANSWER: usize = 4 * 1024 * 1024;
const FIRST_BUFFER: usize = 16 * 1024;
const MOST_HEADERS: usize = 64;

/// One connection to a server. It is opened by the first exchange, kept for the next ones, and
/// opened anew after a fault or when the server closes it.
#[derive(Debug)]
pub struct Connection {
    addresses: Vec<SocketAddr>,
    timeout: Duration,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
}

/// An answer, lent from the connection's buffer until the next exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer<'a> {
    /// HTTP status.
    pub status: u16,
    /// Whether it is a relay's own error and not the hub's answer.
    pub is_relay_error: bool,
    /// The body, whole.
    pub body: &'a [u8],
}

/// Where the parts of an answer lie.
struct Head {
    status: u16,
    is_relay_error: bool,
    body_start: usize,
    body_length: usize,
    close: bool,
}

impl Connection {
    /// A connection to the first of `addresses` that accepts; an exchange that takes longer than
    /// `timeout` is a [`TransportFault::Timeout`].
    #[must_use]
    pub fn new(addresses: Vec<SocketAddr>, timeout: Duration) -> Self {
        Self {
            addresses,
            timeout,
            stream: None,
            buffer: vec![0; FIRST_BUFFER],
        }
    }

    /// How long an exchange may take.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Opens the connection if it is not open.
    ///
    /// # Errors
    /// [`TransportFault::Connect`] or [`TransportFault::Timeout`].
    pub async fn open(&mut self) -> Result<(), TransportFault> {
        if self.stream.is_none() {
            let connecting = TcpStream::connect(self.addresses.as_slice());
            let stream = tokio::time::timeout(self.timeout, connecting)
                .await
                .map_err(|_| TransportFault::Timeout)?
                .map_err(|_| TransportFault::Connect)?;
            // Each request is one write; waiting to fill a segment would only delay it.
            stream.set_nodelay(true).map_err(|_| TransportFault::Io)?;
            self.stream = Some(stream);
        }
        Ok(())
    }

    /// Sends a request (its whole bytes, see [`Target::post`](crate::Target::post)) and reads
    /// the answer.
    ///
    /// # Errors
    /// Any [`TransportFault`]; the connection is then closed and the next exchange opens it anew.
    pub async fn exchange(&mut self, request: &[u8]) -> Result<Answer<'_>, TransportFault> {
        self.open().await?;
        let limit = self.timeout;
        let head = match tokio::time::timeout(limit, self.round_trip(request)).await {
            Ok(Ok(head)) => head,
            Ok(Err(fault)) => {
                self.stream = None;
                return Err(fault);
            }
            Err(_) => {
                self.stream = None;
                return Err(TransportFault::Timeout);
            }
        };
        if head.close {
            self.stream = None;
        }
        Ok(Answer {
            status: head.status,
            is_relay_error: head.is_relay_error,
            body: &self.buffer[head.body_start..head.body_start + head.body_length],
        })
    }

    async fn round_trip(&mut self, request: &[u8]) -> Result<Head, TransportFault> {
        let stream = self.stream.as_mut().ok_or(TransportFault::Closed)?;
        stream
            .write_all(request)
            .await
            .map_err(|_| TransportFault::Io)?;
        let mut filled = 0;
        let mut head: Option<Head> = None;
        loop {
            if filled == self.buffer.len() {
                if filled >= LONGEST_ANSWER {
                    return Err(TransportFault::TooLong);
                }
                self.buffer.resize(2 * filled, 0);
            }
            let read = stream
                .read(&mut self.buffer[filled..])
                .await
                .map_err(|_| TransportFault::Io)?;
            if read == 0 {
                return Err(TransportFault::Closed);
            }
            filled += read;
            if head.is_none() {
                head = parse_head(&self.buffer[..filled])?;
            }
            if let Some(found) = head.take_if(|head| head.body_start + head.body_length <= filled) {
                // Bytes after the answer belong to no request that was sent.
                if found.body_start + found.body_length < filled {
                    return Err(TransportFault::Malformed);
                }
                return Ok(found);
            }
        }
    }
}

/// The head of an answer, or `None` while it is incomplete.
fn parse_head(bytes: &[u8]) -> Result<Option<Head>, TransportFault> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let body_start = match response.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(TransportFault::Malformed),
    };
    let status = response.code.ok_or(TransportFault::Malformed)?;
    let mut body_length = None;
    let mut close = response.version != Some(1);
    let mut is_relay_error = false;
    for header in response.headers.iter() {
        if header.name.eq_ignore_ascii_case("content-length") {
            body_length = std::str::from_utf8(header.value)
                .ok()
                .and_then(|text| text.parse().ok());
        } else if header.name.eq_ignore_ascii_case("connection") {
            close |= header.value.eq_ignore_ascii_case(b"close");
        } else if header.name.eq_ignore_ascii_case(RELAY_ERROR) {
            is_relay_error = true;
        }
    }
    if status == 204 || status == 304 {
        body_length = Some(0);
    }
    let body_length: usize = body_length.ok_or(TransportFault::Malformed)?;
    if body_length > LONGEST_ANSWER {
        return Err(TransportFault::TooLong);
    }
    Ok(Some(Head {
        status,
        is_relay_error,
        body_start,
        body_length,
        close,
    }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use tokio::net::TcpListener;

    /// A server that answers one request a connection with each of `answers` in turn, written in
    /// pieces of `piece` bytes.
    async fn server(answers: Vec<Vec<u8>>, piece: usize) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let mut answers = answers.into_iter();
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                let mut request = [0; 1024];
                while stream.read(&mut request).await.unwrap_or(0) > 0 {
                    let Some(answer) = answers.next() else { return };
                    for part in answer.chunks(piece) {
                        stream.write_all(part).await.unwrap();
                        tokio::task::yield_now().await;
                    }
                    if answer.is_empty() {
                        break;
                    }
                }
            }
        });
        address
    }

    fn connection(address: SocketAddr) -> Connection {
        Connection::new(vec![address], Duration::from_secs(5))
    }

    #[tokio::test]
    async fn answers_are_read_one_after_another_however_they_are_cut() {
        for piece in [1, 7, 4096] {
            let answers = vec![
                b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}".to_vec(),
                b"HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n".to_vec(),
                b"HTTP/1.1 204 No Content\r\nX-Hearth-Relay-Error: a\r\n\r\n".to_vec(),
            ];
            let mut connection = connection(server(answers, piece).await);
            for (status, body) in [(200, &b"{}"[..]), (410, b""), (204, b"")] {
                let answer = connection.exchange(b"GET / HTTP/1.1\r\n\r\n").await;
                let expected = Answer {
                    status,
                    is_relay_error: status == 204,
                    body,
                };
                assert_eq!(answer, Ok(expected), "pieces of {piece}");
            }
        }
    }

    #[tokio::test]
    async fn an_answer_longer_than_the_first_buffer_is_read_whole() {
        let body = vec![b'x'; 3 * FIRST_BUFFER];
        let mut answer =
            format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len()).into_bytes();
        answer.extend_from_slice(&body);
        let mut connection = connection(server(vec![answer], 10_000).await);
        let answer = connection
            .exchange(b"GET / HTTP/1.1\r\n\r\n")
            .await
            .unwrap();
        assert_eq!(answer.body, body);
    }

    #[tokio::test]
    async fn an_answer_that_is_not_understood_is_a_fault_and_not_a_hang() {
        for (answer, fault) in [
            (&b"SSH-2.0\r\n\r\n"[..], TransportFault::Malformed),
            (b"HTTP/1.1 200 OK\r\n\r\n", TransportFault::Malformed),
            (
                b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\nmore",
                TransportFault::Malformed,
            ),
            (
                b"HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n",
                TransportFault::TooLong,
            ),
            (b"", TransportFault::Closed),
        ] {
            let mut connection = connection(server(vec![answer.to_vec()], 4096).await);
            let outcome = connection.exchange(b"GET / HTTP/1.1\r\n\r\n").await;
            assert_eq!(outcome, Err(fault), "{}", String::from_utf8_lossy(answer));
        }
    }

    #[tokio::test]
    async fn a_closed_connection_is_opened_anew() {
        let close = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".to_vec();
        let keep = b"HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n".to_vec();
        let mut connection = connection(server(vec![close, keep], 4096).await);
        let request = b"GET / HTTP/1.1\r\n\r\n";
        assert_eq!(connection.exchange(request).await.unwrap().status, 200);
        assert_eq!(connection.exchange(request).await.unwrap().status, 201);
    }

    #[tokio::test]
    async fn a_silent_server_ends_in_a_timeout() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut connection = Connection::new(vec![address], Duration::from_millis(20));
        let outcome = connection.exchange(b"GET / HTTP/1.1\r\n\r\n").await;
        assert_eq!(outcome, Err(TransportFault::Timeout));
    }

    #[tokio::test]
    async fn nobody_listening_is_a_connect_fault() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let mut connection = connection(address);
        let outcome = connection.exchange(b"GET / HTTP/1.1\r\n\r\n").await;
        assert_eq!(outcome, Err(TransportFault::Connect));
    }
}
