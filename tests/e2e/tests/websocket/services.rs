//! §5: services.

use hearth_e2e::hub::{GUEST, GUEST_TOKEN};
use hearth_e2e::{Hub, Ws};
use serde_json::{Value, json};

async fn an_entity(ws: &mut Ws, domain: &str) -> String {
    let states = ws.result("get_states", json!({})).await;
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

fn call(service: &str, more: Value) -> Value {
    let (domain, service) = service.split_once('.').unwrap();
    let mut fields = json!({"domain": domain, "service": service});
    for (key, value) in more.as_object().unwrap() {
        fields[key] = value.clone();
    }
    fields
}

#[tokio::test]
async fn a_call_waits_for_its_effect_and_tells_its_context() {
    let hub = Hub::start();
    let mut ws = hub.ws().await;
    let light = an_entity(&mut ws, "light").await;
    for (service, state) in [("light.turn_off", "off"), ("light.turn_on", "on")] {
        let fields = call(service, json!({"target": {"entity_id": light}}));
        let result = ws.result("call_service", fields).await;
        let context = &result["context"];
        assert!(context["user_id"].is_string() && context["parent_id"].is_null());
        assert!(result.get("response").is_none(), "{result}");
        let now = hub.state(&light).await.unwrap();
        assert_eq!(now["state"], state);
        if service == "light.turn_on" {
            assert_eq!(now["context"]["id"], context["id"]);
        }
    }
}

#[tokio::test]
async fn targets_are_merged_into_the_data_as_lists() {
    let hub = Hub::start();
    let mut ws = hub.ws().await;
    let light = an_entity(&mut ws, "light").await;
    let calls = ws.subscribe("call_service").await;
    let fields = call("light.turn_on", json!({"target": {"entity_id": light}}));
    ws.result("call_service", fields).await;
    let event = ws.event(calls).await;
    assert_eq!(
        event["data"],
        json!({"domain": "light", "service": "turn_on", "service_data": {"entity_id": [light]}})
    );
    assert_eq!(event["origin"], "LOCAL");
}

#[tokio::test]
async fn each_failure_has_its_code() {
    let hub = Hub::start();
    let mut ws = hub.ws().await;
    let light = an_entity(&mut ws, "light").await;
    let error = ws
        .error("call_service", call("nope.turn_on", json!({})))
        .await;
    assert_eq!(error["code"], "not_found");
    assert_eq!(error["message"], "Service nope.turn_on not found.");
    assert_eq!(error["translation_key"], "service_not_found");
    assert_eq!(error["translation_domain"], "homeassistant");
    assert_eq!(
        error["translation_placeholders"],
        json!({"domain": "nope", "service": "turn_on"})
    );

    let error = ws
        .error("call_service", call("light.turn_on", json!({})))
        .await;
    assert_eq!(error["code"], "invalid_format");
    assert_eq!(
        error["message"],
        "must contain at least one of entity_id, device_id, area_id, floor_id, label_id."
    );

    let data = json!({"service_data": {"entity_id": light, "bogus": 1}});
    let error = ws.error("call_service", call("light.turn_on", data)).await;
    assert_eq!(error["code"], "invalid_format");
    let text = error["message"].as_str().unwrap();
    assert!(
        text.starts_with("extra keys not allowed @ data['bogus']"),
        "{text}"
    );

    let data = json!({"target": {"entity_id": "{{ 'light.x' }}"}});
    let error = ws.error("call_service", call("light.turn_on", data)).await;
    assert_eq!(error["code"], "invalid_format");

    let data = json!({"target": {"entity_id": light}, "return_response": true});
    let error = ws.error("call_service", call("light.turn_on", data)).await;
    assert_eq!(error["code"], "service_validation_error");
    assert_eq!(
        error["translation_key"],
        "service_does_not_support_response"
    );

    for fields in [
        json!({"service": "turn_on"}),
        json!({"domain": "light"}),
        json!({"domain": "light", "service": "turn_on", "service_data": []}),
        json!({"domain": "light", "service": "turn_on", "target": []}),
        json!({"domain": "light", "service": "turn_on", "bogus": 1}),
        json!({"domain": "light", "service": "turn_on", "target": {"bogus": 1}}),
    ] {
        let error = ws.error("call_service", fields.clone()).await;
        assert_eq!(error["code"], "invalid_format", "{fields}");
    }
}

#[tokio::test]
async fn an_unknown_entity_is_no_failure() {
    let hub = Hub::start();
    let mut ws = hub.ws().await;
    let data = json!({"target": {"entity_id": ["light.no_such_light"]}});
    ws.result("call_service", call("light.turn_on", data)).await;
}

#[tokio::test]
async fn all_reaches_every_entity_of_the_domain() {
    let hub = Hub::start();
    let mut ws = hub.ws().await;
    let data = json!({"target": {"entity_id": "all"}});
    ws.result("call_service", call("light.turn_on", data)).await;
    let states = ws.result("get_states", json!({})).await;
    for state in states.as_array().unwrap() {
        if state["entity_id"].as_str().unwrap().starts_with("light.")
            && state["state"] != "unavailable"
        {
            assert_eq!(state["state"], "on", "{state}");
        }
    }
}

#[tokio::test]
async fn an_area_reaches_what_is_in_it() {
    let hub = Hub::start();
    let mut ws = hub.ws().await;
    for (target, expected) in [
        (json!({"area_id": "kitchen"}), vec!["light.kitchen_lights"]),
        (json!({"area_id": ["cellar"]}), vec![]),
    ] {
        let data = json!({"target": {"entity_id": "all"}});
        ws.result("call_service", call("light.turn_off", data))
            .await;
        ws.result(
            "call_service",
            call("light.turn_on", json!({"target": target})),
        )
        .await;
        let states = ws.result("get_states", json!({})).await;
        let lit: Vec<&str> = states
            .as_array()
            .unwrap()
            .iter()
            .filter(|state| state["state"] == "on")
            .filter_map(|state| state["entity_id"].as_str())
            .filter(|id| id.starts_with("light."))
            .collect();
        assert_eq!(lit, expected, "{target}");
    }
}

#[tokio::test]
async fn a_plain_user_controls_the_home() {
    let hub = Hub::with(GUEST);
    let mut ws = Ws::authenticated(hub.addr(), GUEST_TOKEN).await;
    let light = an_entity(&mut ws, "light").await;
    let data = json!({"target": {"entity_id": light}});
    ws.result("call_service", call("light.turn_on", data)).await;
}

#[tokio::test]
async fn services_are_described() {
    let hub = Hub::start();
    let services = hub.ws().await.result("get_services", json!({})).await;
    for (domain, list) in services.as_object().unwrap() {
        for (name, description) in list.as_object().unwrap() {
            for key in ["name", "description"] {
                assert!(
                    description[key].is_string(),
                    "{domain}.{name}: {description}"
                );
            }
            assert!(
                description["fields"].is_object(),
                "{domain}.{name}: {description}"
            );
        }
    }
    let turn_on = &services["light"]["turn_on"];
    assert_eq!(turn_on["target"]["entity"][0]["domain"], json!(["light"]));
}
