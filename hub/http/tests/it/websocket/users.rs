//! Users, their credentials and tokens, over the socket.

use hearth_core::bus::Filter;
use hearth_testing::Listener;
use serde_json::{Value, json};

use super::{End, Socket};
use crate::home::{Home, with_home};

const CREATE: &str = "config/auth_provider/homeassistant/create";
const DELETE: &str = "config/auth_provider/homeassistant/delete";
const CHANGE_OWN: &str = "config/auth_provider/homeassistant/change_password";
const CHANGE: &str = "config/auth_provider/homeassistant/admin_change_password";
const RENAME: &str = "config/auth_provider/homeassistant/admin_change_username";

/// Makes a user, and gives what the answer says of them.
async fn create(socket: &mut Socket, name: &str, group: &str) -> Value {
    let wanted = json!({"name": name, "group_ids": [group]});
    socket.result("config/auth/create", wanted).await["user"].clone()
}

async fn token_of(home: &Home, user: &Value) -> String {
    let id = user["id"].as_str().unwrap().parse().unwrap();
    let token = home.door.auth.create_long_lived_token(id, "t", 1).await;
    token.unwrap().secret().to_owned()
}

#[test]
fn a_user_is_made_changed_listed_and_deleted_and_the_house_hears_of_it() {
    with_home(|home| async move {
        let types = ["user_added", "user_updated", "user_removed"];
        let mut events = Listener::start(&home.door.hub, Filter::of_types(types)).await;
        let mut socket = Socket::admin(&home).await;
        let wanted = json!({"name": "Dee", "group_ids": ["system-users"], "local_only": true});
        let made = socket.result("config/auth/create", wanted).await;
        let id = made["user"]["id"].clone();
        let expected = json!({"user": {
            "id": id, "username": null, "name": "Dee", "is_owner": false, "is_active": true,
            "local_only": true, "system_generated": false, "group_ids": ["system-users"],
            "credentials": [],
        }});
        assert_eq!(made, expected);
        assert_eq!(
            events.next_of("user_added").await.data_value()["user_id"],
            id
        );

        let wanted = json!({"user_id": id, "name": "Di", "group_ids": ["system-read-only"]});
        let changed = socket.result("config/auth/update", wanted).await["user"].clone();
        assert_eq!(changed["name"], "Di");
        assert_eq!(changed["group_ids"], json!(["system-read-only"]));
        assert_eq!(changed["local_only"], true);
        assert_eq!(
            events.next_of("user_updated").await.data_value()["user_id"],
            id
        );

        let listed = socket.result("config/auth/list", json!({})).await;
        assert!(listed.as_array().unwrap().contains(&changed));
        let deleted = socket
            .result("config/auth/delete", json!({"user_id": id}))
            .await;
        assert!(deleted.is_null());
        assert_eq!(
            events.next_of("user_removed").await.data_value()["user_id"],
            id
        );
        let listed = socket.result("config/auth/list", json!({})).await;
        assert!(!listed.as_array().unwrap().contains(&changed));
    });
}

