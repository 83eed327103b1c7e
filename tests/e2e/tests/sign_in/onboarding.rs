//! The first visit (spec auth §6).

use hearth_e2e::wait::until;
use hearth_e2e::{Http, Hub, Ws};
use serde_json::{Value, json};

use super::{PASSWORD, PATIENT, post_form};

fn new_hub() -> Hub {
    Hub::builder().config(PATIENT).without_owner().start()
}

fn owner(hub: &Hub) -> Value {
    json!({
        "name": "Ada", "username": "Ada", "password": PASSWORD, "language": "fr",
        "client_id": format!("http://{}/", hub.addr()),
    })
}

/// The code that the hub prints, once it has.
async fn printed_code(hub: &Hub) -> String {
    let is_code = |word: &&str| {
        word.len() == 14 && word.split('-').count() == 3 && word.to_uppercase() == **word
    };
    until("the hub printed its setup code", async || {
        let log = hub.stderr();
        log.split_whitespace().find(is_code).map(str::to_owned)
    })
    .await
}

/// Posts as from elsewhere: by another name of the hub than its own machine's.
async fn from_elsewhere(
    hub: &Hub,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> (u16, String) {
    let mut http = Http::new(hub.addr());
    let mut head = format!("POST {path} HTTP/1.1\r\nHost: hub.example\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
    http.write(head.as_bytes()).await.unwrap();
    let reply = http.read_reply(false).await.unwrap();
    (reply.status, reply.text().to_owned())
}

#[tokio::test]
async fn a_client_goes_through_all_steps() {
    let hub = new_hub();
    let mut http = Http::new(hub.addr());
    let steps = |done: [bool; 4]| {
        let names = ["user", "core_config", "analytics", "integration"];
        let steps = names.iter().zip(done);
        steps
            .map(|(step, done)| json!({"step": step, "done": done}))
            .collect::<Value>()
    };
    assert_eq!(http.get("/api/onboarding").await.json(), steps([false; 4]));
    let kind = http.get("/api/onboarding/installation_type").await;
    assert!(kind.json()["installation_type"].is_string());
    let providers = http.get("/auth/providers").await;
    assert_eq!(
        (providers.status, providers.json()),
        (
            400,
            json!({"message": "Onboarding not finished", "code": "onboarding_required"})
        )
    );

    let mut incomplete = owner(&hub);
    incomplete.as_object_mut().unwrap().remove("language");
    let reply = http.post("/api/onboarding/users", &incomplete).await;
    assert_eq!(
        (reply.status, &reply.json()["message"]),
        (
            400,
            &json!("Message format incorrect: required key not provided @ data['language']")
        )
    );
    let made = http.post("/api/onboarding/users", &owner(&hub)).await;
    assert_eq!(made.status, 200, "{made:?}");
    let again = http.post("/api/onboarding/users", &owner(&hub)).await;
    assert_eq!(
        (again.status, again.json()),
        (403, json!({"message": "User step already done"}))
    );
    assert_eq!(
        http.get("/api/onboarding/installation_type").await.status,
        401
    );

    let base = format!("http://{}/", hub.addr());
    let code = made.json()["auth_code"].clone();
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str().unwrap()),
        ("client_id", &base),
    ];
    let tokens = post_form(&mut http, "/auth/token", &fields).await.json();
    let mut ada = Http::new(hub.addr()).bearer(tokens["access_token"].as_str().unwrap());

    for (path, name) in [
        ("core_config", "Core config"),
        ("analytics", "Analytics config"),
    ] {
        let path = format!("/api/onboarding/{path}");
        assert_eq!(http.post(&path, &json!({})).await.status, 401);
        assert_eq!(ada.post(&path, &json!({})).await.json(), json!({}));
        let again = ada.post(&path, &json!({})).await;
        let message = json!({"message": format!("{name} step already done")});
        assert_eq!((again.status, again.json()), (403, message));
    }
    let bad = json!({"client_id": base, "redirect_uri": "https://evil.example/"});
    let refused = ada.post("/api/onboarding/integration", &bad).await;
    assert_eq!(
        (refused.status, refused.json()),
        (400, json!({"message": "invalid client id or redirect uri"}))
    );
    assert_eq!(
        http.get("/api/onboarding").await.json(),
        steps([true, true, true, false])
    );
    let good = json!({"client_id": base, "redirect_uri": format!("{base}?auth_callback=1")});
    let done = ada.post("/api/onboarding/integration", &good).await;
    assert!(done.json()["auth_code"].is_string(), "{done:?}");
    assert_eq!(http.get("/api/onboarding").await.json(), steps([true; 4]));
}

