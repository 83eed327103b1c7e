//! The REST API (spec rest-api.md), the P0 routes and those of step 1.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use hearth_e2e::{Http, Hub, Reply};
use serde_json::{Value, json};

fn message(reply: &Reply) -> String {
    reply.json()["message"].as_str().unwrap().to_owned()
}

/// The id of some entity of the demo home.
async fn an_entity(hub: &Hub, domain: &str) -> String {
    let states = hub.http().get("/api/states").await.json();
    let prefix = format!("{domain}.");
    states
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|state| state["entity_id"].as_str())
        .find(|id| id.starts_with(&prefix))
        .unwrap_or_else(|| panic!("the demo home has a {domain}"))
        .to_owned()
}

#[tokio::test]
async fn the_api_is_running_at_its_exact_path() {
    let hub = Hub::start();
    let reply = hub.http().get("/api/").await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json(), json!({"message": "API running."}));
    let reply = hub.http().get("/api").await;
    assert_eq!((reply.status, reply.text()), (404, "404: Not Found"));
    assert_eq!(reply.content_type(), Some("text/plain"));
}

#[tokio::test]
async fn every_route_is_401_without_a_token() {
    let hub = Hub::start();
    for (method, path) in [
        ("GET", "/api/"),
        ("GET", "/api/config"),
        ("GET", "/api/events"),
        ("POST", "/api/events/x"),
        ("GET", "/api/services"),
        ("POST", "/api/services/light/turn_on"),
        ("GET", "/api/states"),
        ("GET", "/api/states/zone.home"),
        ("POST", "/api/states/sensor.x"),
        ("DELETE", "/api/states/sensor.x"),
        ("POST", "/api/template"),
        ("POST", "/api/mobile_app/registrations"),
    ] {
        for header in ["", "Bearer nonsense", "bearer abc", "Basic abc"] {
            let headers = [("Authorization", header)];
            let headers = if header.is_empty() { &[][..] } else { &headers };
            let reply = Http::new(hub.addr())
                .request(method, path, headers, b"{}")
                .await;
            assert_eq!(
                (reply.status, reply.text()),
                (401, "401: Unauthorized"),
                "{method} {path} {header:?}"
            );
            assert_eq!(reply.content_type(), Some("text/plain"));
        }
    }
}

#[tokio::test]
async fn the_scheme_is_exactly_bearer_and_forged_tokens_are_refused() {
    let hub = Hub::start();
    let token = hub.token();
    let mut parts = token.split('.').map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(parts.len(), 3, "a JWT");
    parts[2] = "A".repeat(parts[2].len());
    let forged = parts.join(".");
    // {"alg":"none","typ":"JWT"}
    let none = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{}.", parts[1]);
    for header in [
        format!("bearer {token}"),
        format!("Bearer  {token}x"),
        format!("Token {token}"),
        token.to_owned(),
        format!("Bearer {forged}"),
        format!("Bearer {none}"),
        "Bearer ".to_owned(),
    ] {
        let reply = Http::new(hub.addr())
            .request("GET", "/api/", &[("Authorization", &header)], b"")
            .await;
        assert_eq!(reply.status, 401, "{header}");
    }
    let reply = Http::new(hub.addr())
        .get(&format!("/api/?access_token={token}"))
        .await;
    assert_eq!(reply.status, 401, "a token in the query is not accepted");
}

