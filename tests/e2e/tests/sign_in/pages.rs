//! The pages as a browser without scripts uses them.

use hearth_e2e::http::Reply;
use hearth_e2e::{Http, Hub};

use super::{APP, IOS, PASSWORD, hub, post_form, post_form_with};

/// The cookie that a reply sets, as a browser sends it back.
fn cookie(reply: &Reply) -> String {
    let set = reply.header("set-cookie").expect("a cookie");
    set.split(';').next().unwrap().to_owned()
}

async fn signed_in(hub: &Hub) -> (Http, String) {
    let mut http = Http::new(hub.addr());
    let fields = [
        ("username", " Paul"),
        ("password", PASSWORD),
        ("remember", "on"),
    ];
    let reply = post_form(&mut http, "/sign-in", &fields).await;
    assert_eq!(
        (reply.status, reply.header("location")),
        (303, Some("/")),
        "{reply:?}"
    );
    let cookie = cookie(&reply);
    (http, cookie)
}

async fn home(http: &mut Http, cookie: &str) -> Reply {
    http.request("GET", "/", &[("Cookie", cookie)], b"").await
}

#[tokio::test]
async fn the_form_without_scripts_leads_to_the_app() {
    let hub = hub().await;
    let mut http = Http::new(hub.addr());
    let with = |password| {
        [
            ("client_id", IOS),
            ("redirect_uri", APP),
            ("state", "a&b=c"),
            ("username", "paul"),
            ("password", password),
        ]
    };
    let wrong = post_form(&mut http, "/auth/authorize", &with("wrong")).await;
    assert_eq!(wrong.status, 200);
    assert!(wrong.text().contains("is not right"), "{}", wrong.text());

    let right = post_form(&mut http, "/auth/authorize", &with(PASSWORD)).await;
    assert_eq!(right.status, 303, "{right:?}");
    let target = right.header("location").unwrap();
    let query = target
        .strip_prefix("homeassistant://auth-callback?code=")
        .unwrap();
    let (code, state) = query.split_once('&').unwrap();
    assert_eq!(state, "state=a%26b%3Dc");
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("client_id", IOS),
    ];
    assert_eq!(
        post_form(&mut http, "/auth/token", &fields).await.status,
        200
    );
}

#[tokio::test]
async fn the_hubs_own_client_may_stay_signed_in() {
    let hub = hub().await;
    let mut http = Http::new(hub.addr());
    let base = format!("http://{}/", hub.addr());
    let back = format!("{base}?auth_callback=1");
    let fields = [
        ("client_id", &*base),
        ("redirect_uri", &back),
        ("username", "paul"),
        ("password", PASSWORD),
        ("remember", "on"),
    ];
    let right = post_form(&mut http, "/auth/authorize", &fields).await;
    let target = right.header("location").unwrap();
    assert!(target.starts_with(&format!("{back}&code=")), "{target}");
    assert!(target.ends_with("&storeToken=true"), "{target}");
}

#[tokio::test]
async fn a_person_sees_makes_and_revokes_their_tokens() {
    let hub = hub().await;
    let (mut http, cookie) = signed_in(&hub).await;
    let page = home(&mut http, &cookie).await;
    assert!(page.text().contains("this browser"), "{}", page.text());
    assert_eq!(page.header("cache-control"), Some("no-store"));

    let own = format!("http://{}", hub.addr());
    let headers = [("Cookie", &*cookie), ("Origin", &own)];
    let fields = [("name", "<i>script</i>")];
    let page = post_form_with(&mut http, "/tokens", &headers, &fields).await;
    let text = page.text();
    assert!(text.contains("&lt;i&gt;script&lt;/i&gt;"), "{text}");
    let token = text.split("aria-label=\"Token\">").nth(1).unwrap();
    let token = token.split('<').next().unwrap();
    let mut program = Http::new(hub.addr()).bearer(token);
    assert_eq!(program.get("/api/").await.status, 200);
    assert!(
        !home(&mut http, &cookie).await.text().contains(token),
        "shown once"
    );

    let twice = post_form_with(&mut http, "/tokens", &headers, &fields).await;
    assert_eq!(twice.status, 400);
    let page = home(&mut http, &cookie).await;
    let row = page
        .text()
        .split("<tr>")
        .find(|row| row.contains("&lt;i&gt;"))
        .unwrap();
    let path = row
        .split("action=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let foreign = [("Cookie", &*cookie), ("Origin", "https://evil.example")];
    let refused = post_form_with(&mut http, path, &foreign, &[]).await;
    assert_eq!(refused.status, 403);
    assert_eq!(program.get("/api/").await.status, 200);
    let revoked = post_form_with(&mut http, path, &headers, &[]).await;
    assert_eq!(revoked.status, 303);
    assert_eq!(program.get("/api/").await.status, 401);
}

#[tokio::test]
async fn signing_out_ends_the_sign_in_and_not_only_the_cookie() {
    let hub = hub().await;
    let (mut http, cookie) = signed_in(&hub).await;
    let out = post_form_with(&mut http, "/sign-out", &[("Cookie", &cookie)], &[]).await;
    assert_eq!(out.status, 303);
    assert!(
        out.header("set-cookie").unwrap().contains("Max-Age=0"),
        "{out:?}"
    );
    let page = home(&mut http, &cookie).await;
    assert!(page.text().contains("Keep me signed in"), "{}", page.text());
}

#[tokio::test]
async fn the_cookie_opens_nothing_of_the_api() {
    let hub = hub().await;
    let (mut http, cookie) = signed_in(&hub).await;
    let reply = http
        .request("GET", "/api/", &[("Cookie", &cookie)], b"")
        .await;
    assert_eq!(reply.status, 401);
}

#[tokio::test]
async fn without_a_page_apps_can_sign_in_all_the_same() {
    let hub = Hub::builder().arg("--headless").start();
    let mut http = Http::new(hub.addr());
    assert_eq!(http.get("/").await.status, 404);
    let page = http
        .get(&format!(
            "/auth/authorize?client_id={IOS}&redirect_uri={APP}"
        ))
        .await;
    assert_eq!(page.status, 200);
    assert!(page.text().contains("Companion app"), "{}", page.text());
    for path in ["/auth/page.css", "/auth/authorize.js", "/auth/icon.svg"] {
        assert_eq!(http.get(path).await.status, 200, "{path}");
    }
}
