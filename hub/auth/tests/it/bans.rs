//! Failed sign-ins by address, and what they lead to.

use std::net::IpAddr;
use std::time::Duration;

use hearth_auth::{AddressBlock, Alarm, AuthError, AuthSettings, BanSettings, NewUser};
use hearth_core::store::Location;

use crate::home::{Home, run};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn block(text: &str) -> AddressBlock {
    text.parse().unwrap()
}

/// Bans after three failures.
fn strict() -> AuthSettings {
    AuthSettings {
        bans: BanSettings {
            threshold: Some(3),
            never: vec!["10.0.0.0/24".parse().unwrap()],
            ..BanSettings::default()
        },
        ..AuthSettings::default()
    }
}

fn fail(home: &Home, from: &str, times: u32) {
    for _ in 0..times {
        home.auth.note_failure(address(from), "a password");
    }
}

/// The store follows a ban a moment later.
async fn stored_bans(home: &Home, count: usize) {
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while home.stored("auth_ban").len() != count {
        assert!(std::time::Instant::now() < deadline, "{count} stored bans");
        tokio::task::yield_now().await;
    }
}

#[test]
fn the_failure_too_many_bans_the_address_and_no_other() {
    run(async {
        let home = Home::with(&Location::Memory, strict());
        fail(&home, "203.0.113.7", 2);
        assert!(!home.auth.is_banned(address("203.0.113.7")));
        fail(&home, "203.0.113.7", 1);
        assert!(home.auth.is_banned(address("203.0.113.7")));
        assert!(home.auth.is_banned(address("::ffff:203.0.113.7")));
        assert!(!home.auth.is_banned(address("203.0.113.8")));
        let bans = home.auth.bans();
        assert_eq!(
            (bans[0].address, bans[0].failures),
            (block("203.0.113.7"), 3)
        );
        assert_eq!(bans.len(), 1);
    });
}

#[test]
fn a_host_cannot_leave_its_ban_by_another_address_of_its_ipv6_network() {
    run(async {
        let home = Home::with(&Location::Memory, strict());
        for host in ["2001:db8::1", "2001:db8::2", "2001:db8::3"] {
            fail(&home, host, 1);
        }
        assert!(home.auth.is_banned(address("2001:db8::4")));
        assert!(!home.auth.is_banned(address("2001:db8:0:1::1")));
        assert_eq!(home.auth.bans()[0].address.to_string(), "2001:db8::/64");
    });
}

#[test]
fn neither_the_hubs_own_machine_nor_a_trusted_proxy_is_banned() {
    run(async {
        let home = Home::with(&Location::Memory, strict());
        for from in ["127.0.0.1", "::1", "::ffff:127.0.0.1", "10.0.0.9"] {
            fail(&home, from, 10);
            assert!(!home.auth.is_banned(address(from)), "{from}");
        }
        assert!(home.auth.bans().is_empty());
    });
}

#[test]
fn a_success_forgets_the_failures_before_it() {
    run(async {
        let home = Home::with(&Location::Memory, strict());
        fail(&home, "203.0.113.7", 2);
        home.auth.note_success(address("203.0.113.7"), None);
        fail(&home, "203.0.113.7", 2);
        assert!(!home.auth.is_banned(address("203.0.113.7")));
    });
}

#[test]
fn who_lives_in_the_house_cannot_guess_between_two_sign_ins() {
    run(async {
        let home = Home::with(&Location::Memory, strict());
        let at_home = address("192.168.1.20");
        let new = NewUser::person("Paul").with_password("paul", "correct horse");
        let paul = home.auth.create_user(new).await.unwrap();
        let guest = home.person("Guest").await;
        for _ in 0..2 {
            home.auth.note_wrong_password(at_home, "a password", "PAUL");
            home.auth.note_success(at_home, Some(guest.id));
            home.auth.note_success(at_home, None);
        }
        home.auth.note_success(at_home, Some(paul.id));
        for _ in 0..3 {
            assert!(!home.auth.is_banned(at_home));
            home.auth.note_wrong_password(at_home, "a password", "paul");
            home.auth.note_success(at_home, Some(guest.id));
        }
        assert!(home.auth.is_banned(at_home));
    });
}

#[test]
fn no_threshold_means_no_bans() {
    run(async {
        let mut settings = strict();
        settings.bans.threshold = None;
        let home = Home::with(&Location::Memory, settings);
        fail(&home, "203.0.113.7", 100);
        assert!(!home.auth.is_banned(address("203.0.113.7")));
    });
}

#[test]
fn a_ban_ends_after_a_day() {
    run(async {
        let home = Home::with(&Location::Memory, strict());
        fail(&home, "203.0.113.7", 3);
        home.clock.pass(DAY - Duration::from_secs(1));
        assert!(home.auth.is_banned(address("203.0.113.7")));
        home.clock.pass(Duration::from_secs(1));
        assert!(!home.auth.is_banned(address("203.0.113.7")));
        assert!(home.auth.bans().is_empty());
        // And the address starts anew.
        fail(&home, "203.0.113.7", 2);
        assert!(!home.auth.is_banned(address("203.0.113.7")));
    });
}

