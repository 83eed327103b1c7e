//! §4: services.

use hearth_e2e::Hub;
use serde_json::json;

use crate::message;

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
