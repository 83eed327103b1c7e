//! What was acknowledged is there after a restart.

use hearth_auth::{AuthSettings, NewToken, NewUser};
use hearth_core::store::Location;

use crate::home::{Home, run};

#[test]
fn users_passwords_and_tokens_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let location = Location::File(folder.path().join("hearth.db"));
    let mut secrets = None;
    run(async {
        let home = Home::with(&location, AuthSettings::default());
        let auth = &home.auth;
        let new = NewUser::person("Paul").with_password("paul", "correct horse");
        let paul = auth.create_user(new).await.unwrap();
        let eve = home.person("Eve").await;
        let bearer = home.token_of(&paul).await;
        let eves = home.token_of(&eve).await;
        auth.deactivate_user(eve.id).await.unwrap();
        let new = NewToken::normal("https://app.example/").with_icon("mdi:phone");
        let (record, value) = auth.create_refresh_token(paul.id, new).await.unwrap();
        let revoked = home.token_of(&paul).await;
        let id = auth.authenticate(&revoked).unwrap().token_id;
        auth.revoke_token(id).await.unwrap();
        secrets = Some((paul, bearer, eves, record, value, revoked));
    });
    let (paul, bearer, eves, record, value, revoked) = secrets.unwrap();
    run(async {
        let home = Home::with(&location, AuthSettings::default());
        let auth = &home.auth;
        assert_eq!(auth.find_user(paul.id), Some(paul.clone()));
        assert_eq!(
            auth.verify_password("paul", "correct horse").await,
            Ok(paul.clone())
        );
        assert_eq!(auth.authenticate(&bearer).unwrap().user, paul);
        assert!(
            auth.authenticate(&eves).is_err(),
            "Eve is still deactivated"
        );
        assert_eq!(auth.find_refresh_token(value.secret()), Some(record));
        assert!(auth.authenticate(&revoked).is_err());
        assert!(
            !auth
                .create_user(NewUser::person("Late"))
                .await
                .unwrap()
                .is_owner
        );
    });
}

#[test]
fn a_running_hub_takes_over_what_a_tool_changed_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let location = Location::File(folder.path().join("hearth.db"));
    run(async {
        let hub = Home::with(&location, AuthSettings::default());
        let paul = hub.person("Paul").await;
        let old = hub.token_of(&paul).await;
        let old_id = hub.auth.authenticate(&old).unwrap().token_id;

        let tool = Home::with(&location, AuthSettings::default());
        let new = tool.token_of(&paul).await;
        let eve = tool.person("Eve").await;
        let eves = tool.token_of(&eve).await;
        tool.auth.revoke_token(old_id).await.unwrap();

        assert!(hub.auth.authenticate(&new).is_err());
        hub.auth.reload().await.unwrap();
        assert!(hub.auth.authenticate(&new).is_ok());
        assert_eq!(hub.auth.authenticate(&eves).unwrap().user.name, "Eve");
        assert!(hub.auth.authenticate(&old).is_err());

        tool.auth.delete_user(eve.id).await.unwrap();
        hub.auth.reload().await.unwrap();
        assert!(hub.auth.authenticate(&eves).is_err());
        assert_eq!(hub.auth.list_users().len(), 1);
    });
}