#[test]
fn what_may_not_be_changed_is_refused_with_the_codes_of_the_protocol() {
    with_home(|home| async move {
        let system = hearth_auth::NewUser::system("Hub", vec![]);
        let system = home.door.auth.create_user(system).await.unwrap().id;
        let mut socket = Socket::admin(&home).await;
        let me = home.admin_id;
        let nobody = "0".repeat(32);
        for (command, fields, code, message) in [
            (
                "config/auth/delete",
                json!({"user_id": me}),
                "no_delete_self",
                "Unable to delete your own account",
            ),
            (
                "config/auth/delete",
                json!({"user_id": nobody}),
                "not_found",
                "User not found",
            ),
            (
                "config/auth/delete",
                json!({"user_id": "x"}),
                "not_found",
                "User not found",
            ),
            (
                "config/auth/update",
                json!({"user_id": nobody}),
                "not_found",
                "User not found",
            ),
            (
                "config/auth/update",
                json!({"user_id": system, "name": "x"}),
                "cannot_modify_system_generated",
                "Unable to update system generated users.",
            ),
            (
                "config/auth/update",
                json!({"user_id": me, "is_active": false}),
                "cannot_deactivate_owner",
                "Unable to deactivate owner.",
            ),
            (
                CREATE,
                json!({"user_id": nobody, "username": "x", "password": "y"}),
                "not_found",
                "User not found",
            ),
            (
                CREATE,
                json!({"user_id": system, "username": "x", "password": "y"}),
                "system_generated",
                "Cannot add credentials to a system generated user.",
            ),
            (
                CHANGE,
                json!({"user_id": nobody, "password": "y"}),
                "user_not_found",
                "User not found",
            ),
            (
                CHANGE,
                json!({"user_id": me, "password": "y"}),
                "credentials_not_found",
                "Credentials not found",
            ),
            (
                RENAME,
                json!({"user_id": nobody, "username": "y"}),
                "user_not_found",
                "User not found",
            ),
            (
                CHANGE_OWN,
                json!({"current_password": "x", "new_password": "y"}),
                "credentials_not_found",
                "Credentials not found",
            ),
            (
                DELETE,
                json!({"username": "nobody"}),
                "home_assistant_error",
                "User not found",
            ),
        ] {
            let error = socket.error(command, fields.clone()).await;
            assert_eq!(error, (code.into(), message.into()), "{command} {fields}");
        }
        let error = socket
            .error(
                "config/auth/create",
                json!({"name": "x", "group_ids": ["owners"]}),
            )
            .await;
        assert_eq!(error.0, "invalid_format");
    });
}

#[test]
fn users_are_the_business_of_administrators_and_passwords_of_others_of_owners() {
    with_home(|home| async move {
        let mut owner = Socket::admin(&home).await;
        let plain = create(&mut owner, "Plain", "system-users").await;
        let id = plain["id"].clone();
        let credentials = json!({"user_id": id, "username": "plain", "password": "secret"});
        owner.result(CREATE, credentials).await;
        let mut user = Socket::signed_in(&home, &home.user).await;
        for (command, fields) in [
            ("config/auth/list", json!({})),
            ("config/auth/create", json!({"name": "x"})),
            ("config/auth/update", json!({"user_id": id})),
            ("config/auth/delete", json!({"user_id": id})),
            (
                CREATE,
                json!({"user_id": id, "username": "x", "password": "y"}),
            ),
            (DELETE, json!({"username": "plain"})),
            (CHANGE, json!({"user_id": id, "password": "y"})),
            (RENAME, json!({"user_id": id, "username": "y"})),
        ] {
            let error = user.error(command, fields).await;
            assert_eq!(
                error,
                ("unauthorized".into(), "Unauthorized".into()),
                "{command}"
            );
        }
        let admin = create(&mut owner, "Ed", "system-admin").await;
        let mut admin = Socket::signed_in(&home, &token_of(&home, &admin).await).await;
        let me = home.admin_id;
        for (command, fields) in [
            (CHANGE, json!({"user_id": id, "password": "y"})),
            (RENAME, json!({"user_id": id, "username": "y"})),
            // An administrator cannot give the owner a password to sign in with.
            (
                CREATE,
                json!({"user_id": me, "username": "ada", "password": "y"}),
            ),
        ] {
            assert_eq!(
                admin.error(command, fields).await.0,
                "unauthorized",
                "{command}"
            );
        }
    });
}

#[test]
fn passwords_and_user_names_are_given_changed_and_taken() {
    with_home(|home| async move {
        let auth = &home.door.auth;
        let mut owner = Socket::admin(&home).await;
        let dee = create(&mut owner, "Dee", "system-users").await;
        let id = dee["id"].clone();
        let credentials = json!({"user_id": id, "username": "Dee", "password": "first secret"});
        assert!(owner.result(CREATE, credentials).await.is_null());
        assert!(auth.verify_password("dee", "first secret").await.is_ok());

        let other = create(&mut owner, "Other", "system-users").await;
        let taken = json!({"user_id": other["id"], "username": "DEE", "password": "x"});
        assert_eq!(owner.error(CREATE, taken).await.0, "home_assistant_error");

        let mut user = Socket::signed_in(&home, &token_of(&home, &dee).await).await;
        let wrong = json!({"current_password": "guess", "new_password": "second secret"});
        let error = user.error(CHANGE_OWN, wrong).await;
        assert_eq!(error.0, "invalid_current_password");
        let right = json!({"current_password": "first secret", "new_password": "second secret"});
        assert!(user.result(CHANGE_OWN, right).await.is_null());
        assert!(auth.verify_password("dee", "second secret").await.is_ok());

        owner
            .result(CHANGE, json!({"user_id": id, "password": "third secret"}))
            .await;
        owner
            .result(RENAME, json!({"user_id": id, "username": "deirdre"}))
            .await;
        assert!(
            auth.verify_password("deirdre", "third secret")
                .await
                .is_ok()
        );
        owner.result(DELETE, json!({"username": "deirdre"})).await;
        assert!(
            auth.verify_password("deirdre", "third secret")
                .await
                .is_err()
        );
        // Whoever is signed in stays so.
        user.ping().await;
    });
}

