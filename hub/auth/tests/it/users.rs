//! Users, their names and passwords, and what they may do.

use hearth_auth::{AuthError, GroupId, NewUser, PasswordRefused, UserUpdate};

use crate::home::{Home, run};

#[test]
fn the_first_person_owns_the_hub() {
    run(async {
        let home = Home::new();
        let auth = &home.auth;
        let content = NewUser::system("Content", vec![GroupId::ReadOnly]);
        assert!(!auth.create_user(content).await.unwrap().is_owner);
        let paul = home.person("Paul").await;
        assert!(paul.is_owner && paul.is_admin() && paul.groups == [GroupId::Admin]);
        let eve = home.person("Eve").await;
        assert!(!eve.is_owner && !eve.is_admin() && eve.groups == [GroupId::Users]);
    });
}

#[test]
fn a_user_signs_in_with_a_name_in_any_case() {
    run(async {
        let home = Home::new();
        let new = NewUser::person("Paul").with_password("Paul", "correct horse");
        let paul = home.auth.create_user(new).await.unwrap();
        assert_eq!(paul.username.as_deref(), Some("paul"));
        for (name, password, answer) in [
            ("paul", "correct horse", Ok(paul.id)),
            (" PAUL ", "correct horse", Ok(paul.id)),
            ("paul", "Correct horse", Err(PasswordRefused::Wrong)),
            ("paul", "", Err(PasswordRefused::Wrong)),
            ("eve", "correct horse", Err(PasswordRefused::Wrong)),
            ("", "", Err(PasswordRefused::Wrong)),
        ] {
            let user = home.auth.verify_password(name, password).await;
            assert_eq!(user.map(|user| user.id), answer, "{name:?} {password:?}");
        }
        let endless = "x".repeat(1 << 20);
        let answer = home.auth.verify_password("paul", &endless).await;
        assert_eq!(answer.err(), Some(PasswordRefused::Wrong));
    });
}

#[test]
fn user_names_are_unique_whatever_their_case() {
    run(async {
        let home = Home::new();
        let new = NewUser::person("Paul").with_password("paul", "one");
        home.auth.create_user(new).await.unwrap();
        let same = NewUser::person("Other").with_password(" PaUl", "two");
        let answer = home.auth.create_user(same).await;
        assert!(matches!(answer, Err(AuthError::UserNameTaken)));
        assert_eq!(home.auth.list_users().len(), 1);
    });
}

#[test]
fn names_and_passwords_that_cannot_work_are_refused() {
    run(async {
        let home = Home::new();
        let long = "x".repeat(1025);
        for new in [
            NewUser::person(""),
            NewUser::person("Paul\r\nroot"),
            NewUser::person("Paul").with_password(" ", "secret"),
            NewUser::person("Paul").with_password("paul", ""),
            NewUser::person("Paul").with_password("paul", &long),
        ] {
            assert!(home.auth.create_user(new.clone()).await.is_err(), "{new:?}");
        }
        assert!(home.auth.list_users().is_empty());
        assert!(home.stored("auth_user").is_empty());
    });
}

#[test]
fn a_new_password_replaces_the_old_one() {
    run(async {
        let home = Home::new();
        let auth = &home.auth;
        let new = NewUser::person("Paul").with_password("paul", "old");
        let paul = auth.create_user(new).await.unwrap();
        auth.set_password(paul.id, "new").await.unwrap();
        assert!(auth.verify_password("paul", "old").await.is_err());
        assert!(auth.verify_password("paul", "new").await.is_ok());

        let eve = home.person("Eve").await;
        let nameless = auth.set_password(eve.id, "secret").await;
        assert!(matches!(nameless, Err(AuthError::NoUserName)));
        let taken = auth.set_credentials(eve.id, "PAUL", "secret").await;
        assert!(matches!(taken, Err(AuthError::UserNameTaken)));
        auth.set_credentials(eve.id, "Eve", "secret").await.unwrap();
        assert_eq!(
            auth.verify_password("eve", "secret").await.unwrap().id,
            eve.id
        );
    });
}

