//! Bearer tokens that open nothing, whatever is wrong with them.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hearth_auth::{NewToken, Refused};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::{Sha256, Sha512};

use crate::home::{Home, run};

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn hs256(key: &str, input: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(input.as_bytes());
    URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
}

fn hs512(key: &str, input: &str) -> String {
    let mut mac = Hmac::<Sha512>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(input.as_bytes());
    URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
}

fn jwt(header: &Value, claims: &Value, key: &str) -> String {
    let input = format!("{}.{}", part(header), part(claims));
    let signature = hs256(key, &input);
    format!("{input}.{signature}")
}

/// A home with one token, and what an attacker would love to know about it.
struct Target {
    home: Home,
    good: String,
    issuer: String,
    key: String,
}

impl Target {
    async fn new() -> Self {
        let home = Home::new();
        let paul = home.person("Paul").await;
        let good = home.token_of(&paul).await;
        let stored = home.stored("auth_token").remove(0);
        Self {
            home,
            good,
            issuer: stored["id"].as_str().unwrap().to_owned(),
            key: stored["signing_key"].as_str().unwrap().to_owned(),
        }
    }

    fn claims(&self) -> Value {
        let now = self.home.clock.seconds();
        json!({"iss": self.issuer, "iat": now, "exp": now + 60})
    }

    fn refuses(&self, token: &str, why: &str) {
        let answer = self
            .home
            .auth
            .authenticate(token)
            .map(|caller| caller.token_id);
        assert_eq!(answer, Err(Refused), "{why}");
    }
}

fn header() -> Value {
    json!({"alg": "HS256", "typ": "JWT"})
}

#[test]
fn a_token_with_the_right_key_and_claims_is_taken_so_the_refusals_below_mean_something() {
    run(async {
        let target = Target::new().await;
        let token = jwt(&header(), &target.claims(), &target.key);
        assert!(target.home.auth.authenticate(&token).is_ok());
    });
}

#[test]
fn other_algorithms_are_refused_even_with_the_right_key() {
    run(async {
        let target = Target::new().await;
        let claims = part(&target.claims());
        for algorithm in [
            "none", "None", "NONE", "", "hs256", "HS512", "HS384", "RS256", "ES256",
        ] {
            let input = format!(
                "{}.{claims}",
                part(&json!({"alg": algorithm, "typ": "JWT"}))
            );
            target.refuses(&format!("{input}."), algorithm);
            target.refuses(
                &format!("{input}.{}", hs256(&target.key, &input)),
                algorithm,
            );
            target.refuses(
                &format!("{input}.{}", hs512(&target.key, &input)),
                algorithm,
            );
        }
        let no_algorithm = jwt(&json!({"typ": "JWT"}), &target.claims(), &target.key);
        target.refuses(&no_algorithm, "no algorithm");
    });
}

#[test]
fn forged_tokens_are_refused() {
    run(async {
        let target = Target::new().await;
        target.refuses(
            &jwt(&header(), &target.claims(), "another key"),
            "another key",
        );
        target.refuses(&jwt(&header(), &target.claims(), ""), "an empty key");
        let (input, signature) = target.good.rsplit_once('.').unwrap();
        target.refuses(&format!("{input}."), "no signature");
        target.refuses(&format!("{input}.{}", &signature[1..]), "a cut signature");
        target.refuses(&format!("{input}.{signature}="), "padding");
        target.refuses(&format!("{input}.{signature}.x"), "four parts");
        target.refuses(&format!(" {}", target.good), "a space before");

        let mut longer: Value = target.claims();
        longer["exp"] = json!(99_999_999_999_i64);
        let (head, _) = input.split_once('.').unwrap();
        target.refuses(
            &format!("{head}.{}.{signature}", part(&longer)),
            "changed claims",
        );
    });
}

#[test]
fn a_token_signed_with_the_key_of_another_record_is_refused() {
    run(async {
        let target = Target::new().await;
        let eve = target.home.person("Eve").await;
        target.home.token_of(&eve).await;
        let stored = target.home.stored("auth_token");
        let other = stored
            .iter()
            .find(|token| token["id"] != target.issuer.as_str())
            .unwrap();
        let key = other["signing_key"].as_str().unwrap();
        target.refuses(
            &jwt(&header(), &target.claims(), key),
            "the key of Eve's record",
        );
    });
}

