//! A plain HTTP/1.1 client on a raw socket: it sends what the test says, right or wrong.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How long an answer may take before the test fails.
const ANSWER: Duration = Duration::from_secs(30);

/// An answer, read whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The headers in the order sent.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// The first header of that name, whatever its case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a UTF-8 body")
    }

    /// The body as JSON; panics with the whole answer if it is not.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {self:?}"))
    }

    /// The content type without its parameters.
    pub fn content_type(&self) -> Option<&str> {
        self.header("content-type")
            .map(|value| value.split(';').next().unwrap_or(value).trim())
    }
}

/// A client with one keep-alive connection.
pub struct Http {
    addr: SocketAddr,
    token: Option<String>,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
}

impl Http {
    /// A client without credentials. Connects at the first request.
    pub fn new(addr: SocketAddr) -> Self {
        Self {
            addr,
            token: None,
            stream: None,
            buffer: Vec::new(),
        }
    }

    /// Sends this bearer token with every request from now on.
    pub fn bearer(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    /// GET.
    pub async fn get(&mut self, path: &str) -> Reply {
        self.request("GET", path, &[], b"").await
    }

    /// DELETE.
    pub async fn delete(&mut self, path: &str) -> Reply {
        self.request("DELETE", path, &[], b"").await
    }

    /// POST of JSON.
    pub async fn post(&mut self, path: &str, body: &Value) -> Reply {
        self.post_text(path, &body.to_string()).await
    }

    /// POST of a text that is said to be JSON.
    pub async fn post_text(&mut self, path: &str, body: &str) -> Reply {
        let headers = [("Content-Type", "application/json")];
        self.request("POST", path, &headers, body.as_bytes()).await
    }

    /// Any request. `Host`, `Content-Length` and the token are added; panics when there is no answer.
    pub async fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Reply {
        match self.try_request(method, path, headers, body).await {
            Ok(reply) => reply,
            Err(error) => panic!("{method} {path}: {error}"),
        }
    }

    /// As [`Http::request`], but a broken connection is an error, not a panic.
    pub async fn try_request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> std::io::Result<Reply> {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.addr);
        if let Some(token) = &self.token {
            head.push_str(&format!("Authorization: Bearer {token}\r\n"));
        }
        for (key, value) in headers {
            head.push_str(&format!("{key}: {value}\r\n"));
        }
        if !body.is_empty() || matches!(method, "POST" | "PUT" | "PATCH") {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(body);

        let exchange = async {
            self.write(&bytes).await?;
            self.read_reply(method == "HEAD").await
        };
        let result = tokio::time::timeout(ANSWER, exchange)
            .await
            .unwrap_or_else(|_| Err(std::io::Error::other(format!("no answer in {ANSWER:?}"))));
        let closes = |reply: &Reply| {
            reply
                .header("connection")
                .is_some_and(|value| value.eq_ignore_ascii_case("close"))
        };
        if result.as_ref().map_or(true, closes) {
            self.stream = None;
            self.buffer.clear();
        }
        result
    }

    /// Writes bytes as they are, connecting first if needed.
    pub async fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.connect().await?.write_all(bytes).await
    }

