//! §3: `render_template`.

use hearth_e2e::{Hub, Ws};
use serde_json::{Value, json};

async fn render(ws: &mut Ws, fields: Value) -> u64 {
    let id = ws.fresh_id();
    let mut message = fields;
    message["id"] = id.into();
    message["type"] = "render_template".into();
    ws.send(&message).await;
    let answer = ws.answer(id).await;
    assert_eq!(answer["success"], true, "{answer}");
    id
}

#[tokio::test]
async fn a_template_is_rendered_again_when_its_entity_changes() {
    let hub = Hub::start();
    let mut http = hub.http();
    let path = "/api/states/sensor.outside";
    http.post(path, &json!({"state": "21"})).await;
    let mut ws = hub.ws().await;
    let template = "{{ states('sensor.outside') | int + more }}";
    let fields = json!({"template": template, "variables": {"more": 1}});
    let id = render(&mut ws, fields).await;
    let listeners =
        json!({"all": false, "entities": ["sensor.outside"], "domains": [], "time": false});
    assert_eq!(
        ws.event(id).await,
        json!({"result": 22, "listeners": listeners})
    );
    http.post(path, &json!({"state": "5"})).await;
    assert_eq!(ws.event(id).await["result"], 6);
    ws.result("unsubscribe_events", json!({"subscription": id}))
        .await;
    http.post(path, &json!({"state": "7"})).await;
    assert_eq!(ws.call("ping", json!({})).await["type"], "pong");
}

#[tokio::test]
async fn a_broken_template_is_told_only_to_who_asks() {
    let hub = Hub::start();
    let mut ws = hub.ws().await;
    render(&mut ws, json!({"template": "{{ 1 / 0 }}"})).await;
    let id = render(
        &mut ws,
        json!({"template": "{{ 1 / 0 }}", "report_errors": true}),
    )
    .await;
    assert_eq!(
        ws.event(id).await,
        json!({"error": "ZeroDivisionError: division by zero", "level": "ERROR"})
    );
}