#[test]
fn a_ban_outlives_the_hub_until_it_is_lifted() {
    let folder = tempfile::tempdir().unwrap();
    let location = Location::File(folder.path().join("hub.db"));
    run(async {
        let home = Home::with(&location, strict());
        fail(&home, "203.0.113.7", 3);
        stored_bans(&home, 1).await;
        home.store.close().await.unwrap();
    });
    run(async {
        let home = Home::with(&location, strict());
        assert!(home.auth.is_banned(address("203.0.113.7")));
        home.auth.remove_ban(block("203.0.113.7")).await.unwrap();
        assert!(!home.auth.is_banned(address("203.0.113.7")));
        let again = home.auth.remove_ban(block("203.0.113.7")).await;
        assert!(matches!(again, Err(AuthError::NotBanned)));
        home.store.close().await.unwrap();
    });
    run(async {
        let home = Home::with(&location, strict());
        assert!(home.auth.bans().is_empty());
        home.store.close().await.unwrap();
    });
}

#[test]
fn the_number_of_bans_is_bounded_and_the_oldest_goes_first() {
    run(async {
        let mut settings = strict();
        settings.bans.most = 2;
        let home = Home::with(&Location::Memory, settings);
        for from in ["203.0.113.1", "203.0.113.2", "203.0.113.3"] {
            fail(&home, from, 3);
            home.clock.pass(Duration::from_secs(1));
        }
        stored_bans(&home, 2).await;
        assert!(!home.auth.is_banned(address("203.0.113.1")));
        assert!(home.auth.is_banned(address("203.0.113.3")));
    });
}

#[test]
fn a_phone_whose_token_was_revoked_gets_nobody_banned() {
    run(async {
        let home = Home::with(&Location::Memory, strict());
        let paul = home.person("Paul").await;
        let token = home.token_of(&paul).await;
        let record = home.auth.tokens_of(paul.id).remove(0);
        home.auth.revoke_token(record.id).await.unwrap();
        for _ in 0..100 {
            home.auth
                .note_bad_token(address("203.0.113.7"), "GET /api/states", &token);
        }
        assert!(!home.auth.is_banned(address("203.0.113.7")));
        // What has not the form of a token is a guess each time.
        for _ in 0..2 {
            home.auth
                .note_bad_token(address("203.0.113.7"), "GET /api/states", "guess");
        }
        assert!(home.auth.is_banned(address("203.0.113.7")));
    });
}

#[test]
fn a_sign_in_that_ended_is_counted_once_however_often_it_is_refreshed() {
    run(async {
        let home = Home::with(&Location::Memory, strict());
        let from = address("203.0.113.7");
        let gone = "ab".repeat(64);
        for _ in 0..100 {
            home.auth.note_bad_token(from, "a refresh token", &gone);
        }
        assert!(!home.auth.is_banned(from));
        for guess in ["cd".repeat(64), "guess".to_owned()] {
            home.auth.note_bad_token(from, "a refresh token", &guess);
        }
        assert!(home.auth.is_banned(from));
    });
}

#[test]
fn a_page_of_the_internet_cannot_get_the_home_banned_by_asking_without_a_token() {
    run(async {
        let home = Home::with(&Location::Memory, strict());
        let (at_home, stranger) = (address("192.168.1.20"), address("203.0.113.7"));
        for _ in 0..100 {
            for from in [at_home, stranger] {
                home.auth.note_bad_token(from, "GET /api/states", "");
            }
        }
        assert!(!home.auth.is_banned(at_home));
        assert!(home.auth.is_banned(stranger));
        // One that guesses is banned, wherever it is.
        for _ in 0..2 {
            home.auth
                .note_bad_token(at_home, "GET /api/states", "guess");
        }
        assert!(home.auth.is_banned(at_home));
    });
}

#[test]
fn who_fails_often_has_to_wait() {
    run(async {
        let home = Home::new();
        fail(&home, "203.0.113.7", 5);
        let wait = || home.auth.begin_attempt(address("203.0.113.7")).err();
        assert_eq!(wait(), None);
        fail(&home, "203.0.113.7", 2);
        assert_eq!(wait(), Some(Duration::from_secs(2)));
        home.clock.pass(Duration::from_secs(2));
        assert_eq!(wait(), None);
    });
}

#[test]
fn the_house_is_told() {
    run(async {
        let home = Home::with(&Location::Memory, strict());
        let mut alarms = home.auth.alarms();
        fail(&home, "203.0.113.7", 3);
        let attacker = address("203.0.113.7");
        for _ in 0..3 {
            assert_eq!(alarms.recv().await, Ok(Alarm::SignInFailed(attacker)));
        }
        assert_eq!(alarms.recv().await, Ok(Alarm::Banned(attacker)));
    });
}
