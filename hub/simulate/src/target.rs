//! Where the requests go: a parsed `http://` URL, and the head of a request to it.

use std::net::SocketAddr;

use http::Uri;

use crate::routes::IDEMPOTENCY_KEY;
use crate::{Secret, SimulateError};

/// A server and the path that its API lies under.
#[derive(Debug, Clone)]
pub struct Target {
    /// `host` or `host:port`, as it goes into the `Host` header.
    authority: String,
    host: String,
    port: u16,
    /// Path in front of `/api/…`: empty, or `/…` without a slash at its end.
    prefix: String,
}

impl Target {
    /// Parses `http://host[:port][/path]`.
    ///
    /// # Errors
    /// [`SimulateError::Plan`] for another scheme, credentials or a query in the URL, or no host.
    pub fn parse(url: &str) -> Result<Self, SimulateError> {
        let refuse = |problem: String| SimulateError::Plan {
            field: "url",
            problem,
        };
        let uri: Uri = url
            .parse()
            .map_err(|error| refuse(format!("`{url}` is not a URL: {error}")))?;
        match uri.scheme_str() {
            Some("http") => {}
            Some(other) => {
                return Err(refuse(format!(
                    "`{other}://` is not supported; simulated phones speak plain `http://` only"
                )));
            }
            None => return Err(refuse(format!("`{url}` must begin with `http://`"))),
        }
        let authority = uri
            .authority()
            .ok_or_else(|| refuse(format!("`{url}` names no host")))?;
        if authority.as_str().contains('@') {
            return Err(refuse(
                "no user name or password may stand in it".to_owned(),
            ));
        }
        if uri.query().is_some() {
            return Err(refuse("it may have no query".to_owned()));
        }
        Ok(Self {
            authority: authority.as_str().to_owned(),
            host: authority
                .host()
                .trim_start_matches('[')
                .trim_end_matches(']')
                .to_owned(),
            port: authority.port_u16().unwrap_or(80),
            prefix: uri.path().trim_end_matches('/').to_owned(),
        })
    }

    /// The addresses of the host, in the resolver's order.
    ///
    /// # Errors
    /// [`SimulateError::Resolve`] if there is none.
    pub async fn addresses(&self) -> Result<Vec<SocketAddr>, SimulateError> {
        let failed = |source| SimulateError::Resolve {
            host: format!("{}:{}", self.host, self.port),
            source,
        };
        let found: Vec<SocketAddr> = tokio::net::lookup_host((self.host.as_str(), self.port))
            .await
            .map_err(failed)?
            .collect();
        if found.is_empty() {
            return Err(failed(std::io::ErrorKind::NotFound.into()));
        }
        Ok(found)
    }

    /// A whole `POST` request with a JSON body, ready to be written to a connection.
    ///
    /// `path` begins with `/` and must be free of spaces and control characters.
    #[must_use]
    pub fn post(&self, path: &str, bearer: Option<&Secret>, body: &[u8]) -> Box<[u8]> {
        let field = bearer.map(|token| ("authorization", format!("Bearer {}", token.reveal())));
        self.request("POST", path, field, body)
    }

    /// A whole `POST` request to the target itself, whose repeats are known by `key`.
    pub(crate) fn post_once(&self, key: &str, body: &[u8]) -> Box<[u8]> {
        self.request("POST", "", Some((IDEMPOTENCY_KEY, key.to_owned())), body)
    }

    /// A whole `GET` request to the target itself.
    pub(crate) fn get(&self) -> Box<[u8]> {
        self.request("GET", "", None, b"")
    }

    /// `host` or `host:port`.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    fn request(
        &self,
        method: &str,
        path: &str,
        field: Option<(&str, String)>,
        body: &[u8],
    ) -> Box<[u8]> {
        let mut request = format!(
            "{method} {}{path} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n",
            self.prefix, self.authority
        );
        if let Some((name, value)) = field {
            request.push_str(name);
            request.push_str(": ");
            request.push_str(&value);
            request.push_str("\r\n");
        }
        request.push_str("content-length: ");
        request.push_str(&body.len().to_string());
        request.push_str("\r\n\r\n");
        let mut request = request.into_bytes();
        request.extend_from_slice(body);
        request.into_boxed_slice()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn urls_that_cannot_be_driven_are_refused_with_a_reason() {
        for (url, expected) in [
            ("https://hub", "`https://` is not supported"),
            ("ws://hub", "`ws://` is not supported"),
            ("hub", "must begin with `http://`"),
            ("http://", "is not a URL"),
            ("http://user:pw@hub", "no user name or password"),
            ("http://hub/?a=1", "no query"),
        ] {
            let error = Target::parse(url).unwrap_err().to_string();
            assert!(error.contains(expected), "{url}: {error}");
            assert!(error.starts_with("url: "), "{url}: {error}");
        }
    }

    #[test]
    fn a_request_carries_host_prefix_token_and_length() {
        let target = Target::parse("http://hub:8123/below/").unwrap();
        let request = target.post("/api/x", Some(&Secret::from("abc")), b"{}");
        assert_eq!(
            std::str::from_utf8(&request).unwrap(),
            "POST /below/api/x HTTP/1.1\r\nhost: hub:8123\r\ncontent-type: application/json\r\n\
             authorization: Bearer abc\r\ncontent-length: 2\r\n\r\n{}"
        );
    }

    #[test]
    fn the_port_is_80_if_none_is_given() {
        let target = Target::parse("http://[::1]").unwrap();
        assert_eq!((target.host.as_str(), target.port), ("::1", 80));
        assert_eq!(target.authority, "[::1]");
    }
}
