//! Users and fixed tokens from the configuration.

use hearth_auth::{AuthError, ProvisionedToken, ProvisionedUser};

use crate::home::{Home, run};

fn wanted(name: &str, owner: bool, admin: bool, token: Option<&str>) -> ProvisionedUser {
    ProvisionedUser {
        name: name.to_owned(),
        owner,
        admin,
        token: token.map(|text| ProvisionedToken::new(text).unwrap()),
    }
}

const TOKEN: &str = "lab-token-0123456789";

#[test]
fn a_fixed_token_opens_the_hub_as_its_user() {
    run(async {
        let home = Home::new();
        let made = home
            .auth
            .provision(vec![wanted("Lab", false, false, Some(TOKEN))])
            .await;
        assert_eq!(made.unwrap().len(), 1);
        let caller = home.auth.authenticate(TOKEN).unwrap();
        assert_eq!(caller.user.name, "Lab");
        assert!(caller.user.is_owner, "as the first person of the hub");
        assert!(home.auth.authenticate("lab-token-0123456780").is_err());
    });
}

#[test]
fn owners_are_made_first_and_the_others_are_what_they_are_said_to_be() {
    run(async {
        let home = Home::new();
        let users = vec![
            wanted("Reader", false, false, None),
            wanted("Admin", false, true, None),
            wanted("Owner", true, false, None),
        ];
        home.auth.provision(users).await.unwrap();
        let user = |name| home.auth.find_user_by_name(name).unwrap();
        assert!(user("Owner").is_owner);
        assert!(!user("Admin").is_owner && user("Admin").is_admin());
        assert!(!user("Reader").is_owner && !user("Reader").is_admin());
    });
}

#[test]
fn provisioning_again_changes_nothing() {
    run(async {
        let home = Home::new();
        let users = vec![wanted("Lab", false, false, Some(TOKEN))];
        home.auth.provision(users.clone()).await.unwrap();
        let before = home.auth.authenticate(TOKEN).unwrap();
        assert!(home.auth.provision(users).await.unwrap().is_empty());
        assert_eq!(
            home.auth.authenticate(TOKEN).unwrap().token_id,
            before.token_id
        );
        assert_eq!(home.auth.list_users().len(), 1);
    });
}

#[test]
fn a_token_belongs_to_one_user() {
    run(async {
        let home = Home::new();
        let users = vec![
            wanted("Paul", false, false, Some(TOKEN)),
            wanted("Eve", false, false, Some(TOKEN)),
        ];
        let answer = home.auth.provision(users).await;
        assert!(matches!(answer, Err(AuthError::ProvisionedTokenTaken(name)) if name == "Eve"));

        home.auth
            .provision(vec![wanted("Paul", false, false, Some(TOKEN))])
            .await
            .unwrap();
        let later = home
            .auth
            .provision(vec![wanted("Eve", false, false, Some(TOKEN))])
            .await;
        assert!(matches!(later, Err(AuthError::ProvisionedTokenTaken(name)) if name == "Eve"));
    });
}

#[test]
fn a_fixed_token_is_never_stored_but_can_be_revoked() {
    run(async {
        let home = Home::new();
        home.auth
            .provision(vec![wanted("Lab", false, false, Some(TOKEN))])
            .await
            .unwrap();
        assert!(home.stored("auth_token").is_empty());
        home.auth.reload().await.unwrap();
        let caller = home.auth.authenticate(TOKEN).unwrap();
        home.auth.revoke_token(caller.token_id).await.unwrap();
        assert!(home.auth.authenticate(TOKEN).is_err());
    });
}
