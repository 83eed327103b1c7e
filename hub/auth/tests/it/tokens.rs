//! Token records and what is issued from them.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hearth_auth::{AuthError, AuthSettings, GroupId, NewToken, NewUser, TokenType};
use hearth_core::store::Location;
use serde_json::{Value, json};

use crate::home::{Home, run};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn decoded(part: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[test]
fn an_access_token_has_the_header_and_claims_of_the_spec() {
    run(async {
        let home = Home::new();
        let paul = home.person("Paul").await;
        let token = home
            .auth
            .create_long_lived_token(paul.id, "Script", 3650)
            .await
            .unwrap();
        let record = home.auth.tokens_of(paul.id).remove(0);
        let parts: Vec<&str> = token.secret().split('.').collect();
        let now = home.clock.seconds();
        assert_eq!(decoded(parts[0]), json!({"alg": "HS256", "typ": "JWT"}));
        assert_eq!(
            decoded(parts[1]),
            json!({"iss": record.id.to_string(), "iat": now, "exp": now + 3650 * 86_400})
        );
        assert_eq!(parts.len(), 3);
    });
}

#[test]
fn a_long_lived_token_lasts_as_long_as_was_asked() {
    run(async {
        let home = Home::new();
        let paul = home.person("Paul").await;
        let token = home
            .auth
            .create_long_lived_token(paul.id, "Week", 7)
            .await
            .unwrap();
        home.clock.pass(7 * DAY);
        assert!(home.auth.authenticate(token.secret()).is_ok());
        home.clock.pass(Duration::from_secs(10));
        assert!(home.auth.authenticate(token.secret()).is_err());

        let none = home.auth.create_long_lived_token(paul.id, "Zero", 0).await;
        assert!(matches!(none, Err(AuthError::InvalidLifespan)));
        let ages = home
            .auth
            .create_long_lived_token(paul.id, "Ages", u32::MAX)
            .await;
        assert!(home.auth.authenticate(ages.unwrap().secret()).is_ok());
    });
}

#[test]
fn a_user_names_each_long_lived_token_once() {
    run(async {
        let home = Home::new();
        let (paul, eve) = (home.person("Paul").await, home.person("Eve").await);
        let auth = &home.auth;
        let first = auth
            .create_long_lived_token(paul.id, "Script", 1)
            .await
            .unwrap();
        let again = auth.create_long_lived_token(paul.id, " Script ", 1).await;
        assert!(matches!(again, Err(AuthError::ClientNameTaken(name)) if name == "Script"));
        assert!(
            auth.create_long_lived_token(eve.id, "Script", 1)
                .await
                .is_ok()
        );

        let id = auth.authenticate(first.secret()).unwrap().token_id;
        auth.revoke_token(id).await.unwrap();
        assert!(
            auth.create_long_lived_token(paul.id, "Script", 1)
                .await
                .is_ok()
        );
    });
}

#[test]
fn two_requests_for_one_name_at_the_same_time_make_one_token() {
    run(async {
        let home = Home::new();
        let paul = home.person("Paul").await;
        let (a, b) = tokio::join!(
            home.auth.create_long_lived_token(paul.id, "Script", 1),
            home.auth.create_long_lived_token(paul.id, "Script", 1),
        );
        assert!(a.is_ok() != b.is_ok());
    });
}

#[test]
fn two_access_tokens_of_one_second_are_the_same() {
    run(async {
        let home = Home::new();
        let paul = home.person("Paul").await;
        let new = NewToken::normal("https://app.example/");
        let (record, _) = home.auth.create_refresh_token(paul.id, new).await.unwrap();
        let mut texts = Vec::new();
        for wait in [0, 0, 1] {
            home.clock.pass(Duration::from_secs(wait));
            let token = home.auth.issue_access_token(record.id, None).await.unwrap();
            texts.push(token.secret().to_owned());
        }
        assert_eq!(texts[0], texts[1]);
        assert_ne!(texts[1], texts[2]);
    });
}

#[test]
fn a_normal_record_is_found_by_its_value_notes_its_use_and_lasts_90_days_more() {
    run(async {
        let home = Home::new();
        let auth = &home.auth;
        let paul = home.person("Paul").await;
        let new = NewToken::normal("https://app.example/").made_with("homeassistant");
        let (record, value) = auth.create_refresh_token(paul.id, new).await.unwrap();
        assert_eq!(value.secret().len(), 128);
        assert_eq!(
            auth.find_refresh_token(value.secret()),
            Some(record.clone())
        );
        assert_eq!(auth.find_refresh_token("unknown"), None);
        assert_eq!((record.last_used_at, record.last_used_ip), (None, None));

        home.clock.pass(89 * DAY);
        let address = "192.168.1.20".parse().unwrap();
        auth.issue_access_token(record.id, Some(address))
            .await
            .unwrap();
        let used = auth.tokens_of(paul.id).remove(0);
        assert_eq!(used.last_used_ip, Some(address));
        assert!(used.last_used_at > Some(record.created_at));

        home.clock.pass(89 * DAY);
        assert!(auth.find_refresh_token(value.secret()).is_some());
        home.clock.pass(DAY);
        assert!(auth.find_refresh_token(value.secret()).is_none());
        let late = auth.issue_access_token(record.id, None).await;
        assert!(matches!(late, Err(AuthError::UnknownToken)));
        assert!(auth.tokens_of(paul.id).is_empty());
        assert_eq!(auth.remove_expired_tokens().await.unwrap(), 1);
        assert!(home.stored("auth_token").is_empty());
    });
}

#[test]
fn system_users_have_system_tokens_and_people_the_others() {
    run(async {
        let home = Home::new();
        let auth = &home.auth;
        let system = NewUser::system("Content", vec![GroupId::ReadOnly]);
        let content = auth.create_user(system).await.unwrap();
        let paul = home.person("Paul").await;

        let (record, _) = auth
            .create_refresh_token(content.id, NewToken::system())
            .await
            .unwrap();
        assert_eq!(
            (record.token_type, record.expire_at),
            (TokenType::System, None)
        );
        for (user, new) in [
            (&content, NewToken::normal("https://app.example/")),
            (&paul, NewToken::system()),
        ] {
            let wrong = auth.create_refresh_token(user.id, new).await;
            assert!(matches!(wrong, Err(AuthError::WrongTokenType)));
        }
        let token = auth.issue_access_token(record.id, None).await.unwrap();
        let caller = auth.authenticate(token.secret()).unwrap();
        assert!(caller.may_read("light.lamp") && !caller.may_control("light.lamp"));
    });
}

#[test]
fn the_number_of_tokens_a_user_may_have_is_limited() {
    run(async {
        let settings = AuthSettings {
            tokens_per_user: 2,
            ..AuthSettings::default()
        };
        let home = Home::with(&Location::Memory, settings);
        let paul = home.person("Paul").await;
        for name in ["a", "b"] {
            home.auth
                .create_long_lived_token(paul.id, name, 1)
                .await
                .unwrap();
        }
        let third = home.auth.create_long_lived_token(paul.id, "c", 1).await;
        assert!(matches!(third, Err(AuthError::TooManyTokens(2))));
    });
}

#[test]
fn one_sign_in_too_many_ends_the_one_that_was_not_used_longest() {
    run(async {
        let settings = AuthSettings {
            tokens_per_user: 3,
            ..AuthSettings::default()
        };
        let home = Home::with(&Location::Memory, settings);
        let paul = home.person("Paul").await;
        let script = home.auth.create_long_lived_token(paul.id, "Script", 1);
        script.await.unwrap();
        let sign_in = async || {
            home.clock.pass(Duration::from_secs(1));
            let new = NewToken::normal("http://hub.local/");
            home.auth.create_refresh_token(paul.id, new).await
        };
        let (used, _) = sign_in().await.unwrap();
        let (idle, _) = sign_in().await.unwrap();
        home.clock.pass(Duration::from_secs(1));
        home.auth.issue_access_token(used.id, None).await.unwrap();
        let (third, _) = sign_in().await.unwrap();
        let left = home.auth.tokens_of(paul.id);
        assert_eq!(left.len(), 3);
        assert!(left.iter().all(|record| record.id != idle.id));
        assert!(left.iter().any(|record| record.id == used.id));
        assert!(left.iter().any(|record| record.id == third.id));

        // Tokens that a person made are not pushed out.
        for record in [used, third] {
            home.auth.revoke_token(record.id).await.unwrap();
        }
        for name in ["Another", "A third"] {
            let made = home.auth.create_long_lived_token(paul.id, name, 1);
            made.await.unwrap();
        }
        assert!(matches!(sign_in().await, Err(AuthError::TooManyTokens(3))));
    });
}

#[test]
fn the_store_holds_no_token_that_opens_anything() {
    run(async {
        let home = Home::new();
        let paul = home.person("Paul").await;
        let bearer = home.token_of(&paul).await;
        let new = NewToken::normal("https://app.example/");
        let (_, value) = home.auth.create_refresh_token(paul.id, new).await.unwrap();
        let stored = format!("{:?}", home.stored("auth_token"));
        assert!(!stored.contains(&bearer) && !stored.contains(value.secret()));
    });
}

#[test]
fn debug_output_shows_no_secret() {
    run(async {
        let home = Home::new();
        let paul = home.person("Paul").await;
        let token = home
            .auth
            .create_long_lived_token(paul.id, "Script", 1)
            .await
            .unwrap();
        let caller = home.auth.authenticate(token.secret()).unwrap();
        let records = home.auth.tokens_of(paul.id);
        let text = format!("{token:?} {:?} {caller:?} {records:?}", home.auth);
        let key = home.stored("auth_token")[0]["signing_key"].clone();
        assert!(!text.contains(key.as_str().unwrap()));
        assert!(!text.contains("eyJ"), "{text}");
    });
}
