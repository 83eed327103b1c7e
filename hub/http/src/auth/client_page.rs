//! Asks a client's own page whether a redirect URI is the client's (spec auth §1).
//!
//! A client id is a URL that anybody may give, so the hub must not become a way into its own
//! network: only public addresses are spoken to, at every redirection, for a short time and for
//! few bytes. It is asked only once a password was right.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hearth_auth::{ClientId, RedirectUri};
use html5gum::{Token, Tokenizer};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use tokio::sync::Semaphore;
use url::{Host, Url};

/// How long the page may take, redirections and all.
const PATIENCE: Duration = Duration::from_secs(5);
/// How much of the page is read.
const MOST_BYTES: usize = 10 * 1024;
/// How many times it may redirect.
const MOST_REDIRECTIONS: usize = 3;
/// How many pages are read at a time.
static TURNS: Semaphore = Semaphore::const_new(4);

/// Whether the page of `client` has a `<link rel="redirect_uri">` to `redirect`.
pub(super) async fn names(client: &ClientId, redirect: &RedirectUri) -> bool {
    /// Made at first use; most hubs never need it.
    static READER: OnceLock<Option<Reader>> = OnceLock::new();
    let Some(reader) = READER.get_or_init(|| Reader::new(is_public)) else {
        return false;
    };
    let asked = async {
        let _turn = TURNS.acquire().await.ok()?;
        reader.read(client.url()).await
    };
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Some((page, base))) => links_to(&page, &base, redirect.url()),
        Ok(None) | Err(_) => false,
    }
}

/// Which addresses may be spoken to.
type Judge = fn(IpAddr) -> bool;

/// Reads pages from some addresses and no others.
struct Reader {
    client: reqwest::Client,
    may_speak_to: Judge,
}

impl Reader {
    fn new(may_speak_to: Judge) -> Option<Self> {
        let redirections = Policy::custom(move |attempt| {
            let fits = attempt.previous().len() <= MOST_REDIRECTIONS;
            match fits && may_go_to(attempt.url(), may_speak_to) {
                true => attempt.follow(),
                false => attempt.stop(),
            }
        });
        // Another part of the hub may have been first; there is only this one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            // A proxy would go where we do not see.
            .no_proxy()
            .dns_resolver(Arc::new(Lookup(may_speak_to)))
            .redirect(redirections)
            .timeout(PATIENCE)
            .build();
        let failed = |error| tracing::error!(%error, "no HTTP client for asking clients' pages");
        Some(Self {
            client: client.map_err(failed).ok()?,
            may_speak_to,
        })
    }

    /// The first bytes of a page, and where it is in the end.
    async fn read(&self, url: &Url) -> Option<(Vec<u8>, Url)> {
        if !may_go_to(url, self.may_speak_to) {
            tracing::debug!(%url, "a client's page within the home is not asked");
            return None;
        }
        let failed = |error| tracing::debug!(%url, %error, "a client's page was not read");
        let request = self.client.get(url.clone());
        let mut answer = request.send().await.map_err(failed).ok()?;
        if !answer.status().is_success() {
            return None;
        }
        let base = answer.url().clone();
        let mut page = Vec::new();
        while page.len() < MOST_BYTES {
            match answer.chunk().await.map_err(failed).ok()? {
                Some(chunk) => page.extend_from_slice(&chunk),
                None => break,
            }
        }
        page.truncate(MOST_BYTES);
        Some((page, base))
    }
}

/// Finds addresses of names, and keeps only those that may be spoken to.
struct Lookup(Judge);

impl Resolve for Lookup {
    fn resolve(&self, name: Name) -> Resolving {
        let may_speak_to = self.0;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let kept: Vec<SocketAddr> = found.filter(|found| may_speak_to(found.ip())).collect();
            if kept.is_empty() {
                return Err("the name has no public address".into());
            }
            Ok(Box::new(kept.into_iter()) as Addrs)
        })
    }
}

/// Whether a URL leads where we may go, as far as it says itself: names are judged when they are
/// looked up.
fn may_go_to(url: &Url, may_speak_to: Judge) -> bool {
    let host_fits = match url.host() {
        Some(Host::Domain(_)) => true,
        Some(Host::Ipv4(address)) => may_speak_to(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => may_speak_to(IpAddr::V6(address)),
        None => false,
    };
    matches!(url.scheme(), "http" | "https") && host_fits
}

/// Whether an address is of the internet, and not of a home, a machine or a special use (IANA's
/// registries of special-purpose addresses).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = a == 0
        || address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_documentation()
        // Multicast, reserved, broadcast.
        || a >= 224
        // Shared with a provider's network.
        || (a == 100 && (64..128).contains(&b))
        // Protocol assignments, benchmarks, 6to4 relays.
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (18..20).contains(&b))
        || (a == 192 && b == 88 && c == 99);
    !is_special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    // Only 2000::/3 is handed out; what carries an IPv4 address within may lead anywhere.
    let is_global = segments[0] & 0xe000 == 0x2000;
    let is_special = segments[0] == 0x2002
        || (segments[0] == 0x2001 && segments[1] < 0x0200)
        || (segments[0] == 0x2001 && segments[1] == 0x0db8)
        || (segments[0] == 0x3fff && segments[1] < 0x1000);
    is_global && !is_special
}

