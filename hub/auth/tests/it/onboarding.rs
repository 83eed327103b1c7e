//! The first visit.

use hearth_auth::{AuthError, NewUser, OnboardingStep};

use crate::home::{Home, run};

fn owner(name: &str) -> NewUser {
    NewUser::person(name).with_password(name, "correct horse")
}

#[test]
fn a_hub_without_an_owner_shows_a_code_until_it_has_one() {
    run(async {
        let home = Home::new();
        assert!(home.auth.onboarding().is_none());
        home.auth.begin_onboarding();
        let code = home.auth.onboarding_code().unwrap();
        assert_eq!(code.secret().len(), 14);
        assert_eq!(format!("{code:?}"), "OnboardingCode(…)");
        let spoken = code.secret().to_lowercase().replace('-', " ");
        assert!(home.auth.is_onboarding_code(code.secret()));
        assert!(home.auth.is_onboarding_code(&spoken));
        let longer = format!("{}A", code.secret());
        for wrong in ["", "AAAA-AAAA-AAAA", &code.secret()[..13], &longer] {
            assert!(!home.auth.is_onboarding_code(wrong), "{wrong}");
        }

        let paul = home.auth.create_owner(owner("paul")).await.unwrap();
        assert!(paul.is_owner && paul.is_admin());
        assert!(home.auth.onboarding_code().is_none());
        assert!(!home.auth.is_onboarding_code(code.secret()));
    });
}

#[test]
fn two_who_try_at_once_make_one_owner() {
    run(async {
        let home = Home::new();
        home.auth.begin_onboarding();
        let [paul, eve] = ["paul", "eve"].map(|name| {
            let auth = home.auth.clone();
            actix_rt::spawn(async move { auth.create_owner(owner(name)).await })
        });
        let made = [paul.await.unwrap(), eve.await.unwrap()];
        assert_eq!(made.iter().filter(|made| made.is_ok()).count(), 1);
        assert!(
            made.iter()
                .any(|made| matches!(made, Err(AuthError::OwnerExists)))
        );
        assert_eq!(home.auth.list_users().len(), 1);
    });
}

#[test]
fn the_steps_are_done_once_each_and_in_this_session_only() {
    run(async {
        let home = Home::new();
        home.auth.begin_onboarding();
        let done = || home.auth.onboarding().unwrap().map(|(_, done)| done);
        assert_eq!(done(), [false; 4]);
        home.auth.create_owner(owner("paul")).await.unwrap();
        assert!(home.auth.complete_onboarding(OnboardingStep::Analytics));
        assert!(!home.auth.complete_onboarding(OnboardingStep::Analytics));
        assert!(!home.auth.complete_onboarding(OnboardingStep::User));
        assert_eq!(done(), [true, false, true, false]);
    });
}

#[test]
fn a_hub_that_starts_with_an_owner_is_onboarded() {
    run(async {
        let home = Home::new();
        home.person("Paul").await;
        home.auth.begin_onboarding();
        assert!(home.auth.onboarding().is_none());
        assert!(home.auth.onboarding_code().is_none());
        assert!(!home.auth.complete_onboarding(OnboardingStep::CoreConfig));
    });
}
