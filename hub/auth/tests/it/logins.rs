//! Login flows and the codes that they end in.

use std::net::IpAddr;
use std::time::Duration;

use hearth_auth::{
    AuthSettings, ClientId, LoginRefused, NewUser, Redirect, SignInBlocked, UserUpdate,
};
use hearth_core::store::Location;

use crate::home::{Home, run};

const AT_HOME: &str = "192.168.1.20";
const ELSEWHERE: &str = "203.0.113.7";

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn hub() -> ClientId {
    ClientId::parse("http://hub.local:8123/").unwrap()
}

async fn home_with_paul() -> Home {
    let home = Home::new();
    let paul = NewUser::person("Paul").with_password("paul", "correct horse");
    home.auth.create_user(paul).await.unwrap();
    home
}

#[test]
fn a_flow_ends_with_the_right_password_and_once() {
    run(async {
        let home = home_with_paul().await;
        let flow = home.auth.open_login("http://hub.local:8123/", ip(AT_HOME));
        assert_eq!(flow.len(), 32);
        let wrong = home
            .auth
            .finish_login(&flow, ip(AT_HOME), "paul", "battery")
            .await;
        assert_eq!(wrong.unwrap_err(), LoginRefused::Wrong);
        let unknown = home
            .auth
            .finish_login(&flow, ip(AT_HOME), "eve", "battery")
            .await;
        assert_eq!(unknown.unwrap_err(), LoginRefused::Wrong);
        let done = home
            .auth
            .finish_login(&flow, ip(AT_HOME), " PAUL ", "correct horse")
            .await
            .unwrap();
        assert_eq!(done.user.name, "Paul");
        assert_eq!(done.redirect_uri, "http://hub.local:8123/");
        let again = home
            .auth
            .finish_login(&flow, ip(AT_HOME), "paul", "correct horse")
            .await;
        assert_eq!(again.unwrap_err(), LoginRefused::UnknownFlow);
    });
}

#[test]
fn a_flow_belongs_to_the_address_that_opened_it() {
    run(async {
        let home = home_with_paul().await;
        let flow = home.auth.open_login("/", ip(AT_HOME));
        let moved = home
            .auth
            .finish_login(&flow, ip(ELSEWHERE), "paul", "correct horse")
            .await;
        assert_eq!(moved.unwrap_err(), LoginRefused::AddressChanged);
        let aborted = home.auth.abort_login(&flow, ip(ELSEWHERE));
        assert_eq!(aborted, Err(LoginRefused::AddressChanged));
        assert_eq!(home.auth.abort_login(&flow, ip(AT_HOME)), Ok(()));
        let gone = home.auth.check_login(&flow, ip(AT_HOME));
        assert_eq!(gone, Err(LoginRefused::UnknownFlow));
    });
}

#[test]
fn a_flow_is_forgotten_after_ten_minutes() {
    run(async {
        let home = home_with_paul().await;
        let flow = home.auth.open_login("/", ip(AT_HOME));
        home.clock.pass(Duration::from_secs(599));
        assert_eq!(home.auth.check_login(&flow, ip(AT_HOME)), Ok(()));
        home.clock.pass(Duration::from_secs(1));
        let gone = home.auth.check_login(&flow, ip(AT_HOME));
        assert_eq!(gone, Err(LoginRefused::UnknownFlow));
        assert_eq!(home.auth.open_logins(), 0);
    });
}

#[test]
fn an_address_that_opens_many_flows_pushes_out_its_own() {
    run(async {
        let settings = AuthSettings {
            login_flows: 20,
            login_flows_per_address: 8,
            ..AuthSettings::default()
        };
        let home = Home::with(&Location::Memory, settings);
        let kept = home.auth.open_login("/", ip(AT_HOME));
        for _ in 0..1000 {
            home.auth.open_login("/", ip(ELSEWHERE));
        }
        assert_eq!(home.auth.open_logins(), 9);
        let newest = home.auth.open_login("/", ip(ELSEWHERE));
        assert_eq!(home.auth.check_login(&newest, ip(ELSEWHERE)), Ok(()));
        // Many addresses fill the table; the one with most gives way, not the one with one.
        for last in 0..100 {
            let crowd = ip(&format!("198.51.100.{}", last % 2));
            home.auth.open_login("/", crowd);
        }
        assert_eq!(home.auth.open_logins(), 20);
        assert_eq!(home.auth.check_login(&kept, ip(AT_HOME)), Ok(()));
    });
}