/// Whether a page links to `redirect` as a redirect URI of its own.
fn links_to(page: &[u8], base: &Url, redirect: &Url) -> bool {
    Tokenizer::new(page).flatten().any(|token| {
        let Token::StartTag(tag) = token else {
            return false;
        };
        let attribute = |name: &str| {
            let value = tag.attributes.get(name.as_bytes())?;
            str::from_utf8(value).ok()
        };
        let is_link = &**tag.name == b"link"
            && attribute("rel").is_some_and(|rel| {
                let mut kinds = rel.split_ascii_whitespace();
                kinds.any(|kind| kind.eq_ignore_ascii_case("redirect_uri"))
            });
        is_link
            && attribute("href")
                .and_then(|href| base.join(href.trim()).ok())
                .is_some_and(|linked| linked == *redirect)
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use proptest::prelude::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn only_addresses_of_the_internet_are_spoken_to() {
        for public in [
            "8.8.8.8",
            "93.184.216.34",
            "2606:4700::1111",
            "2a00:1450::1",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for special in [
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "192.0.0.1",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:8.8.8.8",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "fc00::1",
            "fe80::1",
            "ff02::1",
        ] {
            assert!(!is_public(special.parse().unwrap()), "{special}");
        }
    }

    #[test]
    fn urls_are_judged_by_where_a_browser_would_go() {
        for (url, public) in [
            ("https://example.org/", true),
            ("http://2130706433/", false),
            ("http://0x7f.1/", false),
            ("http://[::ffff:127.0.0.1]/", false),
            ("http://127.0.0.1:8123/", false),
            ("ftp://example.org/", false),
            ("file:///etc/passwd", false),
        ] {
            let parsed = Url::parse(url).unwrap();
            assert_eq!(may_go_to(&parsed, is_public), public, "{url}");
        }
    }

    #[actix_web::test]
    async fn names_of_this_machine_are_not_spoken_to() {
        let lookup = Lookup(is_public)
            .resolve("localhost".parse().unwrap())
            .await;
        assert!(lookup.is_err());
        let reader = Reader::new(is_public).unwrap();
        let url = Url::parse("http://localhost:1/").unwrap();
        assert!(reader.read(&url).await.is_none());
    }

    /// Answers every request on a port of its own address, and counts them.
    async fn serve(address: &str, reply: String) -> (Url, Arc<AtomicUsize>) {
        let listener = TcpListener::bind((address, 0)).await.unwrap();
        let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        actix_web::rt::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let _ = stream.read(&mut [0; 4096]).await;
                let _ = stream.write_all(reply.as_bytes()).await;
            }
        });
        (url, asked)
    }

    fn ok(page: &str) -> String {
        let length = page.len();
        format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{page}")
    }

    fn redirect(to: &Url) -> String {
        format!(
            "HTTP/1.1 302 Found\r\nConnection: close\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n"
        )
    }

    /// Stands for the internet.
    fn first_loopback(address: IpAddr) -> bool {
        address == IpAddr::V4(Ipv4Addr::LOCALHOST)
    }

    #[actix_web::test]
    async fn a_page_is_read_through_redirections_but_never_into_the_home() {
        let reader = Reader::new(first_loopback).unwrap();
        let (page, _) = serve("127.0.0.1", ok("the page")).await;
        let (hop, _) = serve("127.0.0.1", redirect(&page)).await;
        let read = reader.read(&hop).await.unwrap();
        assert_eq!(read, (b"the page".to_vec(), page));

        let (inside, asked) = serve("127.0.0.2", ok("a secret")).await;
        let (trap, _) = serve("127.0.0.1", redirect(&inside)).await;
        assert!(reader.read(&trap).await.is_none());
        assert!(reader.read(&inside).await.is_none());
        assert_eq!(asked.load(Ordering::SeqCst), 0, "the inside was asked");
    }

    #[actix_web::test]
    async fn a_page_that_redirects_for_ever_or_has_no_end_is_cut_off() {
        let reader = Reader::new(first_loopback).unwrap();
        let (long, _) = serve("127.0.0.1", ok(&"x".repeat(100_000))).await;
        let (page, _) = reader.read(&long).await.unwrap();
        assert_eq!(page.len(), MOST_BYTES);

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
        let again = redirect(&url);
        actix_web::rt::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.read(&mut [0; 4096]).await;
                let _ = stream.write_all(again.as_bytes()).await;
            }
        });
        assert!(reader.read(&url).await.is_none());
    }

    #[test]
    fn a_page_names_its_redirect_uris_as_links() {
        let base = Url::parse("https://app.example/client/").unwrap();
        let app = "https://app.example.net/back";
        for (page, redirect, named) in [
            (
                r#"<link rel="redirect_uri" href="https://app.example.net/back">"#,
                app,
                true,
            ),
            (
                "<LINK HREF=https://app.example.net/back REL=Redirect_URI>",
                app,
                true,
            ),
            (
                r#"<link rel='x redirect_uri' href='my.app://back'/>"#,
                "my.app://back",
                true,
            ),
            (
                r#"<link rel="redirect_uri" href="/back">"#,
                "https://app.example/back",
                true,
            ),
            (
                r#"<link rel="redirect_uri" href="https://app.example.net/">"#,
                app,
                false,
            ),
            (
                r#"<link rel="stylesheet" href="https://app.example.net/back">"#,
                app,
                false,
            ),
            (
                r#"<a rel="redirect_uri" href="https://app.example.net/back">"#,
                app,
                false,
            ),
            (
                r#"<!-- <link rel="redirect_uri" href="https://app.example.net/back"> -->"#,
                app,
                false,
            ),
            (
                r#"<link rel="redirect_uri" href="https://app.example.net/ba"#,
                app,
                false,
            ),
            ("", app, false),
        ] {
            let redirect = Url::parse(redirect).unwrap();
            assert_eq!(links_to(page.as_bytes(), &base, &redirect), named, "{page}");
        }
    }

    proptest! {
        #[test]
        fn no_page_is_too_odd_to_be_read(page in prop::collection::vec(any::<u8>(), 0..512)) {
            let base = Url::parse("https://app.example/").unwrap();
            prop_assert!(!links_to(&page, &base, &Url::parse("https://other.example/").unwrap()));
        }
    }
}
