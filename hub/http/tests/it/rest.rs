//! Signing in, status, events, templates and the rules of every path.

use hearth_auth::UserUpdate;
use serde_json::json;

use crate::home::with_home;

const ANY_USER: [(&str, &str); 9] = [
    ("GET", "/api/"),
    ("GET", "/api/config"),
    ("GET", "/api/core/state"),
    ("GET", "/api/components"),
    ("GET", "/api/events"),
    ("GET", "/api/services"),
    ("GET", "/api/states"),
    ("GET", "/api/states/light.lab"),
    ("POST", "/api/services/lab/dim"),
];

const ADMIN: [(&str, &str); 7] = [
    ("POST", "/api/states/light.lab"),
    ("DELETE", "/api/states/light.lab"),
    ("POST", "/api/events/knock"),
    ("GET", "/api/stream"),
    ("POST", "/api/template"),
    ("GET", "/api/config/config_entries/entry"),
    ("DELETE", "/api/config/config_entries/entry/x"),
];

#[test]
fn every_path_wants_a_good_token() {
    with_home(async |home| {
        for (method, path) in ANY_USER.into_iter().chain(ADMIN) {
            let nothing = home.plain(method, path, "", "").await;
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
        for (method, path) in ADMIN {
            let reply = home.bearing(&home.user, method, path, "").await;
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
fn a_config_entry_is_listed_and_removed_by_its_owner() {
    with_home(async |home| {
        let list = home
            .admin("GET", "/api/config/config_entries/entry?domain=lab", "")
            .await
            .json();
        assert_eq!(list.as_array().unwrap().len(), 1);
        assert_eq!(list[0]["title"], "The lab");
        let other = home
            .admin("GET", "/api/config/config_entries/entry?domain=other", "")
            .await;
        assert_eq!(other.json(), json!([]));
        let path = format!(
            "/api/config/config_entries/entry/{}",
            list[0]["entry_id"].as_str().unwrap()
        );
        let removed = home.admin("DELETE", &path, "").await;
        assert_eq!(removed.json(), json!({"require_restart": false}));
        let unknown = home
            .admin("DELETE", "/api/config/config_entries/entry/x", "")
            .await;
        assert_eq!(
            unknown.message(),
            (404, "Invalid entry specified".to_owned())
        );
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
        assert_eq!(say(r#"{"text": "turn on the light"}"#).await, 404);
        for body in [
            "",
            "{}",
            r#"{"text": 1}"#,
            r#"{"text": "x", "mood": "y"}"#,
            r#"{"text": "x", "language": 1}"#,
        ] {
            assert_eq!(say(body).await, 400, "{body}");
        }
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
        let small = get("/api/states", "Accept-Encoding: deflate, gzip;q=0.5\r\n").await;
        assert_eq!(small.field("content-encoding"), Some("gzip"));
        assert!(small.body.starts_with(&[0x1f, 0x8b]) && small.body.len() < plain.body.len() / 4);
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
