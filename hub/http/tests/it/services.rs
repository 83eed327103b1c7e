//! `/api/services`.

use serde_json::json;

use crate::home::with_home;

#[test]
fn services_are_listed_by_domain() {
    with_home(async |home| {
        let listed = home
            .bearing(&home.user, "GET", "/api/services", "")
            .await
            .json();
        let lab = listed
            .as_array()
            .unwrap()
            .iter()
            .find(|entry| entry["domain"] == "lab")
            .unwrap();
        assert!(
            lab["services"]["dim"]["fields"]["level"].is_object(),
            "{lab}"
        );
        assert_eq!(
            lab["services"]["only"]["response"],
            json!({"optional": false})
        );
    });
}

#[test]
fn a_call_answers_the_states_that_changed_under_its_own_context() {
    with_home(async |home| {
        let reply = home
            .bearing(
                &home.user,
                "POST",
                "/api/services/lab/dim",
                r#"{"level": 7}"#,
            )
            .await;
        let changed = reply.json();
        assert_eq!((reply.status, changed.as_array().unwrap().len()), (200, 1));
        assert_eq!(
            (&changed[0]["entity_id"], &changed[0]["state"]),
            (&json!("light.lab"), &json!("7"))
        );
        let nothing = home.admin("POST", "/api/services/lab/maybe", "").await;
        assert_eq!(nothing.json(), json!([]));
    });
}

#[test]
fn a_response_is_given_where_there_is_one_and_it_was_asked_for() {
    with_home(async |home| {
        let call = async |path: &str| {
            home.admin("POST", &format!("/api/services/lab/{path}"), "{}")
                .await
        };
        let answered = json!({"changed_states": [], "service_response": {"answer": 42}});
        assert_eq!(call("maybe?return_response").await.json(), answered);
        assert_eq!(call("maybe?a=b&return_response=0").await.json(), answered);
        assert_eq!(call("only?return_response").await.json(), answered);
        let ask = "Service call requires responses but caller did not ask for responses. \
                   Add ?return_response to query parameters.";
        assert_eq!(call("only").await.message(), (400, ask.to_owned()));
        let none = "Service does not support responses. Remove return_response from request.";
        assert_eq!(
            call("dim?return_response").await.message(),
            (400, none.to_owned())
        );
    });
}

#[test]
fn a_failed_call_says_why_in_the_words_of_the_protocol() {
    with_home(async |home| {
        let call = async |path: &str, body: &str| {
            home.admin("POST", &format!("/api/services/{path}"), body)
                .await
        };
        for (path, body) in [
            ("lab/unknown", ""),
            ("nobody/home", ""),
            ("lab/dim", "{}"),
            ("lab/dim", r#"{"level": 101}"#),
            ("lab/dim", "[]"),
        ] {
            assert_eq!(
                call(path, body).await.plain(),
                (400, "400: Bad Request"),
                "{path} {body}"
            );
        }
        assert_eq!(
            call("lab/dim", "{").await.message(),
            (400, "Data should be valid JSON.".to_owned())
        );
        assert_eq!(
            call("lab/fail", "").await.message(),
            (500, "the lamp is broken".to_owned())
        );
        let refused = home
            .bearing(&home.user, "POST", "/api/services/lab/secret", "")
            .await;
        assert_eq!(refused.plain(), (401, "401: Unauthorized"));
    });
}

#[test]
fn a_call_is_carried_out_though_its_caller_goes_away() {
    with_home(async |home| {
        let mut client = home.connect().await;
        let body = r#"{"level": 9}"#;
        let head = format!(
            "POST /api/services/lab/dim HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {}\r\nContent-Length: {}\r\n\r\n{body}",
            home.admin,
            body.len(),
        );
        client.send(head.as_bytes()).await;
        drop(client);
        let done = async {
            while home.door.hub.states.get("light.lab").is_none() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(crate::client::DEADLINE, done)
            .await
            .unwrap();
    });
}
