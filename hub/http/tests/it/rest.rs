//! Signing in, status, events, templates and the rules of every path.

use hearth_auth::UserUpdate;
use serde_json::json;

use crate::home::{Home, with_home};

/// Every row of the table that wants a token: method, path, and whether it is for administrators.
async fn guarded(home: &Home) -> Vec<(String, String, bool)> {
    let document = home.admin("GET", "/api/openapi.json", "").await.json();
    let mut guarded = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if operation["security"] == json!([{"bearer": []}]) {
                let for_admins = operation["description"] == "For administrators.";
                let path = path.replace(['{', '}'], "");
                guarded.push((method.to_ascii_uppercase(), path, for_admins));
            }
        }
    }
    for row in [
        ("GET", "/api/states", false),
        ("GET", "/api/stream", true),
        ("DELETE", "/api/config/config_entries/entry/entry_id", true),
        ("POST", "/api/lab/things", false),
    ] {
        let row = (row.0.to_owned(), row.1.to_owned(), row.2);
        assert!(guarded.contains(&row), "{row:?}");
    }
    guarded
}

#[test]
fn every_path_wants_a_good_token() {
    with_home(async |home| {
        for (method, path, _) in guarded(&home).await {
            let nothing = home.plain(&method, &path, "", "").await;
            assert_eq!(
                nothing.plain(),
                (401, "401: Unauthorized"),
                "{method} {path}"
            );
            assert!(
                nothing
                    .field("content-type")
                    .unwrap()
                    .starts_with("text/plain")
            );
        }
        let token = &home.admin;
        for field in [
            "Authorization: Bearer x\r\n".to_owned(),
            format!("Authorization: bearer {token}\r\n"),
            format!("Authorization: Basic {token}\r\n"),
            format!("Authorization: {token}\r\n"),
            format!("Authorization: Bearer  {token}\r\n"),
            "Authorization: Bearer \r\n".to_owned(),
        ] {
            assert_eq!(
                home.plain("GET", "/api/", &field, "").await.status,
                401,
                "{field}"
            );
        }
        assert_eq!(
            home.plain("GET", &format!("/api/?token={token}"), "", "")
                .await
                .status,
            401
        );
    });
}

#[test]
fn what_only_administrators_may_do_is_401_for_others() {
    with_home(async |home| {
        for (method, path, for_admins) in guarded(&home).await {
            if !for_admins {
                continue;
            }
            let reply = home.bearing(&home.user, &method, &path, "").await;
            assert_eq!(reply.plain(), (401, "401: Unauthorized"), "{method} {path}");
        }
    });
}

#[test]
fn a_deactivated_user_is_refused_from_the_next_request_on() {
    with_home(async |home| {
        assert_eq!(
            home.bearing(&home.user, "GET", "/api/", "").await.status,
            200
        );
        let user = home.door.auth.find_user_by_name("Bo");
        let users = home.door.auth.list_users();
        let id = user.unwrap_or_else(|| users[1].clone()).id;
        let off = UserUpdate {
            is_active: Some(false),
            ..UserUpdate::default()
        };
        home.door.auth.update_user(id, off).await.unwrap();
        assert_eq!(
            home.bearing(&home.user, "GET", "/api/", "").await.status,
            401
        );
    });
}

#[test]
fn unknown_paths_and_wrong_methods_answer_as_text() {
    with_home(async |home| {
        for path in [
            "/api",
            "/api/discovery_info",
            "/api/states/",
            "/favicon.ico",
            "/api/webhook/a/b",
        ] {
            assert_eq!(
                home.plain("GET", path, "", "").await.plain(),
                (404, "404: Not Found"),
                "{path}"
            );
        }
        for (method, path) in [
            ("POST", "/api/"),
            ("PATCH", "/api/states"),
            ("GET", "/api/template"),
        ] {
            let reply = home.plain(method, path, "", "").await;
            assert_eq!(
                reply.plain(),
                (405, "405: Method Not Allowed"),
                "{method} {path}"
            );
        }
        assert_eq!(home.plain("HEAD", "/api/", "", "").await.status, 405);
    });
}

