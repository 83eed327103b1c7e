//! What somebody tries who is not meant to come in.

use hearth_e2e::Http;
use serde_json::json;

use super::{APP, IOS, PASSWORD, code_for, hub, open, post_form, post_form_with, step};

#[tokio::test]
async fn nobody_is_sent_to_a_place_that_the_client_does_not_vouch_for() {
    let hub = hub().await;
    let mut http = Http::new(hub.addr());
    let own = format!("http://{}/", hub.addr());
    for (client, redirect) in [
        (own.as_str(), "https://evil.example/"),
        (&own, "//evil.example/"),
        (&own, "javascript:alert(1)"),
        (&own, "data:text/html,x"),
        (&own, APP),
        (&own, &format!("http://{}@evil.example/", hub.addr())),
        (&own, &format!("http://evil.example\\@{}/", hub.addr())),
        (&own, &format!("http://{}.evil.example/", hub.addr())),
        (IOS, "homeassistant-beta://auth-callback"),
        (IOS, "homeassistant://auth-callback.evil.example/"),
        // The page of such a client would have to be asked within the home.
        ("http://127.0.0.1:1/", "https://evil.example/"),
        ("http://localhost:1/", "https://evil.example/"),
    ] {
        let flow = open(&mut http, client, redirect).await;
        let refused = step(&mut http, &flow, client, PASSWORD).await;
        assert_eq!(
            (refused.status, refused.json()),
            (403, json!({"message": "Invalid redirect URI"})),
            "{client} {redirect}"
        );
        let fields = [
            ("client_id", client),
            ("redirect_uri", redirect),
            ("username", "paul"),
            ("password", PASSWORD),
        ];
        let page = post_form(&mut http, "/auth/authorize", &fields).await;
        assert!(
            matches!(page.status, 400 | 403),
            "{client} {redirect}: {page:?}"
        );
        assert_eq!(page.header("location"), None);
    }
}

#[tokio::test]
async fn a_thousand_half_open_sign_ins_hurt_nobody() {
    let hub = hub().await;
    let mut http = Http::new(hub.addr());
    let before = hub.resident_mib();
    let first = open(&mut http, IOS, APP).await;
    for _ in 0..1000 {
        open(&mut http, IOS, APP).await;
    }
    let code = code_for(&mut http, IOS, APP).await;
    assert_eq!(code.len(), 32);
    let pushed_out = step(&mut http, &first, IOS, PASSWORD).await;
    assert_eq!(pushed_out.status, 404, "the flood pushed out its own");
    let grown = hub.resident_mib().saturating_sub(before);
    assert!(grown < 40, "{grown} MiB more");
}

#[tokio::test]
async fn what_a_query_brings_stays_text_on_the_page() {
    let hub = hub().await;
    let mut http = Http::new(hub.addr());
    let nasty = "%22%3E%3Cimg%20src=x%20onerror=alert(1)%3E";
    let page = http
        .get(&format!(
            "/auth/authorize?client_id={IOS}&redirect_uri={APP}&state={nasty}"
        ))
        .await;
    assert_eq!(page.status, 200);
    assert!(!page.text().contains("<img"), "{}", page.text());
    assert!(page.text().contains("&lt;img src=x"), "{}", page.text());
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'"), "{policy}");
    assert!(policy.contains("script-src 'self'"), "{policy}");
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(
        policy.contains("form-action 'self' homeassistant:"),
        "{policy}"
    );
    assert!(!policy.contains("unsafe"), "{policy}");

    for (client, redirect) in [
        (nasty, APP),
        (IOS, nasty),
        (
            "https://a;script-src%20*.example/",
            "https://a;script-src%20*.example/",
        ),
        (
            "https://a;script-src.example/",
            "https://a;script-src.example/",
        ),
    ] {
        let page = http
            .get(&format!(
                "/auth/authorize?client_id={client}&redirect_uri={redirect}"
            ))
            .await;
        assert_eq!(page.status, 200);
        assert!(!page.text().contains("<img"));
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.ends_with("form-action 'self'"), "{policy}");
    }
}

#[tokio::test]
async fn names_of_people_and_homes_stay_text_on_the_page() {
    let config = format!(
        "[hub]\nname = \"<script>alert(1)</script>\"\n{}",
        super::PATIENT
    );
    let hub = super::hub_with(&config).await;
    let mut http = Http::new(hub.addr());
    let nasty = "<script>alert(2)</script>";
    let fields = [
        ("username", nasty),
        ("password", "\"><script>alert(3)</script>"),
    ];
    let page = post_form(&mut http, "/sign-in", &fields).await;
    assert!(!page.text().contains("<script>"), "{}", page.text());
    assert!(
        page.text().contains("&lt;script&gt;alert(1)"),
        "{}",
        page.text()
    );
    assert!(
        page.text().contains("&lt;script&gt;alert(2)"),
        "{}",
        page.text()
    );
    assert!(
        !page.text().contains("alert(3)"),
        "a password is not sent back"
    );
}

#[tokio::test]
async fn forms_of_other_sites_are_not_taken() {
    let hub = hub().await;
    let mut http = Http::new(hub.addr());
    let fields = [
        ("client_id", IOS),
        ("redirect_uri", APP),
        ("username", "paul"),
        ("password", PASSWORD),
    ];
    let own = format!("http://{}", hub.addr());
    for (origin, taken) in [
        ("https://evil.example", false),
        ("null", false),
        ("http://127.0.0.1:1", false),
        (&own, true),
    ] {
        let headers = [("Origin", origin)];
        let page = post_form_with(&mut http, "/sign-in", &headers, &fields).await;
        assert_eq!(page.status == 303, taken, "{origin}: {page:?}");
        let page = post_form_with(&mut http, "/auth/authorize", &headers, &fields).await;
        assert_eq!(page.status == 303, taken, "{origin}: {page:?}");
        let cookie = page.header("set-cookie");
        assert_eq!(
            cookie, None,
            "only the hub's own page keeps people signed in"
        );
    }
}

#[tokio::test]
async fn the_time_of_an_answer_does_not_tell_whether_there_is_such_a_user() {
    let hub = hub().await;
    let mut http = Http::new(hub.addr());
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..7 {
        for (name, times) in ["paul", "nobody"].into_iter().zip(&mut times) {
            let flow = open(&mut http, IOS, APP).await;
            let body = json!({"client_id": IOS, "username": name, "password": "wrong"});
            let begun = std::time::Instant::now();
            http.post(&format!("/auth/login_flow/{flow}"), &body).await;
            times.push(begun.elapsed());
        }
    }
    let [known, unknown] = times.map(|mut times| {
        times.sort();
        times[times.len() / 2]
    });
    let apart = known.abs_diff(unknown);
    assert!(apart < known.max(unknown) / 2, "{known:?} and {unknown:?}");
}

#[tokio::test]
async fn a_body_that_is_too_large_is_not_read() {
    let hub = hub().await;
    let mut http = Http::new(hub.addr());
    let large = vec![b'x'; 100 * 1024];
    let kind = [("Content-Type", "application/x-www-form-urlencoded")];
    for path in [
        "/auth/token",
        "/auth/revoke",
        "/auth/login_flow",
        "/sign-in",
    ] {
        let reply = Http::new(hub.addr())
            .request("POST", path, &kind, &large)
            .await;
        assert_eq!(reply.status, 413, "{path}");
    }
    assert_eq!(http.get("/auth/providers").await.status, 200);
}