#[test]
fn sockets_of_users_who_are_shut_out_are_closed() {
    with_home(|home| async move {
        let mut owner = Socket::admin(&home).await;
        for (command, fields) in [
            ("config/auth/update", json!({"is_active": false})),
            ("config/auth/update", json!({"local_only": true})),
            ("config/auth/update", json!({"group_ids": ["system-users"]})),
            ("config/auth/delete", json!({})),
        ] {
            let user = create(&mut owner, &fields.to_string(), "system-admin").await;
            let mut socket = Socket::signed_in(&home, &token_of(&home, &user).await).await;
            socket.ping().await;
            let mut fields = fields;
            fields["user_id"] = user["id"].clone();
            owner.result(command, fields.clone()).await;
            assert_eq!(
                socket.next_text().await,
                Err(End::normal()),
                "{command} {fields}"
            );
        }
        owner.ping().await;
    });
}

#[test]
fn all_tokens_go_at_once_the_sockets_own_last() {
    with_home(|home| async move {
        let mut socket = Socket::admin(&home).await;
        for name in ["one", "two"] {
            let wanted = json!({"lifespan": 1, "client_name": name, "client_icon": "mdi:cog"});
            socket.result("auth/long_lived_access_token", wanted).await;
        }
        let tokens = socket.result("auth/refresh_tokens", json!({})).await;
        assert_eq!(tokens[1]["client_icon"], "mdi:cog");
        let kept = json!({"delete_current_token": false, "token_type": "normal"});
        let all = "auth/delete_all_refresh_tokens";
        assert_eq!(socket.result(all, kept).await, json!({}));
        let tokens = socket.result("auth/refresh_tokens", json!({})).await;
        assert_eq!(tokens.as_array().unwrap().len(), 3);
        let kept = json!({"delete_current_token": false});
        assert_eq!(socket.result(all, kept).await, json!({}));
        let tokens = socket.result("auth/refresh_tokens", json!({})).await;
        assert_eq!(tokens.as_array().unwrap().len(), 1);
        assert_eq!(tokens[0]["is_current"], true);
        assert_eq!(socket.result(all, json!({})).await, json!({}));
        socket.ping().await;
        assert_eq!(socket.next_text().await, Err(End::normal()));
        assert!(home.door.auth.authenticate(&home.admin).is_err());
    });
}

#[test]
fn a_token_can_be_told_to_stay() {
    with_home(|home| async move {
        let new = hearth_auth::NewToken::normal("https://app.example/");
        let auth = &home.door.auth;
        let (record, _) = auth.create_refresh_token(home.admin_id, new).await.unwrap();
        let mut socket = Socket::admin(&home).await;
        let mut expiry = async |ends: bool| {
            let wanted = json!({"refresh_token_id": record.id, "enable_expiry": ends});
            let answer = socket.result("auth/refresh_token_set_expiry", wanted).await;
            assert_eq!(answer, json!({}));
            auth.issue_access_token(record.id, None).await.unwrap();
            let tokens = auth.tokens_of(home.admin_id);
            let token = tokens.into_iter().find(|token| token.id == record.id);
            token.unwrap().expire_at.is_some()
        };
        assert!(!expiry(false).await);
        assert!(expiry(true).await);
        let user = home.door.auth.find_user_by_name("Bo").unwrap();
        let foreign = home.door.auth.tokens_of(user.id).remove(0).id;
        let wanted = json!({"refresh_token_id": foreign, "enable_expiry": false});
        let error = socket.error("auth/refresh_token_set_expiry", wanted).await;
        assert_eq!(
            error,
            ("invalid_token_id".into(), "Received invalid token".into())
        );
    });
}