#[test]
fn a_flow_keeps_nothing_of_a_redirect_uri_that_is_too_long() {
    run(async {
        let home = home_with_paul().await;
        let long = format!("http://hub.local:8123/{}", "x".repeat(60_000));
        let flow = home.auth.open_login(&long, ip(AT_HOME));
        let done = home
            .auth
            .finish_login(&flow, ip(AT_HOME), "paul", "correct horse")
            .await
            .unwrap();
        assert_eq!(done.redirect_uri, "");
        assert_eq!(hub().judge(&done.redirect_uri), Redirect::Refused);
    });
}

#[test]
fn who_may_not_come_in_is_told_so_once_the_password_was_right() {
    run(async {
        let home = home_with_paul().await;
        let eve = NewUser::person("Eve")
            .with_password("eve", "a long secret")
            .local_only();
        let eve = home.auth.create_user(eve).await.unwrap();
        let try_from = async |address: &str, password: &str| {
            let flow = home.auth.open_login("/", ip(address));
            let done = home
                .auth
                .finish_login(&flow, ip(address), "eve", password)
                .await;
            done.map(drop)
        };
        assert_eq!(try_from(AT_HOME, "a long secret").await, Ok(()));
        assert_eq!(
            try_from(ELSEWHERE, "a long secret").await,
            Err(LoginRefused::Blocked(SignInBlocked::Remote))
        );
        assert_eq!(try_from(ELSEWHERE, "wrong").await, Err(LoginRefused::Wrong));
        let inactive = UserUpdate {
            is_active: Some(false),
            ..UserUpdate::default()
        };
        home.auth.update_user(eve.id, inactive).await.unwrap();
        let blocked = try_from(AT_HOME, "a long secret").await.unwrap_err();
        assert_eq!(blocked.to_string(), "Login blocked: User is not active");
    });
}

#[test]
fn a_code_is_good_once_for_its_client_and_ten_minutes() {
    run(async {
        let home = Home::new();
        let paul = home.person("Paul").await;
        let other = ClientId::parse("https://home-assistant.io/iOS").unwrap();

        let code = home.auth.create_code(paul.id, &hub());
        assert_eq!(code.secret().len(), 32);
        assert_eq!(format!("{code:?}"), "AuthorizationCode(…)");
        assert_eq!(home.auth.redeem_code(code.secret(), &other), None);
        assert_eq!(home.auth.redeem_code(code.secret(), &hub()), Some(paul.id));
        assert_eq!(home.auth.redeem_code(code.secret(), &hub()), None);

        let late = home.auth.create_code(paul.id, &hub());
        home.clock.pass(Duration::from_secs(600));
        assert_eq!(home.auth.redeem_code(late.secret(), &hub()), None);
    });
}

#[test]
fn codes_that_nobody_fetches_are_few() {
    run(async {
        let settings = AuthSettings {
            codes: 3,
            ..AuthSettings::default()
        };
        let home = Home::with(&Location::Memory, settings);
        let paul = home.person("Paul").await;
        let mut codes = Vec::new();
        for _ in 0..4 {
            codes.push(home.auth.create_code(paul.id, &hub()));
            home.clock.pass(Duration::from_secs(1));
        }
        let good: Vec<bool> = codes
            .iter()
            .map(|code| home.auth.redeem_code(code.secret(), &hub()).is_some())
            .collect();
        assert_eq!(good, [false, true, true, true]);
    });
}