#[test]
fn claims_other_than_the_three_are_refused() {
    run(async {
        let target = Target::new().await;
        let now = target.home.clock.seconds();
        for claims in [
            json!({}),
            json!([]),
            json!({"iss": target.issuer}),
            json!({"iss": target.issuer, "iat": now}),
            json!({"iat": now, "exp": now + 60}),
            json!({"iss": target.issuer, "iat": now, "exp": "2099"}),
            json!({"iss": target.issuer, "iat": now, "exp": 1e300}),
            json!({"iss": target.issuer, "iat": now, "exp": null}),
            json!({"iss": [target.issuer], "iat": now, "exp": now + 60}),
            json!({"iss": target.issuer, "iat": now, "exp": now + 60, "path": "/api/"}),
            json!({"iss": "0".repeat(32), "iat": now, "exp": now + 60}),
            json!({"iss": "f".repeat(32), "iat": now, "exp": now + 60}),
        ] {
            target.refuses(&jwt(&header(), &claims, &target.key), &claims.to_string());
        }
    });
}

#[test]
fn a_token_ends_ten_seconds_after_its_time() {
    run(async {
        let home = Home::new();
        let paul = home.person("Paul").await;
        let new = NewToken::normal("https://app.example/");
        let (record, _) = home.auth.create_refresh_token(paul.id, new).await.unwrap();
        let token = home.auth.issue_access_token(record.id, None).await.unwrap();

        home.clock.pass(Duration::from_secs(30 * 60 + 9));
        assert!(
            home.auth.authenticate(token.secret()).is_ok(),
            "within the leeway"
        );
        home.clock.pass(Duration::from_secs(1));
        assert!(
            home.auth.authenticate(token.secret()).is_err(),
            "known, but ended"
        );
        assert!(
            home.auth.authenticate(token.secret()).is_err(),
            "and not known any more"
        );
    });
}

#[test]
fn a_token_that_was_never_seen_before_it_ended_is_refused() {
    run(async {
        let target = Target::new().await;
        let now = target.home.clock.seconds();
        for (exp, good) in [
            (now - 9, true),
            (now - 10, false),
            (-1, false),
            (i64::MIN, false),
        ] {
            let claims = json!({"iss": target.issuer, "iat": now - 100, "exp": exp});
            let answer = target
                .home
                .auth
                .authenticate(&jwt(&header(), &claims, &target.key));
            assert_eq!(answer.is_ok(), good, "exp {exp}");
        }
    });
}

#[test]
fn a_revoked_token_is_refused_though_it_was_verified_before() {
    run(async {
        let target = Target::new().await;
        let caller = target.home.auth.authenticate(&target.good).unwrap();
        target
            .home
            .auth
            .revoke_token(caller.token_id)
            .await
            .unwrap();
        target.refuses(&target.good, "revoked");
        assert!(target.home.auth.recheck(&caller).is_err());
        assert!(target.home.stored("auth_token").is_empty());
    });
}

#[test]
fn a_deactivated_user_is_refused_until_activated_again() {
    run(async {
        let target = Target::new().await;
        let auth = &target.home.auth;
        let eve = target.home.person("Eve").await;
        let token = target.home.token_of(&eve).await;
        assert!(auth.authenticate(&token).is_ok());

        auth.deactivate_user(eve.id).await.unwrap();
        target.refuses(&token, "inactive");
        let back = hearth_auth::UserUpdate {
            is_active: Some(true),
            ..Default::default()
        };
        auth.update_user(eve.id, back).await.unwrap();
        assert!(auth.authenticate(&token).is_ok());
    });
}

#[test]
fn garbage_is_refused() {
    run(async {
        let target = Target::new().await;
        let huge = "x".repeat(1 << 20);
        let huge_jwt = format!("{}{}", target.good, "A".repeat(4000));
        let dots = ".".repeat(1000);
        for garbage in [
            "",
            " ",
            ".",
            "..",
            "...",
            "a.b.c",
            "null",
            "Bearer",
            "\0\0\0",
            "💡.💡.💡",
            &dots,
            &huge,
            &huge_jwt,
            "eyJ9.eyJ9.eyJ9",
        ] {
            target.refuses(garbage, &garbage[..garbage.len().min(20)]);
        }
    });
}

#[test]
fn a_refresh_value_is_no_access_token() {
    run(async {
        let home = Home::new();
        let paul = home.person("Paul").await;
        let new = NewToken::normal("https://app.example/");
        let (_, value) = home.auth.create_refresh_token(paul.id, new).await.unwrap();
        assert!(home.auth.authenticate(value.secret()).is_err());
    });
}