#[test]
fn every_reply_carries_the_header_fields_of_the_api() {
    with_home(async |home| {
        for (path, status) in [
            ("/api/", 401),
            ("/nowhere", 404),
            ("/api/webhook/x", 200),
            ("/x/../y", 400),
        ] {
            let reply = home.plain("GET", path, "", "").await;
            assert_eq!(reply.status, status, "{path}");
            assert_eq!(reply.field("referrer-policy"), Some("no-referrer"));
            assert_eq!(reply.field("x-content-type-options"), Some("nosniff"));
            assert_eq!(reply.field("x-frame-options"), Some("SAMEORIGIN"));
            assert_eq!(reply.field("server"), Some(""));
        }
    });
}

#[test]
fn the_hub_tells_what_it_is() {
    with_home(async |home| {
        assert_eq!(
            home.admin("GET", "/api/", "").await.json(),
            json!({"message": "API running."})
        );
        let config = home
            .bearing(&home.user, "GET", "/api/config", "")
            .await
            .json();
        let keys: Vec<&str> = config
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        let expected = [
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
        ];
        assert!(
            expected.iter().all(|key| keys.contains(key)) && keys.len() == expected.len(),
            "{keys:?}"
        );
        assert_eq!(config["state"], "RUNNING");
        assert_eq!(config["unit_system"]["temperature"], "°C");
        let state = home.admin("GET", "/api/core/state", "").await.json();
        assert_eq!(state["state"], "RUNNING");
        assert_eq!(state["recorder_state"]["migration_in_progress"], false);
        let components = home.admin("GET", "/api/components", "").await.json();
        assert!(components.as_array().unwrap().contains(&json!("lab")));
    });
}

