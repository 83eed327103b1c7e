//! Public addresses of hubs' own webhooks.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hearth_relay_protocol::{CloudhookChange, CloudhookPublish, Req, Res, ResErr};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

/// An answer, with its body as bytes.
#[derive(Debug)]
struct Fetched {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Fetched {
    fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (given, value) = line.split_once(':')?;
            given.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The relay's own refusal.
    fn error(&self) -> Option<&str> {
        self.field("x-hearth-relay-error")
    }
}

async fn begin(
    relay: &TestRelay,
    method: &str,
    target: &str,
    fields: &str,
    body: &[u8],
) -> TcpStream {
    let mut stream = TcpStream::connect(relay.serving.address()).await.unwrap();
    let length = body.len();
    let head = format!(
        "{method} {target} HTTP/1.1\r\nhost: relay.test\r\nconnection: close\r\n{fields}content-length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    stream
}

async fn fetch(
    relay: &TestRelay,
    method: &str,
    target: &str,
    fields: &str,
    body: &[u8],
) -> Fetched {
    let mut stream = begin(relay, method, target, fields, body).await;
    let mut bytes = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut bytes))
        .await
        .expect("no answer")
        .unwrap();
    let end = bytes
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap();
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    Fetched {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        body: bytes[end + 4..].to_vec(),
        head,
    }
}

impl TestHub {
    async fn creates(&mut self) -> String {
        let result = self
            .ask(|id| {
                FromHub::CloudhookCreate(CloudhookChange {
                    id,
                    cloudhook_id: None,
                })
            })
            .await;
        assert!(result.ok, "{result:?}");
        result.cloudhook_id.unwrap()
    }

    async fn request(&mut self) -> Req {
        match self.next().await {
            FromRelay::Req(req) => req,
            other => panic!("expected a request, not {other:?}"),
        }
    }

    async fn answers(&mut self, rid: u64, status: u16, headers: &[(&str, &str)], body: &str) {
        let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let res = Res {
            rid,
            status,
            headers: headers.iter().map(pair).collect(),
            body: (!body.is_empty()).then(|| body.to_owned()),
            body_b64: None,
        };
        self.say(FromHub::Res(res)).await;
    }
}

/// A relay, a connected hub, and the path of its cloudhook.
fn with_cloudhook(
    change: impl FnOnce(&mut RelaySettings),
    test: impl AsyncFn(&TestRelay, TestHub, &str),
) {
    with_open_relay(change, async |relay| {
        let account = relay.account().await;
        let mut hub = TestHub::connect(relay, &account).await;
        let id = hub.creates().await;
        test(relay, hub, &format!("/c/{id}")).await;
    });
}

#[test]
fn a_request_reaches_the_hub_and_its_answer_the_caller() {
    with_cloudhook(
        |_| {},
        async |relay, mut hub, path| {
            let target = format!("{path}?a=1&b=%20");
            let fields = "content-type: text/plain\r\nX-One: 1\r\nkeep-alive: 5\r\nconnection: x-hop\r\nx-hop: 1\r\nx-hearth-a: 1\r\n";
            let calling = fetch(relay, "POST", &target, fields, b"hello");
            let answering = async {
                let req = hub.request().await;
                assert_eq!(
                    (req.method.as_str(), req.query.as_str()),
                    ("POST", "a=1&b=%20")
                );
                assert_eq!(format!("/c/{}", req.cloudhook_id), path);
                assert_eq!(req.body.as_deref(), Some("hello"));
                assert_eq!(req.deadline_ms, 10_000);
                let names: Vec<_> = req.headers.iter().map(|(name, _)| name.as_str()).collect();
                assert!(names.contains(&"x-one") && names.contains(&"x-forwarded-for"));
                for hop in ["connection", "keep-alive", "x-hop", "x-hearth-a"] {
                    assert!(!names.contains(&hop), "{names:?}");
                }
                let headers = [
                    ("content-type", "application/json"),
                    ("x-two", "2"),
                    ("Set-Cookie", "a=b"),
                    ("transfer-encoding", "chunked"),
                    ("x-hearth-relay-error", "fake"),
                    ("connection", "x-mine"),
                    ("x-mine", "1"),
                ];
                hub.answers(req.rid, 201, &headers, "{}").await;
            };
            let (fetched, ()) = tokio::join!(calling, answering);
            assert_eq!((fetched.status, &*fetched.body), (201, &b"{}"[..]));
            assert_eq!(fetched.field("content-type"), Some("application/json"));
            assert_eq!(fetched.field("x-two"), Some("2"));
            for dropped in [
                "set-cookie",
                "transfer-encoding",
                "x-hearth-relay-error",
                "x-mine",
            ] {
                assert_eq!(fetched.field(dropped), None, "{}", fetched.head);
            }
        },
    );
}