#[tokio::test]
async fn admin_routes_are_401_for_a_plain_user() {
    let hub = Hub::with(hearth_e2e::hub::GUEST);
    let mut guest = Http::new(hub.addr()).bearer(hearth_e2e::hub::GUEST_TOKEN);
    for (method, path, body) in [
        ("POST", "/api/events/x", "{}"),
        ("POST", "/api/states/sensor.x", r#"{"state":1}"#),
        ("DELETE", "/api/states/sensor.x", ""),
        ("POST", "/api/template", r#"{"template":"1"}"#),
    ] {
        let reply = guest.request(method, path, &[], body.as_bytes()).await;
        assert_eq!(
            (reply.status, reply.text()),
            (401, "401: Unauthorized"),
            "{method} {path}"
        );
    }
    for path in [
        "/api/",
        "/api/config",
        "/api/states",
        "/api/services",
        "/api/events",
    ] {
        assert_eq!(guest.get(path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn unknown_paths_are_404_and_wrong_methods_405_in_text() {
    let hub = Hub::start();
    for path in ["/nowhere", "/api/nowhere", "/api/states/", "/api/config/"] {
        let reply = hub.http().get(path).await;
        assert_eq!(
            (reply.status, reply.text()),
            (404, "404: Not Found"),
            "{path}"
        );
    }
    for (method, path) in [
        ("POST", "/api/"),
        ("POST", "/api/config"),
        ("DELETE", "/api/states"),
        ("GET", "/api/template"),
        ("GET", "/api/services/light/turn_on"),
        ("PUT", "/api/states/sensor.x"),
    ] {
        let reply = hub.http().request(method, path, &[], b"").await;
        assert_eq!(
            (reply.status, reply.text()),
            (405, "405: Method Not Allowed"),
            "{method} {path}"
        );
    }
    let reply = hub.http().request("HEAD", "/api/config", &[], b"").await;
    assert_eq!(reply.status, 405);
}

#[tokio::test]
async fn the_configuration_has_every_key() {
    let hub = Hub::start();
    let config = hub.http().get("/api/config").await.json();
    for key in [
        "allowlist_external_dirs",
        "allowlist_external_urls",
        "components",
        "config_dir",
        "config_source",
        "country",
        "currency",
        "debug",
        "elevation",
        "external_url",
        "internal_url",
        "language",
        "latitude",
        "location_name",
        "longitude",
        "radius",
        "recovery_mode",
        "safe_mode",
        "state",
        "time_zone",
        "unit_system",
        "version",
        "whitelist_external_dirs",
    ] {
        assert!(config.get(key).is_some(), "{key} is missing: {config}");
    }
    assert_eq!(config["location_name"], "Test home");
    assert_eq!(config["latitude"], 52.3731);
    assert_eq!(config["radius"], 100);
    assert_eq!(config["state"], "RUNNING");
    assert!(config["version"].as_str().unwrap().starts_with("2025.4"));
    let components = config["components"].as_array().unwrap();
    for component in ["mobile_app", "zone", "person", "device_tracker"] {
        assert!(components.contains(&json!(component)), "{component}");
    }
    let over_ws = hub.ws().await.result("get_config", json!({})).await;
    assert_eq!(config, over_ws);
}

#[tokio::test]
async fn a_state_is_set_read_removed_in_that_order() {
    let hub = Hub::start();
    let mut http = hub.http();
    let path = "/api/states/sensor.Kitchen_Temp";
    let body = json!({"state": 25, "attributes": {"unit": "°C"}});
    let reply = http.post(path, &body).await;
    assert_eq!(reply.status, 201);
    assert_eq!(reply.header("location"), Some(path));
    let state = reply.json();
    assert_eq!(state["entity_id"], "sensor.kitchen_temp");
    assert_eq!(state["state"], "25");
    assert_eq!(state["attributes"], json!({"unit": "°C"}));

    let reply = http.post(path, &json!({"state": "26"})).await;
    assert_eq!(reply.status, 200);
    assert_eq!(
        reply.json()["attributes"],
        json!({}),
        "attributes are cleared"
    );

    let reply = http.get("/api/states/SENSOR.kitchen_TEMP").await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json()["state"], "26");

    let reply = http.delete(path).await;
    assert_eq!(reply.status, 200);
    assert_eq!(message(&reply), "Entity removed.");
    let reply = http.delete(path).await;
    assert_eq!(
        (reply.status, message(&reply).as_str()),
        (404, "Entity not found.")
    );
    let reply = http.get(path).await;
    assert_eq!(
        (reply.status, message(&reply).as_str()),
        (404, "Entity not found.")
    );
}

#[tokio::test]
async fn scalars_become_text_as_python_prints_them() {
    let hub = Hub::start();
    let mut http = hub.http();
    for (value, text) in [
        (json!("on"), "on"),
        (json!(""), ""),
        (json!(25), "25"),
        (json!(2.5), "2.5"),
        (json!(true), "True"),
        (json!(false), "False"),
    ] {
        let reply = http
            .post("/api/states/sensor.x", &json!({"state": value}))
            .await;
        assert_eq!(reply.json()["state"], text, "{value}");
    }
}

#[tokio::test]
async fn bad_states_are_refused_in_their_words() {
    let hub = Hub::start();
    let mut http = hub.http();
    let longest = "x".repeat(255);
    let too_long = "x".repeat(256);
    let reply = http
        .post("/api/states/sensor.long", &json!({"state": longest}))
        .await;
    assert_eq!(reply.status, 201);
    let too_long_id = format!("sensor.{}", "x".repeat(249));
    for (id, body, said) in [
        ("sensor.x", "nonsense".to_owned(), "Invalid JSON specified."),
        ("sensor.x", "[]".to_owned(), "Invalid JSON specified."),
        ("sensor.x", "5".to_owned(), "Invalid JSON specified."),
        ("sensor.x", "{}".to_owned(), "No state specified."),
        (
            "sensor.x",
            json!({"state": null}).to_string(),
            "No state specified.",
        ),
        (
            "sensor.x",
            json!({"state": too_long}).to_string(),
            "Invalid state specified.",
        ),
        (
            "sensor.x",
            json!({"state": {}}).to_string(),
            "Invalid state specified.",
        ),
        (
            "sensor.x",
            json!({"state": []}).to_string(),
            "Invalid state specified.",
        ),
        (
            "nodot",
            json!({"state": 1}).to_string(),
            "Invalid entity ID specified.",
        ),
        (
            "a.b.c",
            json!({"state": 1}).to_string(),
            "Invalid entity ID specified.",
        ),
        (
            "sensor.x-y",
            json!({"state": 1}).to_string(),
            "Invalid entity ID specified.",
        ),
        (
            "sensor._x",
            json!({"state": 1}).to_string(),
            "Invalid entity ID specified.",
        ),
        (
            "sen__sor.x",
            json!({"state": 1}).to_string(),
            "Invalid entity ID specified.",
        ),
        (
            &too_long_id,
            json!({"state": 1}).to_string(),
            "Invalid entity ID specified.",
        ),
    ] {
        let reply = http.post_text(&format!("/api/states/{id}"), &body).await;
        assert_eq!(reply.status, 400, "{id} {body}");
        assert_eq!(message(&reply), said, "{id} {body}");
    }
}

#[tokio::test]
async fn times_follow_what_differs() {
    let hub = Hub::start();
    let mut http = hub.http();
    let path = "/api/states/sensor.times";
    let mut set = async |body: Value| http.post(path, &body).await.json();
    let new = set(json!({"state": 1})).await;
    assert_eq!(new["last_changed"], new["last_updated"]);
    assert!(new["last_changed"].as_str().unwrap().ends_with("+00:00"));
    let attributes = set(json!({"state": 1, "attributes": {"a": 1}})).await;
    assert_eq!(attributes["last_changed"], new["last_changed"]);
    assert_ne!(attributes["last_updated"], new["last_updated"]);
    let same = set(json!({"state": 1, "attributes": {"a": 1}})).await;
    assert_eq!(same["last_updated"], attributes["last_updated"]);
    assert_ne!(same["last_reported"], attributes["last_reported"]);
    assert_eq!(same["context"], attributes["context"]);
    let forced = set(json!({"state": 1, "attributes": {"a": 1}, "force_update": true})).await;
    assert_ne!(forced["last_changed"], same["last_changed"]);
    let changed = set(json!({"state": 2})).await;
    assert_eq!(changed["last_changed"], changed["last_updated"]);
    assert!(changed["context"]["user_id"].is_string());
    assert_eq!(changed["context"]["id"].as_str().unwrap().len(), 26);
}

#[tokio::test]
async fn the_demo_home_shows_in_the_states() {
    let hub = Hub::start();
    let states = hub.http().get("/api/states").await.json();
    let states = states.as_array().unwrap();
    for domain in [
        "light", "switch", "cover", "climate", "sensor", "lock", "zone", "person",
    ] {
        let prefix = format!("{domain}.");
        assert!(
            states
                .iter()
                .any(|state| state["entity_id"].as_str().unwrap().starts_with(&prefix)),
            "{domain}"
        );
    }
    let over_ws = hub.ws().await.result("get_states", json!({})).await;
    assert_eq!(over_ws.as_array().unwrap().len(), states.len());
}

#[tokio::test]
async fn events_are_listed_and_fired() {
    let hub = Hub::start();
    let mut ws = hub.ws().await;
    let id = ws.subscribe("doorbell").await;
    let mut http = hub.http();
    let listed = http.get("/api/events").await.json();
    assert!(
        listed
            .as_array()
            .unwrap()
            .contains(&json!({"event": "doorbell", "listener_count": 1})),
        "{listed}"
    );
    let reply = http.post("/api/events/doorbell", &json!({"a": 1})).await;
    assert_eq!(reply.status, 200);
    assert_eq!(message(&reply), "Event doorbell fired.");
    let event = ws.event(id).await;
    assert_eq!(event["data"], json!({"a": 1}));
    assert_eq!(event["origin"], "REMOTE");
    assert!(event["context"]["user_id"].is_string());
    let reply = http.post_text("/api/events/doorbell", "").await;
    assert_eq!(reply.status, 200);
    assert_eq!(ws.event(id).await["data"], json!({}));
}

#[tokio::test]
async fn bad_events_are_refused_in_their_words() {
    let hub = Hub::start();
    let mut http = hub.http();
    let reply = http.post_text("/api/events/x", "{bad").await;
    assert_eq!(reply.status, 400);
    assert_eq!(message(&reply), "Event data should be valid JSON.");
    for body in ["[]", "5", "\"text\""] {
        let reply = http.post_text("/api/events/x", body).await;
        assert_eq!(reply.status, 400, "{body}");
        assert_eq!(
            message(&reply),
            "Event data should be a JSON object",
            "{body}"
        );
    }
    let path = format!("/api/events/{}", "x".repeat(65));
    assert_eq!(http.post(&path, &json!({})).await.status, 400);
    let path = format!("/api/events/{}", "x".repeat(64));
    assert_eq!(http.post(&path, &json!({})).await.status, 200);
}

#[tokio::test]
async fn services_are_listed_by_domain() {
    let hub = Hub::start();
    let listed = hub.http().get("/api/services").await.json();
    let light = listed
        .as_array()
        .unwrap()
        .iter()
        .find(|entry| entry["domain"] == "light")
        .unwrap();
    let turn_on = &light["services"]["turn_on"];
    assert!(
        turn_on["name"].is_string() && turn_on["fields"].is_object(),
        "{turn_on}"
    );
    let over_ws = hub.ws().await.result("get_services", json!({})).await;
    assert_eq!(&over_ws["light"], &light["services"]);
}

#[tokio::test]
async fn a_service_call_returns_the_states_it_changed() {
    let hub = Hub::start();
    let light = an_entity(&hub, "light").await;
    let mut http = hub.http();
    for (service, state) in [("turn_off", "off"), ("turn_on", "on"), ("toggle", "off")] {
        let body = json!({"entity_id": light});
        let path = format!("/api/services/light/{service}");
        let reply = http.post(&path, &body).await;
        assert_eq!(reply.status, 200, "{service}");
        let now = hub.state(&light).await.unwrap();
        assert_eq!(now["state"], state, "{service}");
        let changed = reply.json();
        for state in changed.as_array().unwrap() {
            assert_eq!(state["entity_id"], light);
            assert_eq!(state["context"], changed[0]["context"]);
        }
        if service != "turn_off" {
            assert_eq!(changed[0]["state"], state, "{service}");
        }
    }
    // Nothing left to change.
    let body = json!({"entity_id": light});
    let reply = http.post("/api/services/light/turn_off", &body).await;
    assert_eq!((reply.status, reply.json()), (200, json!([])));
    // An unknown entity is logged, not an error.
    let body = json!({"entity_id": "light.no_such_light"});
    let reply = http.post("/api/services/light/turn_on", &body).await;
    assert_eq!((reply.status, reply.json()), (200, json!([])));
}

#[tokio::test]
async fn parallel_calls_do_not_see_each_others_changes() {
    let hub = Hub::start();
    let light = an_entity(&hub, "light").await;
    let lock = an_entity(&hub, "lock").await;
    let call = async |domain: &str, services: [&str; 2], entity: &str| {
        let mut http = hub.http();
        for n in 0..20 {
            let path = format!("/api/services/{domain}/{}", services[n % 2]);
            let reply = http.post(&path, &json!({"entity_id": entity})).await;
            for state in reply.json().as_array().unwrap() {
                assert_eq!(state["entity_id"], entity);
            }
        }
    };
    tokio::join!(
        call("light", ["turn_on", "turn_off"], &light),
        call("lock", ["lock", "unlock"], &lock),
    );
}

#[tokio::test]
async fn bad_service_calls_are_refused() {
    let hub = Hub::start();
    let mut http = hub.http();
    for (path, body) in [
        ("/api/services/nope/turn_on", "{}"),
        ("/api/services/light/nope", "{}"),
    ] {
        let reply = http.post_text(path, body).await;
        assert_eq!(
            (reply.status, reply.text()),
            (400, "400: Bad Request"),
            "{path}"
        );
    }
    for body in [
        "{}",
        r#"{"entity_id":"light.x","bogus":1}"#,
        r#"{"entity_id":5}"#,
    ] {
        let reply = http.post_text("/api/services/light/turn_on", body).await;
        assert_eq!(reply.status, 400, "{body}");
    }
    let reply = http.post_text("/api/services/light/turn_on", "{bad").await;
    assert_eq!(reply.status, 400);
    assert_eq!(message(&reply), "Data should be valid JSON.");
}

#[tokio::test]
async fn asking_for_a_response_that_is_not_supported_is_400() {
    let hub = Hub::start();
    let light = an_entity(&hub, "light").await;
    let path = "/api/services/light/turn_on?return_response";
    let reply = hub.http().post(path, &json!({"entity_id": light})).await;
    assert_eq!(reply.status, 400);
    assert_eq!(
        message(&reply),
        "Service does not support responses. Remove return_response from request."
    );
}

#[tokio::test]
async fn services_with_responses_follow_the_matrix() {
    let hub = Hub::start();
    let mut http = hub.http();
    let listed = http.get("/api/services").await.json();
    let mut checked = 0;
    for entry in listed.as_array().unwrap() {
        for (name, description) in entry["services"].as_object().unwrap() {
            let Some(response) = description.get("response") else {
                continue;
            };
            // `all` needs no knowledge of the service's other fields.
            let path = format!("/api/services/{}/{name}", entry["domain"].as_str().unwrap());
            let asked = http
                .post(
                    &format!("{path}?return_response"),
                    &json!({"entity_id": "all"}),
                )
                .await;
            if asked.status == 200 {
                let body = asked.json();
                assert!(body["changed_states"].is_array(), "{path}: {body}");
                assert!(body["service_response"].is_object(), "{path}: {body}");
                checked += 1;
            }
            let unasked = http.post(&path, &json!({"entity_id": "all"})).await;
            if response["optional"] == false {
                assert_eq!(unasked.status, 400, "{path}");
                assert_eq!(
                    message(&unasked),
                    "Service call requires responses but caller did not ask for responses. \
                     Add ?return_response to query parameters."
                );
                checked += 1;
            }
        }
    }
    println!("{checked} answers of services with responses checked");
}

#[tokio::test]
async fn a_template_is_rendered_as_plain_text() {
    let hub = Hub::start();
    let mut http = hub.http();
    for (body, text) in [
        (json!({"template": "{{ 1+1 }}"}), "2"),
        (
            json!({"template": "{{ a }}!", "variables": {"a": "b"}}),
            "b!",
        ),
        (json!({"template": "{{ states('zone.home') }}"}), "0"),
        (
            json!({"template": "{{ is_state('zone.home', '0') }}"}),
            "True",
        ),
        (
            json!({"template": "{{ state_attr('zone.home', 'radius') }}"}),
            "100",
        ),
        (json!({"template": "plain"}), "plain"),
    ] {
        let reply = http.post("/api/template", &body).await;
        assert_eq!((reply.status, reply.text()), (200, text), "{body}");
        let content_type = reply.header("content-type").unwrap().to_lowercase();
        assert_eq!(content_type.replace(' ', ""), "text/plain;charset=utf-8");
    }
    for (body, start) in [
        (
            r#"{"template":"{{ 1/0 }}"}"#,
            "Error rendering template: ZeroDivisionError: division by zero",
        ),
        (
            r#"{"template":"{{ 1"}"#,
            "Error rendering template: TemplateSyntaxError: ",
        ),
        ("{bad", "Error rendering template: "),
        ("{}", ""),
        (r#"{"template":"1","variables":[]}"#, ""),
    ] {
        let reply = http.post_text("/api/template", body).await;
        assert_eq!(reply.status, 400, "{body}");
        assert!(message(&reply).starts_with(start), "{body}: {reply:?}");
    }
}

#[tokio::test]
async fn attack_patterns_in_the_url_are_400_before_auth() {
    let hub = Hub::start();
    for path in [
        "/api/../etc/passwd",
        "/api/states/%2e%2e%2fetc",
        "/api/?x=%3Cscript%3Ealert(1)%3C%2Fscript%3E",
        "/api/?x=%253Cscript%253E1%253C/script%253E",
        "/api/?q=union%20select%20(1)",
        "/api/states/a%0d%0ab",
        "/api/states/a%09b",
    ] {
        let reply = Http::new(hub.addr()).get(path).await;
        assert_eq!(reply.status, 400, "{path}");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_413_in_text() {
    let hub = Hub::start();
    let mut http = Http::new(hub.addr());
    let head = format!(
        "POST /api/states/sensor.x HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {}\r\n\
         Content-Length: 17825792\r\n\r\n",
        hub.token()
    );
    http.write(head.as_bytes()).await.unwrap();
    let reply = hearth_e2e::wait::soon("an early answer", http.read_reply(false))
        .await
        .unwrap();
    assert_eq!(reply.status, 413);
    assert_eq!(reply.content_type(), Some("text/plain"));
}

#[tokio::test]
async fn the_websocket_path_without_an_upgrade_is_400() {
    let hub = Hub::start();
    let reply = Http::new(hub.addr()).get("/api/websocket").await;
    assert_eq!(reply.status, 400);
    assert_eq!(reply.content_type(), Some("text/plain"));
}

#[tokio::test]
async fn health_and_metrics_are_served() {
    let hub = Hub::start();
    let reply = Http::new(hub.addr()).get("/healthz").await;
    assert_eq!(reply.status, 200);
    let reply = hub.http().get("/metrics").await;
    assert_eq!(reply.status, 200);
    let text = reply.text();
    assert!(
        text.lines().any(|line| line.starts_with("# TYPE ")),
        "the OpenMetrics text format: {text:.300}"
    );
}

#[tokio::test]
async fn requests_may_follow_each_other_without_waiting() {
    let hub = Hub::start();
    let mut http = Http::new(hub.addr());
    let one = format!(
        "GET /api/ HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {}\r\n\r\n",
        hub.token()
    );
    http.write(one.repeat(50).as_bytes()).await.unwrap();
    for _ in 0..50 {
        let reply = hearth_e2e::wait::soon("an answer", http.read_reply(false))
            .await
            .unwrap();
        assert_eq!(reply.status, 200);
    }
}
