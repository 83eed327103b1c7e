//! The tables of errors (spec auth §1 to §3), row by row.

use hearth_e2e::{Http, Ws};
use serde_json::{Value, json};

use super::{APP, IOS, PASSWORD, code_for, hub, open, post_form, post_form_with, step, tokens};

#[tokio::test]
async fn a_flow_is_begun_right_or_not_at_all() {
    let hub = hub().await;
    let mut http = Http::new(hub.addr());
    let good = json!({
        "client_id": IOS, "handler": ["homeassistant", null], "redirect_uri": APP,
    });
    let with = |key: &str, value: Value| {
        let mut body = good.clone();
        body[key] = value;
        body
    };
    for (body, status, message) in [
        (
            with("client_id", json!("nonsense")),
            400,
            "Invalid client id",
        ),
        (
            with("client_id", json!("http://8.8.8.8/")),
            400,
            "Invalid client id",
        ),
        (
            with("handler", json!(["nobody", null])),
            404,
            "Invalid handler specified",
        ),
        (
            with("handler", json!(["homeassistant", "x"])),
            404,
            "Invalid handler specified",
        ),
        (
            with("client_id", json!(7)),
            400,
            "Message format incorrect: expected str for dictionary value @ data['client_id']",
        ),
        (
            with("more", json!(1)),
            400,
            "Message format incorrect: extra keys not allowed @ data['more']",
        ),
        (
            json!({"client_id": IOS, "redirect_uri": APP}),
            400,
            "Message format incorrect: required key not provided @ data['handler']",
        ),
        (
            json!([]),
            400,
            "Message format incorrect: expected a dictionary",
        ),
    ] {
        let reply = http.post("/auth/login_flow", &body).await;
        assert_eq!(
            (reply.status, &reply.json()["message"]),
            (status, &json!(message)),
            "{body}"
        );
    }
    let reply = http.post_text("/auth/login_flow", "{").await;
    assert_eq!(
        (reply.status, &reply.json()["message"]),
        (400, &json!("Invalid JSON."))
    );
    let reply = http.get("/auth/login_flow").await;
    assert_eq!((reply.status, reply.text()), (405, ""));

    let form = http
        .post("/auth/login_flow", &with("type", json!("link_user")))
        .await
        .json();
    let flow = form["flow_id"].clone();
    assert_eq!(
        form,
        json!({
            "type": "form", "flow_id": flow, "handler": ["homeassistant", null], "step_id": "init",
            "data_schema": [
                {"type": "string", "name": "username", "required": true},
                {"type": "string", "name": "password", "required": true},
            ],
            "errors": {}, "description_placeholders": null, "last_step": null, "preview": null,
        })
    );
}

#[tokio::test]
async fn a_step_is_refused_in_the_protocols_words() {
    let hub = hub().await;
    let mut http = Http::new(hub.addr());
    let flow = open(&mut http, IOS, APP).await;
    let path = format!("/auth/login_flow/{flow}");

    let wrong = step(&mut http, &flow, IOS, "wrong").await;
    assert_eq!(wrong.status, 200);
    assert_eq!(wrong.json()["errors"], json!({"base": "invalid_auth"}));
    assert_eq!(wrong.json()["type"], "form");

    for (body, message) in [
        (
            json!({"client_id": IOS, "username": "paul"}),
            "User input malformed",
        ),
        (
            json!({"client_id": IOS, "username": 1, "password": "x"}),
            "User input malformed",
        ),
        (
            json!({"client_id": IOS, "username": "a", "password": "b", "x": 1}),
            "User input malformed",
        ),
        (
            json!({"client_id": "x", "username": "a", "password": "b"}),
            "Invalid client id",
        ),
        (
            json!({"username": "a", "password": "b"}),
            "Message format incorrect: required key not provided @ data['client_id']",
        ),
    ] {
        let reply = http.post(&path, &body).await;
        assert_eq!(
            (reply.status, &reply.json()["message"]),
            (400, &json!(message)),
            "{body}"
        );
    }
    let shown = http.get(&path).await;
    assert_eq!(shown.status, 404);

    let aborted = http.delete(&path).await;
    assert_eq!(
        (aborted.status, aborted.json()),
        (200, json!({"message": "Flow aborted"}))
    );
    let unknown = json!({"message": "Invalid flow specified"});
    let gone = step(&mut http, &flow, IOS, PASSWORD).await;
    assert_eq!((gone.status, gone.json()), (404, unknown.clone()));
    let gone = http.delete(&path).await;
    assert_eq!((gone.status, gone.json()), (404, unknown));
}