#[test]
fn bodies_may_be_any_bytes_both_ways() {
    with_cloudhook(
        |_| {},
        async |relay, mut hub, path| {
            let bytes: Vec<u8> = (0..=255).collect();
            let calling = fetch(relay, "PUT", path, "", &bytes);
            let answering = async {
                let req = hub.request().await;
                assert_eq!(req.body, None);
                let res = Res {
                    rid: req.rid,
                    status: 200,
                    headers: Vec::new(),
                    body: None,
                    body_b64: req.body_b64,
                };
                hub.say(FromHub::Res(res)).await;
            };
            let (fetched, ()) = tokio::join!(calling, answering);
            assert_eq!((fetched.status, fetched.body), (200, bytes));
        },
    );
}

#[test]
fn get_and_head_pass_and_other_methods_do_not() {
    with_cloudhook(
        |_| {},
        async |relay, mut hub, path| {
            for method in ["GET", "HEAD"] {
                let calling = fetch(relay, method, path, "", b"");
                let answering = async {
                    let req = hub.request().await;
                    assert_eq!((req.method.as_str(), req.body), (method, None));
                    hub.answers(req.rid, 200, &[], "four").await;
                };
                let (fetched, ()) = tokio::join!(calling, answering);
                assert_eq!(fetched.status, 200);
                assert_eq!(fetched.body.is_empty(), method == "HEAD");
            }
            for method in ["DELETE", "PATCH", "OPTIONS"] {
                let fetched = fetch(relay, method, path, "", b"").await;
                assert_eq!(fetched.status, 405);
                assert_eq!(fetched.error(), Some("method_not_allowed"));
            }
            hub.hears_nothing_more().await;
        },
    );
}

#[test]
fn the_relays_own_answers_are_named() {
    let small = |settings: &mut RelaySettings| {
        settings.body_limit = 100;
        settings.cloudhook_deadline_s = 0.3;
    };
    with_cloudhook(small, async |relay, mut hub, path| {
        let unknown = format!("/c/{}", "A".repeat(43));
        for target in [unknown.as_str(), "/c/short"] {
            let fetched = fetch(relay, "POST", target, "", b"").await;
            assert_eq!(
                (fetched.status, fetched.error()),
                (404, Some("unknown_cloudhook"))
            );
        }
        let fetched = fetch(relay, "POST", path, "", &[b'x'; 101]).await;
        assert_eq!((fetched.status, fetched.error()), (413, Some("too_large")));

        let fetched = fetch(relay, "POST", path, "", b"").await;
        assert_eq!((fetched.status, fetched.error()), (504, Some("timeout")));
        let rid = hub.request().await.rid;
        assert_eq!(
            hub.next().await,
            FromRelay::Cancel(hearth_relay_protocol::Cancel { rid })
        );
        // Too late, and of no consequence.
        hub.answers(rid, 200, &[], "").await;

        for bad in [
            FromHub::ResErr(ResErr {
                rid: rid + 1,
                code: "bad_request".to_owned(),
            }),
            FromHub::Res(Res {
                rid: rid + 2,
                status: 99,
                headers: Vec::new(),
                body: None,
                body_b64: None,
            }),
            FromHub::Res(Res {
                rid: rid + 3,
                status: 200,
                headers: Vec::new(),
                body: None,
                body_b64: Some("*".to_owned()),
            }),
            FromHub::Res(Res {
                rid: rid + 4,
                status: 200,
                headers: vec![("a\r\nb".to_owned(), "c".to_owned())],
                body: None,
                body_b64: None,
            }),
        ] {
            let calling = fetch(relay, "POST", path, "", b"");
            let answering = async {
                hub.request().await;
                hub.say(bad).await;
            };
            let (fetched, ()) = tokio::join!(calling, answering);
            assert_eq!((fetched.status, fetched.error()), (502, Some("bad_answer")));
        }
        let calling = fetch(relay, "POST", path, "", b"");
        let leaving = async {
            hub.request().await;
            hub.vanish();
        };
        let (fetched, ()) = tokio::join!(calling, leaving);
        assert_eq!(
            (fetched.status, fetched.error()),
            (502, Some("connection_lost"))
        );

        until("the hub is gone", || relay.relay.presence.is_empty()).await;
        let fetched = fetch(relay, "POST", path, "", b"").await;
        assert_eq!(
            (fetched.status, fetched.error()),
            (503, Some("hub_offline"))
        );
        assert_eq!(fetched.field("retry-after"), Some("5"));
    });
}