#[tokio::test]
async fn the_owner_gets_a_person_and_rooms_in_their_language() {
    let alone = format!("{PATIENT}[demo]\nenabled = false\n");
    let hub = Hub::builder().config(&alone).without_owner().start();
    let mut http = Http::new(hub.addr());
    let made = http.post("/api/onboarding/users", &owner(&hub)).await;
    assert_eq!(made.status, 200, "{made:?}");
    let token = hub.create_token("Ada", "tests");
    let mut ada = Http::new(hub.addr()).bearer(&token);
    let person = ada.get("/api/states/person.ada").await;
    assert_eq!(person.json()["attributes"]["friendly_name"], "Ada");
    let mut ada = Ws::authenticated(hub.addr(), &token).await;
    let areas = ada.result("config/area_registry/list", json!({})).await;
    let mut names: Vec<&str> = areas
        .as_array()
        .unwrap()
        .iter()
        .map(|area| area["name"].as_str().unwrap())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["Chambre", "Cuisine", "Salon"]);
}

#[tokio::test]
async fn after_a_restart_there_is_nothing_left_to_set_up() {
    let mut hub = new_hub();
    let made = Http::new(hub.addr())
        .post("/api/onboarding/users", &owner(&hub))
        .await;
    assert_eq!(made.status, 200);
    hub.terminate();
    hub.restart();
    let mut http = Http::new(hub.addr());
    assert_eq!(http.get("/api/onboarding").await.status, 404);
    assert_eq!(
        http.get("/api/onboarding/installation_type").await.status,
        404
    );
    let reply = http.post("/api/onboarding/users", &owner(&hub)).await;
    assert_eq!(reply.status, 404);
}

#[tokio::test]
async fn from_elsewhere_the_printed_code_is_needed() {
    let hub = new_hub();
    let code = printed_code(&hub).await;
    let body = owner(&hub).to_string();
    let path = "/api/onboarding/users";
    let (status, text) = from_elsewhere(&hub, path, &[], &body).await;
    assert_eq!(status, 403, "{text}");
    let wrong = [("X-Onboarding-Code", "AAAA-BBBB-CCCC")];
    let (status, text) = from_elsewhere(&hub, path, &wrong, &body).await;
    assert_eq!(status, 403, "{text}");
    // Another site's page in a browser on the hub's own machine is from elsewhere, too.
    let foreign = [
        ("Origin", "https://evil.example"),
        ("X-Onboarding-Code", &*code),
    ];
    let (status, text) = from_elsewhere(&hub, path, &foreign, &body).await;
    assert_eq!(status, 403, "{text}");
    let mut at_home = Http::new(hub.addr());
    let headers = [
        ("Origin", "https://evil.example"),
        ("Content-Type", "text/plain"),
    ];
    let reply = at_home
        .request("POST", path, &headers, body.as_bytes())
        .await;
    assert_eq!(reply.status, 403, "{reply:?}");

    let right = [("X-Onboarding-Code", &*code.to_lowercase())];
    let (status, text) = from_elsewhere(&hub, path, &right, &body).await;
    assert_eq!(status, 200, "{text}");
}

#[tokio::test]
async fn a_page_in_a_browser_makes_the_owner() {
    let hub = new_hub();
    let mut http = Http::new(hub.addr());
    let page = http.get("/").await;
    assert_eq!(page.status, 200);
    assert!(page.text().contains("Make me the owner"), "{}", page.text());
    assert!(
        !page.text().contains("Setup code"),
        "not on the hub's own machine"
    );

    let fields = |password, repeat| {
        [
            ("name", "Ada <b>"),
            ("username", "ada"),
            ("password", password),
            ("repeat", repeat),
        ]
    };
    for (password, repeat, problem) in [
        ("short", "short", "at least 8 characters"),
        ("long enough", "long, but other", "not the same"),
    ] {
        let page = post_form(&mut http, "/onboarding", &fields(password, repeat)).await;
        assert!(page.text().contains(problem), "{}", page.text());
        assert!(
            page.text().contains("Ada &lt;b&gt;"),
            "what was typed stays"
        );
        assert!(!page.text().contains(password), "but for passwords");
    }
    let done = post_form(
        &mut http,
        "/onboarding",
        &fields("long enough", "long enough"),
    )
    .await;
    assert_eq!((done.status, done.header("location")), (303, Some("/")));
    let cookie = done.header("set-cookie").unwrap();
    for guard in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(guard), "{cookie}");
    }

    let form = super::form(&fields("long enough", "long enough"));
    let kind = ("Content-Type", "application/x-www-form-urlencoded");
    let (status, _) = from_elsewhere(&hub, "/onboarding", &[kind], &form).await;
    assert_eq!(status, 303, "to the page for signing in: it is over");
}

#[tokio::test]
async fn a_page_from_elsewhere_asks_for_the_code() {
    let hub = new_hub();
    let kind = ("Content-Type", "application/x-www-form-urlencoded");
    let fields = |code| {
        super::form(&[
            ("code", code),
            ("name", "Ada"),
            ("username", "ada"),
            ("password", "long enough"),
            ("repeat", "long enough"),
        ])
    };
    let (status, page) = from_elsewhere(&hub, "/onboarding", &[kind], &fields("")).await;
    assert_eq!(status, 403);
    assert!(page.contains("Setup code"), "{page}");
    let code = printed_code(&hub).await;
    let (status, page) = from_elsewhere(&hub, "/onboarding", &[kind], &fields(&code)).await;
    assert_eq!(status, 303, "{page}");
}