#[tokio::test]
async fn the_token_endpoint_names_each_fault() {
    let hub = hub().await;
    let mut http = Http::new(hub.addr());
    let code = code_for(&mut http, IOS, APP).await;
    let refresh = tokens(&mut http).await["refresh_token"]
        .as_str()
        .unwrap()
        .to_owned();
    let invalid = |why: &str| json!({"error": "invalid_request", "error_description": why});
    let authorization = ("grant_type", "authorization_code");
    let refreshing = ("grant_type", "refresh_token");
    let other = "https://home-assistant.io/android";
    for (fields, body) in [
        (
            vec![authorization, ("code", "nope"), ("client_id", IOS)],
            invalid("Invalid code"),
        ),
        (
            vec![authorization, ("client_id", IOS)],
            invalid("Invalid code"),
        ),
        (
            vec![authorization, ("code", &code), ("client_id", other)],
            invalid("Invalid code"),
        ),
        (
            vec![authorization, ("code", &code)],
            invalid("Invalid client id"),
        ),
        (
            vec![authorization, ("code", &code), ("client_id", "x")],
            invalid("Invalid client id"),
        ),
        (
            vec![refreshing, ("refresh_token", "nope"), ("client_id", IOS)],
            json!({"error": "invalid_grant"}),
        ),
        (
            vec![
                refreshing,
                ("refresh_token", &refresh),
                ("client_id", other),
            ],
            json!({"error": "invalid_request"}),
        ),
        (
            vec![refreshing, ("refresh_token", &refresh)],
            json!({"error": "invalid_request"}),
        ),
        (
            vec![refreshing, ("client_id", IOS)],
            json!({"error": "invalid_request"}),
        ),
        (
            vec![refreshing, ("refresh_token", &refresh), ("client_id", "x")],
            invalid("Invalid client id"),
        ),
        (
            vec![("grant_type", "password")],
            json!({"error": "unsupported_grant_type"}),
        ),
        (vec![], json!({"error": "unsupported_grant_type"})),
    ] {
        let reply = post_form(&mut http, "/auth/token", &fields).await;
        assert_eq!((reply.status, reply.json()), (400, body), "{fields:?}");
    }
    let json_body = json!({"grant_type": "authorization_code", "code": code, "client_id": IOS});
    let reply = http.post("/auth/token", &json_body).await;
    assert_eq!(
        (reply.status, reply.json()),
        (400, json!({"error": "unsupported_grant_type"}))
    );

    // After all that the code is still good, once.
    let fields = [authorization, ("code", &*code), ("client_id", IOS)];
    assert_eq!(
        post_form(&mut http, "/auth/token", &fields).await.status,
        200
    );
    let again = post_form(&mut http, "/auth/token", &fields).await;
    assert_eq!((again.status, again.json()), (400, invalid("Invalid code")));

    for fields in [vec![("token", "nope")], vec![]] {
        let reply = post_form(&mut http, "/auth/revoke", &fields).await;
        assert_eq!((reply.status, reply.text()), (200, ""));
    }
}

#[tokio::test]
async fn a_local_user_gets_no_tokens_from_outside() {
    let proxied = format!(
        "{}\n[http]\nuse_x_forwarded_for = true\ntrusted_proxies = [\"127.0.0.1\"]\n",
        super::PATIENT
    );
    let hub = super::hub_with(&proxied).await;
    let mut http = Http::new(hub.addr());
    let access = tokens(&mut http).await["access_token"].clone();
    let mut paul = Ws::authenticated(hub.addr(), access.as_str().unwrap()).await;
    let new = json!({"name": "Eve", "group_ids": ["system-users"], "local_only": true});
    let user = paul.result("config/auth/create", new).await["user"].clone();
    let credentials = json!({"user_id": user["id"], "username": "eve", "password": PASSWORD});
    paul.result("config/auth_provider/homeassistant/create", credentials)
        .await;

    let from = |address| {
        [
            ("X-Forwarded-For", address),
            ("Content-Type", "application/json"),
        ]
    };
    let (home, outside) = (from("192.168.1.20"), from("203.0.113.7"));
    let begin = json!({
        "client_id": IOS, "handler": ["homeassistant", null], "redirect_uri": APP,
    });
    let mut answers = Vec::new();
    for headers in [&outside, &home] {
        let opened = http
            .request(
                "POST",
                "/auth/login_flow",
                headers,
                begin.to_string().as_bytes(),
            )
            .await;
        let path = format!(
            "/auth/login_flow/{}",
            opened.json()["flow_id"].as_str().unwrap()
        );
        let login = json!({"client_id": IOS, "username": "eve", "password": PASSWORD}).to_string();
        let elsewhere = [("Content-Type", "application/json")];
        let moved = http
            .request("POST", &path, &elsewhere, login.as_bytes())
            .await;
        assert_eq!(
            (moved.status, moved.json()),
            (400, json!({"message": "IP address changed"}))
        );
        answers.push(http.request("POST", &path, headers, login.as_bytes()).await);
    }
    assert_eq!(
        (answers[0].status, answers[0].json()),
        (
            403,
            json!({"message": "Login blocked: User cannot authenticate remotely"})
        )
    );
    let done = answers[1].json();
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", done["result"].as_str().unwrap()),
        ("client_id", IOS),
    ];
    let headers = [("X-Forwarded-For", "203.0.113.7")];
    let refused = post_form_with(&mut http, "/auth/token", &headers, &fields).await;
    let body = json!({
        "error": "access_denied", "error_description": "User cannot authenticate remotely",
    });
    assert_eq!((refused.status, refused.json()), (403, body));
}

#[tokio::test]
async fn only_a_signed_in_user_may_link() {
    let hub = hub().await;
    let mut http = Http::new(hub.addr());
    let code = code_for(&mut http, IOS, APP).await;
    let body = json!({"code": code, "client_id": IOS});
    assert_eq!(http.post("/auth/link_user", &body).await.status, 401);
    let access = tokens(&mut http).await["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut paul = Http::new(hub.addr()).bearer(&access);
    for message in ["Credential already linked", "Invalid code"] {
        let reply = paul.post("/auth/link_user", &body).await;
        assert_eq!(
            (reply.status, reply.json()),
            (400, json!({"message": message}))
        );
    }
}