#[test]
fn a_caller_that_leaves_is_told_of() {
    with_cloudhook(
        |_| {},
        async |relay, mut hub, path| {
            let caller = begin(relay, "POST", path, "", b"x").await;
            let rid = hub.request().await.rid;
            drop(caller);
            assert_eq!(
                hub.next().await,
                FromRelay::Cancel(hearth_relay_protocol::Cancel { rid })
            );
        },
    );
}

#[test]
fn so_many_calls_may_be_under_way() {
    let few = |settings: &mut RelaySettings| settings.cloudhook_calls = 2;
    with_cloudhook(few, async |relay, mut hub, path| {
        let _first = begin(relay, "POST", path, "", b"").await;
        let _second = begin(relay, "POST", path, "", b"").await;
        hub.request().await;
        let rid = hub.request().await.rid;
        let fetched = fetch(relay, "POST", path, "", b"").await;
        assert_eq!(
            (fetched.status, fetched.error()),
            (429, Some("too_many_calls"))
        );
        hub.answers(rid, 200, &[], "").await;
        hub.hears_nothing_more().await;
        let calling = fetch(relay, "POST", path, "", b"");
        let answering = async {
            let rid = hub.request().await.rid;
            hub.answers(rid, 204, &[], "").await;
        };
        assert_eq!(tokio::join!(calling, answering).0.status, 204);
    });
}

#[test]
fn what_is_deleted_is_gone_and_what_is_not_published_is_unknown() {
    with_cloudhook(
        |_| {},
        async |relay, mut hub, path| {
            let first = path.trim_start_matches("/c/").to_owned();
            let second = hub.creates().await;
            let publish = |id, ids: &[&String]| {
                FromHub::CloudhookPublish(CloudhookPublish {
                    id,
                    cloudhook_ids: ids.iter().map(|id| (*id).clone()).collect(),
                })
            };
            assert!(hub.ask(|id| publish(id, &[&second])).await.ok);
            assert_eq!(fetch(relay, "POST", path, "", b"").await.status, 404);
            assert!(hub.ask(|id| publish(id, &[&second, &first])).await.ok);

            let delete = |id, cloudhook_id: &str| {
                FromHub::CloudhookDelete(CloudhookChange {
                    id,
                    cloudhook_id: Some(cloudhook_id.to_owned()),
                })
            };
            // Another hub's are not its own.
            let other = relay.account().await;
            let mut other = TestHub::connect(relay, &other).await;
            assert!(!other.ask(|id| delete(id, &first)).await.ok);
            assert!(other.ask(|id| publish(id, &[])).await.ok);

            assert!(hub.ask(|id| delete(id, &first)).await.ok);
            let fetched = fetch(relay, "POST", path, "", b"").await;
            assert_eq!((fetched.status, fetched.error()), (410, Some("gone")));
            let result = hub.ask(|id| delete(id, &first)).await;
            assert_eq!(result.error.as_deref(), Some("unknown_cloudhook"));

            let calling = format!("/c/{second}");
            let calling = fetch(relay, "GET", &calling, "", b"");
            let answering = async {
                let rid = hub.request().await.rid;
                hub.answers(rid, 200, &[], "").await;
            };
            assert_eq!(tokio::join!(calling, answering).0.status, 200);
        },
    );
}

#[test]
fn a_large_body_passes() {
    let large = |settings: &mut RelaySettings| settings.body_limit = 4 * 1024 * 1024;
    with_cloudhook(large, async |relay, mut hub, path| {
        let bytes = vec![0xff; 3 * 1024 * 1024];
        let calling = fetch(relay, "POST", path, "", &bytes);
        let answering = async {
            let req = hub.request().await;
            let body = BASE64.decode(req.body_b64.unwrap()).unwrap();
            assert_eq!(body.len(), bytes.len());
            hub.answers(req.rid, 200, &[], "").await;
        };
        assert_eq!(tokio::join!(calling, answering).0.status, 200);
    });
}
