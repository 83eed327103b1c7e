//! §5: templates.

use hearth_e2e::Hub;
use serde_json::json;

use crate::message;

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