    /// Reads one answer. `head_only` when it belongs to a HEAD request.
    pub async fn read_reply(&mut self, head_only: bool) -> std::io::Result<Reply> {
        loop {
            let end = loop {
                if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                    break end;
                }
                self.fill().await?;
            };
            let head = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
            self.buffer.drain(..end + 4);
            let (status, headers) = parse_head(&head)?;
            if status == 100 {
                continue;
            }
            let mut reply = Reply {
                status,
                headers,
                body: Vec::new(),
            };
            if !head_only && !matches!(status, 204 | 304) {
                reply.body = self.read_body(&reply).await?;
            }
            return Ok(reply);
        }
    }

    /// Waits until the hub closes the connection; gives what it sent before.
    pub async fn read_to_end(&mut self) -> std::io::Result<Vec<u8>> {
        let mut bytes = std::mem::take(&mut self.buffer);
        let stream = self.connect().await?;
        match stream.read_to_end(&mut bytes).await {
            Ok(_) => Ok(bytes),
            // A reset is also an end.
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => Ok(bytes),
            Err(error) => Err(error),
        }
    }

    async fn read_body(&mut self, reply: &Reply) -> std::io::Result<Vec<u8>> {
        let chunked = reply
            .header("transfer-encoding")
            .is_some_and(|value| value.eq_ignore_ascii_case("chunked"));
        if chunked {
            return self.read_chunks().await;
        }
        let Some(length) = reply.header("content-length") else {
            self.stream_to_buffer_end().await;
            return Ok(std::mem::take(&mut self.buffer));
        };
        let length: usize = length
            .parse()
            .map_err(|_| std::io::Error::other("content-length is not a number"))?;
        while self.buffer.len() < length {
            self.fill().await?;
        }
        Ok(self.buffer.drain(..length).collect())
    }

    async fn read_chunks(&mut self) -> std::io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let end = loop {
                if let Some(end) = find(&self.buffer, b"\r\n") {
                    break end;
                }
                self.fill().await?;
            };
            let size = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
            let size = usize::from_str_radix(size.trim(), 16)
                .map_err(|_| std::io::Error::other("a chunk size that is no number"))?;
            while self.buffer.len() < end + 2 + size + 2 {
                self.fill().await?;
            }
            body.extend_from_slice(&self.buffer[end + 2..end + 2 + size]);
            self.buffer.drain(..end + 2 + size + 2);
            if size == 0 {
                return Ok(body);
            }
        }
    }

    async fn stream_to_buffer_end(&mut self) {
        while self.fill().await.is_ok() {}
        self.stream = None;
    }

    async fn fill(&mut self) -> std::io::Result<()> {
        let stream = self
            .stream
            .as_mut()
            .ok_or_else(|| std::io::Error::other("not connected"))?;
        let mut chunk = [0; 16 * 1024];
        let read = stream.read(&mut chunk).await?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        self.buffer.extend_from_slice(&chunk[..read]);
        Ok(())
    }

    async fn connect(&mut self) -> std::io::Result<&mut TcpStream> {
        if self.stream.is_none() {
            let stream = TcpStream::connect(self.addr).await?;
            stream.set_nodelay(true)?;
            self.stream = Some(stream);
            self.buffer.clear();
        }
        self.stream
            .as_mut()
            .ok_or_else(|| std::io::Error::other("not connected"))
    }
}

fn parse_head(head: &str) -> std::io::Result<(u16, Vec<(String, String)>)> {
    let bad = || std::io::Error::other(format!("not an HTTP answer: {head:?}"));
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.strip_prefix("HTTP/1.1 "))
        .and_then(|line| line.get(..3))
        .and_then(|code| code.parse().ok())
        .ok_or_else(bad)?;
    let headers = lines
        .map(|line| {
            line.split_once(':')
                .map(|(key, value)| (key.to_owned(), value.trim().to_owned()))
                .ok_or_else(bad)
        })
        .collect::<Result<_, _>>()?;
    Ok((status, headers))
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::Http;

    /// A client whose server sends `answer` to whatever comes, and closes.
    async fn answered(answer: &'static str) -> Http {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
        });
        Http::new(addr)
    }

    #[tokio::test]
    async fn a_body_of_known_length_is_read() {
        let mut http =
            answered("HTTP/1.1 201 Created\r\nContent-Length: 2\r\nX: y\r\n\r\n{}").await;
        let reply = http.get("/").await;
        assert_eq!((reply.status, reply.text()), (201, "{}"));
        assert_eq!(reply.header("x"), Some("y"));
    }

    #[tokio::test]
    async fn chunks_are_put_together() {
        let answer =
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n";
        assert_eq!(answered(answer).await.get("/").await.text(), "abcd");
    }

    #[tokio::test]
    async fn a_body_without_length_ends_with_the_connection() {
        let mut http = answered("HTTP/1.1 200 OK\r\n\r\nall of it").await;
        assert_eq!(http.get("/").await.text(), "all of it");
    }

    #[tokio::test]
    async fn an_answer_that_breaks_off_is_an_error() {
        let mut http = answered("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}").await;
        assert!(http.try_request("GET", "/", &[], b"").await.is_err());
    }
}
