//! Views of integrations.

use serde_json::json;

use crate::home::with_home;

#[test]
fn a_view_gets_the_request_and_its_caller() {
    with_home(async |home| {
        let reply = home
            .bearing(&home.admin, "POST", "/api/lab/things?x=1", "hello")
            .await;
        let seen = json!({
            "name": null, "query": "x=1", "body": "hello", "authorization": false, "user": home.admin_id,
        });
        assert_eq!((reply.status, reply.json()), (200, seen));
        let public = home.plain("GET", "/api/lab/things/a%20b", "", "").await;
        assert_eq!(
            (&public.json()["name"], &public.json()["user"]),
            (&json!("a b"), &json!(null))
        );
    });
}

#[test]
fn a_view_is_opened_to_those_it_is_for() {
    with_home(async |home| {
        assert_eq!(
            home.plain("POST", "/api/lab/things", "", "").await.status,
            401
        );
        assert_eq!(
            home.bearing(&home.user, "POST", "/api/lab/things", "")
                .await
                .status,
            200
        );
        assert_eq!(
            home.bearing(&home.user, "GET", "/api/lab/secrets", "")
                .await
                .status,
            401
        );
        assert_eq!(home.admin("GET", "/api/lab/secrets", "").await.status, 200);
    });
}

#[test]
fn a_view_with_another_method_is_405_and_a_withdrawn_one_404() {
    with_home(async |home| {
        let wrong = home.admin("GET", "/api/lab/things", "").await;
        assert_eq!(wrong.plain(), (405, "405: Method Not Allowed"));
        home.door
            .hub
            .views
            .unregister(&http::Method::POST, "/api/lab/things");
        assert_eq!(
            home.admin("POST", "/api/lab/things", "").await.plain(),
            (404, "404: Not Found")
        );
    });
}

#[test]
fn a_streamed_body_arrives_whole() {
    with_home(async |home| {
        let reply = home.plain("GET", "/api/lab/things/streamed", "", "").await;
        assert_eq!(reply.plain(), (200, "one two"));
    });
}
