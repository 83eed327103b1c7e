//! HTTP below the body: broken requests, and requests that never end.

use std::time::{Duration, Instant};

use hearth_e2e::{Http, Phone, wait};
use tokio::task::JoinSet;

use crate::Siege;

const SHORT_DEADLINES: &str = "[http]\nheader_timeout_s = 1\nbody_timeout_s = 2\n";

/// A half-open request may live this long before the hub must have cut it.
const CUT: Duration = Duration::from_secs(12);

#[tokio::test]
async fn broken_requests_are_refused_and_closed() {
    let siege = Siege::lay(SHORT_DEADLINES).await;
    for bytes in [
        &b"\x00\x01\x02\x03\r\n\r\n"[..],
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nbad header\r\n\r\n",
        b"POST /api/webhook/x HTTP/1.1\r\nHost: h\r\nContent-Length: nonsense\r\n\r\n",
        b"POST /api/webhook/x HTTP/1.1\r\nHost: h\r\nContent-Length: -5\r\n\r\n",
        b"POST /api/webhook/x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc",
        b"POST /api/webhook/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let mut http = Http::new(siege.hub.addr());
        http.write(bytes).await.unwrap();
        let name = String::from_utf8_lossy(bytes).into_owned();
        let answer = wait::soon(&name, http.read_to_end()).await.unwrap();
        let answer = String::from_utf8_lossy(&answer);
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.1 200"),
            "{name:?}: {answer}"
        );
    }
    siege.lift("broken requests", &[]);
}

#[tokio::test]
async fn headers_beyond_the_limit_are_refused() {
    let siege = Siege::lay("").await;
    let long = "x".repeat(40 * 1024);
    let many = "X-Header: 1\r\n".repeat(5_000);
    for head in [
        format!("GET /api/ HTTP/1.1\r\nHost: h\r\nX-Long: {long}\r\n\r\n"),
        format!("GET /{long} HTTP/1.1\r\nHost: h\r\n\r\n"),
        format!("GET /api/ HTTP/1.1\r\nHost: h\r\n{many}\r\n"),
    ] {
        let mut http = Http::new(siege.hub.addr());
        let _ = http.write(head.as_bytes()).await;
        if let Ok(reply) = wait::soon("an answer", http.read_reply(false)).await {
            assert!((400..500).contains(&reply.status), "{reply:?}");
        }
    }
    siege.lift("large headers", &[]);
}

/// Opens `count` connections, writes `start` on each, then one byte of `drip` every 200 ms, and
/// waits until the hub has closed each. Gives the longest that one lived.
async fn slow_loris(siege: &Siege, count: usize, start: String, drip: &'static [u8]) -> Duration {
    let addr = siege.hub.addr();
    let mut tasks = JoinSet::new();
    for n in 0..count {
        let start = start.clone();
        tasks.spawn(async move {
            let opened = Instant::now();
            let mut http = Http::new(addr);
            http.write(start.as_bytes()).await.unwrap();
            // Half of them stay silent, half keep dripping.
            if n % 2 == 0 {
                let end = tokio::time::timeout(CUT, http.read_to_end()).await;
                assert!(
                    end.is_ok(),
                    "a silent half-open request was not cut in {CUT:?}"
                );
                return opened.elapsed();
            }
            for byte in drip.iter().cycle() {
                if http.write(&[*byte]).await.is_err() {
                    break;
                }
                let pause = Duration::from_millis(200);
                if tokio::time::timeout(pause, http.read_to_end())
                    .await
                    .is_ok()
                {
                    break;
                }
                assert!(
                    opened.elapsed() < CUT,
                    "a dripping half-open request was not cut in {CUT:?}"
                );
            }
            opened.elapsed()
        });
    }
    let mut longest = Duration::ZERO;
    while let Some(lived) = tasks.join_next().await {
        longest = longest.max(lived.unwrap());
    }
    longest
}

#[tokio::test]
async fn half_sent_headers_are_cut_by_their_deadline() {
    let siege = Siege::lay(SHORT_DEADLINES).await;
    let start = "POST /api/webhook/x HTTP/1.1\r\nHost: h\r\nX-Slow: ".to_owned();
    let longest = slow_loris(&siege, 200, start, b"abc").await;
    println!("200 half-open headers were cut within {longest:?}");
    siege.lift("half-sent headers", &[]);
}

#[tokio::test]
async fn silent_connections_are_cut_too() {
    let siege = Siege::lay(SHORT_DEADLINES).await;
    let addr = siege.hub.addr();
    let mut tasks = JoinSet::new();
    for _ in 0..50 {
        tasks.spawn(async move {
            let mut http = Http::new(addr);
            http.write(b"").await.unwrap();
            tokio::time::timeout(CUT, http.read_to_end()).await.is_ok()
        });
    }
    while let Some(cut) = tasks.join_next().await {
        assert!(cut.unwrap(), "a connection without a byte was not cut");
    }
    siege.lift("silent connections", &[]);
}

#[tokio::test]
async fn half_sent_bodies_are_cut_by_their_deadline() {
    let siege = Siege::lay(SHORT_DEADLINES).await;
    let phone = Phone::register(&siege.hub, "Slow").await;
    for (id, token) in [(phone.webhook_id.as_str(), ""), ("unknown", "")] {
        let start = format!(
            "POST /api/webhook/{id} HTTP/1.1\r\nHost: h\r\n{token}Content-Length: 100000\r\n\r\n{{\"type\":"
        );
        let longest = slow_loris(&siege, 100, start, b" ").await;
        println!("100 half-open bodies were cut within {longest:?}");
    }
    siege.lift("half-sent bodies", &[&phone.webhook_id]);
}

#[tokio::test]
async fn half_sent_bodies_of_the_api_are_cut_by_their_deadline() {
    let siege = Siege::lay(SHORT_DEADLINES).await;
    let start = format!(
        "POST /api/states/sensor.x HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {}\r\n\
         Content-Length: 100000\r\n\r\n{{\"state\":",
        siege.hub.token()
    );
    let longest = slow_loris(&siege, 100, start, b" ").await;
    println!("100 half-open API bodies were cut within {longest:?}");
    siege.lift("half-sent bodies of the API", &[]);
}

#[tokio::test]
async fn connections_that_come_and_go_leave_nothing_behind() {
    let siege = Siege::lay("").await;
    let addr = siege.hub.addr();
    for _ in 0..20 {
        let mut tasks = JoinSet::new();
        for n in 0..50 {
            tasks.spawn(async move {
                let mut http = Http::new(addr);
                let part = &b"POST /api/webhook/x HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc"[..];
                let _ = http.write(&part[..n % part.len()]).await;
            });
        }
        while tasks.join_next().await.is_some() {}
    }
    siege.lift("connections that come and go", &[]);
}