#[test]
fn firing_an_event_names_it_or_says_what_is_wrong() {
    with_home(async |home| {
        let fire = async |path: &str, body: &str| home.admin("POST", path, body).await.message();
        assert_eq!(
            fire("/api/events/knock", "").await,
            (200, "Event knock fired.".into())
        );
        assert_eq!(fire("/api/events/knock", r#"{"who":"me"}"#).await.0, 200);
        assert_eq!(
            fire("/api/events/knock", "{").await,
            (400, "Event data should be valid JSON.".into())
        );
        assert_eq!(
            fire("/api/events/knock", "[1]").await,
            (400, "Event data should be a JSON object".into())
        );
        assert_eq!(
            fire(&format!("/api/events/{}", "k".repeat(64)), "").await.0,
            200
        );
        assert_eq!(
            fire(&format!("/api/events/{}", "k".repeat(65)), "").await.0,
            400
        );
    });
}

#[test]
fn a_template_answers_text_or_why_it_failed() {
    with_home(async |home| {
        let render = async |body: &str| home.admin("POST", "/api/template", body).await;
        let good = render(r#"{"template": "x", "variables": {"a": 1}}"#).await;
        assert_eq!(good.plain(), (200, "rendered"));
        assert_eq!(
            good.field("content-type"),
            Some("text/plain; charset=utf-8")
        );
        let bad = render(r#"{"template": "{{ 1 / 0 }}"}"#).await;
        let why = "Error rendering template: ZeroDivisionError: division by zero";
        assert_eq!(bad.message(), (400, why.to_owned()));
        for body in [
            "{",
            "[]",
            "{}",
            r#"{"template": 1}"#,
            r#"{"template": "x", "variables": 1}"#,
        ] {
            let (status, message) = render(body).await.message();
            assert_eq!(status, 400, "{body}");
            assert!(
                message.starts_with("Error rendering template: "),
                "{message}"
            );
        }
    });
}

#[test]
fn a_sentence_without_an_assistant_finds_nobody() {
    with_home(async |home| {
        let say = async |body: &str| {
            home.bearing(&home.user, "POST", "/api/conversation/process", body)
                .await
                .status
        };
        for body in [r#"{"text": "turn on the light"}"#, "{}", ""] {
            assert_eq!(say(body).await, 404, "{body}");
        }
    });
}

#[test]
fn an_intent_goes_to_whoever_handles_it() {
    with_home(async |home| {
        let handle = async |body: &str| {
            home.bearing(&home.user, "POST", "/api/intent/handle", body)
                .await
        };
        let handled = handle(r#"{"name": "HassTurnOn", "data": {"name": "lamp"}}"#).await;
        assert_eq!(
            (handled.status, &handled.json()["speech"]),
            (200, &json!({}))
        );
        for body in [
            "",
            "[]",
            "{}",
            r#"{"name": 1}"#,
            r#"{"name": "x", "data": 1}"#,
            r#"{"name": "x", "mood": "y"}"#,
        ] {
            assert_eq!(handle(body).await.status, 400, "{body}");
        }
    });
}

#[test]
fn what_went_wrong_is_told_to_administrators_as_text() {
    with_home(async |home| {
        hearth_core::log_ring::LogRing::of_this_process().keep(hearth_core::log_ring::LogEntry {
            time: home.door.hub.env.now(),
            level: hearth_core::log_ring::LogLevel::Warning,
            target: "lab".to_owned(),
            message: "the lamp flickers".to_owned(),
        });
        let log = home.admin("GET", "/api/error_log", "").await;
        assert_eq!(
            (log.status, log.field("content-type")),
            (200, Some("text/plain; charset=utf-8"))
        );
        assert!(log.text().contains("WARNING [lab] the lamp flickers\n"));
        let other = home.bearing(&home.user, "GET", "/api/error_log", "").await;
        assert_eq!(other.plain(), (401, "401: Unauthorized"));
    });
}

#[test]
fn what_is_not_loaded_is_not_found() {
    with_home(async |home| {
        for (method, path) in [
            ("GET", "/api/history/period"),
            ("GET", "/api/logbook"),
            ("GET", "/api/calendars"),
            ("GET", "/api/camera_proxy/camera.door"),
            ("GET", "/api/camera_proxy_stream/camera.door"),
            ("GET", "/api/discovery_info"),
            ("POST", "/api/config/core/check_config"),
            ("GET", "/api/config/automation/config/1"),
        ] {
            let reply = home.admin(method, path, "").await;
            assert_eq!(reply.plain(), (404, "404: Not Found"), "{method} {path}");
        }
    });
}

#[test]
fn the_document_of_the_api_lists_what_is_served() {
    with_home(async |home| {
        let reply = home
            .bearing(&home.user, "GET", "/api/openapi.json", "")
            .await;
        assert_eq!(reply.status, 200);
        let document = reply.json();
        assert_eq!(document["openapi"], "3.1.0");
        for (path, method) in [
            ("/api/states/{entity_id}", "delete"),
            ("/api/webhook/{webhook_id}", "put"),
            ("/api/lab/things/{name}", "get"),
            ("/api/lab/secrets", "get"),
        ] {
            assert!(
                document["paths"][path][method].is_object(),
                "{method} {path}"
            );
        }
        let secrets = &document["paths"]["/api/lab/secrets"]["get"];
        assert_eq!(secrets["security"], json!([{"bearer": []}]));
        let without = home.plain("GET", "/api/openapi.json", "", "").await;
        assert_eq!(without.status, 401);
    });
}

#[test]
fn large_replies_are_compressed_for_those_who_ask() {
    with_home(async |home| {
        for n in 0..50 {
            let path = format!("/api/states/sensor.n{n}");
            assert_eq!(
                home.admin("POST", &path, r#"{"state": 1}"#).await.status,
                201
            );
        }
        let get = async |path: &str, accept: &str| {
            let fields = format!("Authorization: Bearer {}\r\n{accept}", home.admin);
            home.plain("GET", path, &fields, "").await
        };
        let plain = get("/api/states", "").await;
        assert_eq!(plain.field("content-encoding"), None);
        for (accept, coding, start) in [
            ("gzip", "gzip", [0x1f, 0x8b]),
            ("gzip, deflate, br", "deflate", [0x78, 0x01]),
            ("deflate;q=0, gzip;q=0.5", "gzip", [0x1f, 0x8b]),
        ] {
            let small = get("/api/states", &format!("Accept-Encoding: {accept}\r\n")).await;
            assert_eq!(small.field("content-encoding"), Some(coding), "{accept}");
            assert!(
                small.body.starts_with(&start),
                "{accept}: {:?}",
                &small.body[..2]
            );
            assert!(small.body.len() < plain.body.len() / 4);
        }
        assert_eq!(
            get("/api/states", "Accept-Encoding: gzip;q=0\r\n")
                .await
                .field("content-encoding"),
            None
        );
        assert_eq!(
            get("/api/", "Accept-Encoding: gzip\r\n")
                .await
                .field("content-encoding"),
            None
        );
    });
}
