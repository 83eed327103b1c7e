//! Signed paths: who signed what, for how long.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hearth_auth::{Auth, AuthError, TokenId, UserUpdate};
use serde_json::{Value, json};

use crate::home::{Home, run};

const MINUTE: Duration = Duration::from_secs(60);

/// Whether the hub takes a path with its query.
fn opens(auth: &Auth, signed: &str) -> bool {
    let (path, query) = signed.split_once('?').unwrap();
    auth.authenticate_path(path, query)
        .is_some_and(|verdict| verdict.is_ok())
}

async fn pauls_token(home: &Home) -> TokenId {
    let paul = home.person("Paul").await;
    home.token_of(&paul).await;
    home.auth.tokens_of(paul.id).remove(0).id
}

#[test]
fn a_signed_path_has_the_claims_of_the_spec_and_opens_as_its_user() {
    run(async {
        let home = Home::new();
        let token = pauls_token(&home).await;
        let signed = home
            .auth
            .sign_path(token, "/api/camera_proxy/camera.a%20b?x=1&y=a+b", MINUTE)
            .unwrap();
        let (kept, signature) = signed.split_once("&authSig=").unwrap();
        assert_eq!(kept, "/api/camera_proxy/camera.a%20b?x=1&y=a+b");
        let claims = signature.split('.').nth(1).unwrap();
        let claims: Value =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
        let now = home.clock.seconds();
        assert_eq!(
            claims,
            json!({
                "iss": token.to_string(), "path": "/api/camera_proxy/camera.a b",
                "params": [["x", "1"], ["y", "a b"]], "iat": now, "exp": now + 60,
            })
        );
        let (path, query) = signed.split_once('?').unwrap();
        let caller = home.auth.authenticate_path(path, query).unwrap().unwrap();
        assert_eq!(caller.user.name, "Paul");
        assert_eq!(caller.token_id, token);
    });
}

#[test]
fn only_the_request_that_was_signed_is_let_in() {
    run(async {
        let home = Home::new();
        let token = pauls_token(&home).await;
        let signed = home
            .auth
            .sign_path(token, "/api/a?x=1&y=2", MINUTE)
            .unwrap();
        let signature = signed.split_once("authSig=").unwrap().1;
        for (request, taken) in [
            ("/api/a?x=1&y=2&authSig=SIG", true),
            ("/api/a?authSig=SIG&x=1&y=2", true),
            ("/api/a?x=1&width=3&y=2&height=4&authSig=SIG", true),
            ("/api/%61?x=%31&y=2&authSig=SIG", true),
            ("/api/b?x=1&y=2&authSig=SIG", false),
            ("/api/a/?x=1&y=2&authSig=SIG", false),
            ("/api/a?y=2&x=1&authSig=SIG", false),
            ("/api/a?x=1&authSig=SIG", false),
            ("/api/a?x=1&y=3&authSig=SIG", false),
            ("/api/a?x=1&y=2&z=3&authSig=SIG", false),
            ("/api/a?x=1&y=2&authSig=SIGx", false),
            ("/api/a?x=1&y=2&authSig=", false),
        ] {
            let request = request.replace("SIG", signature);
            assert_eq!(opens(&home.auth, &request), taken, "{request}");
        }
        assert!(home.auth.authenticate_path("/api/a", "x=1&y=2").is_none());
    });
}

#[test]
fn a_signature_ends_with_its_time_its_token_and_its_user() {
    run(async {
        let home = Home::new();
        let token = pauls_token(&home).await;
        let paul = home.auth.list_users().remove(0).id;
        let sign = || home.auth.sign_path(token, "/api/a", MINUTE).unwrap();
        let signed = sign();
        home.clock.pass(MINUTE);
        assert!(
            opens(&home.auth, &signed),
            "within the leeway of the clocks"
        );
        home.clock.pass(Duration::from_secs(10));
        assert!(!opens(&home.auth, &signed));

        let signed = sign();
        let active = |is_active| UserUpdate {
            is_active: Some(is_active),
            ..UserUpdate::default()
        };
        home.person("Ann").await;
        let ann = home.auth.find_user_by_name("Ann").unwrap().id;
        home.token_of(&home.auth.find_user(ann).unwrap()).await;
        let anns = home.auth.tokens_of(ann).remove(0).id;
        let by_ann = home.auth.sign_path(anns, "/api/a", MINUTE).unwrap();
        home.auth.update_user(ann, active(false)).await.unwrap();
        assert!(!opens(&home.auth, &by_ann));
        home.auth.update_user(ann, active(true)).await.unwrap();
        assert!(opens(&home.auth, &by_ann));

        assert!(opens(&home.auth, &signed));
        let record = home.auth.tokens_of(paul).remove(0);
        home.auth.revoke_token(record.id).await.unwrap();
        assert!(!opens(&home.auth, &signed));
        let again = home.auth.sign_path(token, "/api/a", MINUTE);
        assert!(matches!(again, Err(AuthError::UnknownToken)));
    });
}

#[test]
fn an_access_token_is_no_signature_and_a_signature_no_access_token() {
    run(async {
        let home = Home::new();
        let paul = home.person("Paul").await;
        let bearer = home.token_of(&paul).await;
        let token = home.auth.tokens_of(paul.id).remove(0).id;
        let signed = home.auth.sign_path(token, "/api/a", MINUTE).unwrap();
        let signature = signed.split_once("authSig=").unwrap().1;
        assert!(home.auth.authenticate(signature).is_err());
        assert!(!opens(&home.auth, &format!("/api/a?authSig={bearer}")));
    });
}

#[test]
fn a_signature_that_was_there_is_replaced_and_only_own_paths_are_signed() {
    run(async {
        let home = Home::new();
        let token = pauls_token(&home).await;
        let once = home.auth.sign_path(token, "/api/a?x=1", MINUTE).unwrap();
        let twice = home.auth.sign_path(token, &once, MINUTE).unwrap();
        assert_eq!(twice.matches("authSig").count(), 1);
        assert!(opens(&home.auth, &twice));
        for bad in [
            "",
            "api/a",
            "//evil.example/a",
            "https://evil.example",
            "/a\\b",
            "/a\nb",
        ] {
            let signed = home.auth.sign_path(token, bad, MINUTE);
            assert!(matches!(signed, Err(AuthError::InvalidPath)), "{bad}");
        }
    });
}

#[test]
fn the_hub_signs_for_itself_as_a_user_who_only_reads() {
    run(async {
        let home = Home::new();
        home.person("Paul").await;
        let signed = home
            .auth
            .sign_path_as_content("/api/a", MINUTE)
            .await
            .unwrap();
        let (path, query) = signed.split_once('?').unwrap();
        let caller = home.auth.authenticate_path(path, query).unwrap().unwrap();
        assert_eq!(caller.user.name, hearth_auth::CONTENT_USER);
        assert!(caller.may_read("light.a") && !caller.may_control("light.a"));
        assert!(!caller.is_admin());
        home.auth
            .sign_path_as_content("/api/b", MINUTE)
            .await
            .unwrap();
        assert_eq!(home.auth.list_users().len(), 2);
        assert_eq!(home.auth.tokens_of(caller.user.id).len(), 1);
    });
}