#[test]
fn the_right_password_of_a_deactivated_user_says_so_and_a_wrong_one_does_not() {
    run(async {
        let home = Home::new();
        home.person("Paul").await;
        let new = NewUser::person("Eve").with_password("eve", "secret");
        let eve = home.auth.create_user(new).await.unwrap();
        home.auth.deactivate_user(eve.id).await.unwrap();
        let right = home.auth.verify_password("eve", "secret").await;
        assert_eq!(right.err(), Some(PasswordRefused::Inactive));
        let wrong = home.auth.verify_password("eve", "guess").await;
        assert_eq!(wrong.err(), Some(PasswordRefused::Wrong));
    });
}

#[test]
fn the_last_active_owner_stays() {
    run(async {
        let home = Home::new();
        let auth = &home.auth;
        let paul = home.person("Paul").await;
        home.person("Eve").await;
        assert!(matches!(
            auth.deactivate_user(paul.id).await,
            Err(AuthError::LastOwner)
        ));
        assert!(matches!(
            auth.delete_user(paul.id).await,
            Err(AuthError::LastOwner)
        ));

        let ada = auth
            .create_user(NewUser::person("Ada").owner())
            .await
            .unwrap();
        assert!(ada.is_owner && ada.is_admin());
        assert_eq!(auth.delete_user(paul.id).await.unwrap().name, "Paul");
        assert!(matches!(
            auth.deactivate_user(ada.id).await,
            Err(AuthError::LastOwner)
        ));
    });
}

#[test]
fn system_users_are_not_for_people_to_change() {
    run(async {
        let home = Home::new();
        let system = NewUser::system("Content", vec![GroupId::ReadOnly]);
        let content = home.auth.create_user(system).await.unwrap();
        for answer in [
            home.auth.deactivate_user(content.id).await,
            home.auth.delete_user(content.id).await,
            home.auth
                .set_credentials(content.id, "content", "secret")
                .await,
        ] {
            assert!(matches!(answer, Err(AuthError::SystemUser)));
        }
    });
}

#[test]
fn users_are_found_by_user_name_then_by_a_name_that_only_one_has() {
    run(async {
        let home = Home::new();
        let auth = &home.auth;
        let paul = NewUser::person("Paul").with_password("admin", "secret");
        let paul = auth.create_user(paul).await.unwrap();
        let admin = home.person("Admin").await;
        let found = |name| auth.find_user_by_name(name).map(|user| user.id);
        assert_eq!(
            found("ADMIN"),
            Some(paul.id),
            "a user name goes before a name"
        );
        assert_eq!(found("paul"), Some(paul.id));
        assert_eq!(found("nobody"), None);
        let second = auth.create_user(NewUser::person(" PAUL ")).await;
        assert!(
            matches!(second, Err(AuthError::UserNameTaken)),
            "{second:?}"
        );
        assert_eq!(found("paul"), Some(paul.id), "nobody else is called so");
        assert_eq!(auth.find_user(admin.id).map(|user| user.id), Some(admin.id));
    });
}

#[test]
fn a_change_of_groups_holds_for_tokens_that_exist() {
    run(async {
        let home = Home::new();
        let auth = &home.auth;
        home.person("Paul").await;
        let eve = home.person("Eve").await;
        let token = home.token_of(&eve).await;
        let before = auth.authenticate(&token).unwrap();
        assert!(before.may_control("light.lamp") && !before.is_admin());

        let change = |groups| UserUpdate {
            groups: Some(groups),
            ..UserUpdate::default()
        };
        auth.update_user(eve.id, change(vec![GroupId::ReadOnly]))
            .await
            .unwrap();
        let now = auth.recheck(&before).unwrap();
        assert!(now.may_read_all() && !now.may_control("light.lamp"));
        auth.update_user(eve.id, change(vec![GroupId::Admin]))
            .await
            .unwrap();
        assert!(auth.authenticate(&token).unwrap().is_admin());
        auth.update_user(eve.id, change(vec![])).await.unwrap();
        assert!(!auth.authenticate(&token).unwrap().may_read("light.lamp"));
    });
}

#[test]
fn a_local_only_user_may_come_from_home_networks_alone() {
    run(async {
        let home = Home::new();
        let new = NewUser::person("Wall panel").local_only();
        let panel = home.auth.create_user(new).await.unwrap();
        let caller = home
            .auth
            .authenticate(&home.token_of(&panel).await)
            .unwrap();
        assert!(caller.may_come_from("192.168.1.7".parse().unwrap()));
        assert!(!caller.may_come_from("8.8.8.8".parse().unwrap()));
    });
}
