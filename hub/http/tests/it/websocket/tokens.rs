use serde_json::json;

use super::{End, Socket};
use crate::home::with_home;

#[test]
fn a_client_learns_who_it_is() {
    with_home(|home| async move {
        let mut socket = Socket::admin(&home).await;
        let user = socket.result("auth/current_user", json!({})).await;
        assert_eq!(
            user,
            json!({
                "id": home.admin_id, "name": "Ada", "is_owner": true, "is_admin": true,
                "credentials": [], "mfa_modules": [],
            })
        );
    });
}

#[test]
fn a_token_can_be_made_and_used_and_its_name_not_again() {
    with_home(|home| async move {
        let mut socket = Socket::admin(&home).await;
        let wanted = json!({"lifespan": 30, "client_name": "My script"});
        let token = socket
            .result("auth/long_lived_access_token", wanted.clone())
            .await;
        Socket::signed_in(&home, token.as_str().unwrap())
            .await
            .ping()
            .await;
        let error = socket.error("auth/long_lived_access_token", wanted).await;
        assert_eq!(error, ("unknown_error".into(), "Unknown error".into()));
        let error = socket
            .error(
                "auth/long_lived_access_token",
                json!({"lifespan": 0, "client_name": "x"}),
            )
            .await;
        assert_eq!(error.0, "invalid_format");
    });
}

#[test]
fn revoking_a_token_closes_its_sockets_and_no_others() {
    with_home(|home| async move {
        let mut socket = Socket::admin(&home).await;
        let wanted = json!({"lifespan": 30, "client_name": "My script"});
        let token = socket.result("auth/long_lived_access_token", wanted).await;
        let mut script = Socket::signed_in(&home, token.as_str().unwrap()).await;
        let tokens = script.result("auth/refresh_tokens", json!({})).await;
        let listed = tokens
            .as_array()
            .unwrap()
            .iter()
            .find(|token| token["is_current"] == true)
            .unwrap();
        assert_eq!(
            (&listed["type"], &listed["client_name"]),
            (&json!("long_lived_access_token"), &json!("My script"))
        );
        let revoked = json!({"refresh_token_id": listed["id"]});
        assert_eq!(
            socket
                .result("auth/delete_refresh_token", revoked.clone())
                .await,
            json!({})
        );
        assert_eq!(script.end().await, End::normal());
        let error = socket.error("auth/delete_refresh_token", revoked).await;
        assert_eq!(
            error,
            ("invalid_token_id".into(), "Received invalid token".into())
        );
        socket.ping().await;
    });
}

#[test]
fn a_client_that_revokes_its_own_token_is_told_and_closed() {
    with_home(|home| async move {
        let mut socket = Socket::admin(&home).await;
        let tokens = socket.result("auth/refresh_tokens", json!({})).await;
        let own = json!({"refresh_token_id": tokens[0]["id"]});
        assert_eq!(
            socket.result("auth/delete_refresh_token", own).await,
            json!({})
        );
        assert_eq!(socket.end().await, End::normal());
    });
}

#[test]
fn deactivating_a_user_closes_its_sockets() {
    with_home(|home| async move {
        let mut socket = Socket::signed_in(&home, &home.user).await;
        let user = home.door.auth.authenticate(&home.user).unwrap().user.id;
        home.door.auth.deactivate_user(user).await.unwrap();
        assert_eq!(socket.end().await, End::normal());
    });
}
