//! Open connections are closed when their token or user is shut out.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hearth_auth::{Authenticated, SessionGuard};

use crate::home::{Home, run};

/// A connection that counts how often it was told to close.
struct Connection {
    closed: Arc<AtomicUsize>,
    _guard: SessionGuard,
}

impl Connection {
    fn open(home: &Home, caller: &Authenticated) -> Self {
        let closed = Arc::new(AtomicUsize::new(0));
        let told = closed.clone();
        let close = move || {
            told.fetch_add(1, Ordering::SeqCst);
        };
        let guard = home.auth.open_session(caller, close).unwrap();
        Self {
            closed,
            _guard: guard,
        }
    }

    fn times_closed(&self) -> usize {
        self.closed.load(Ordering::SeqCst)
    }
}

#[test]
fn revoking_a_token_closes_its_connections_and_no_others() {
    run(async {
        let home = Home::new();
        let paul = home.person("Paul").await;
        let revoked = home.auth.authenticate(&home.token_of(&paul).await).unwrap();
        let kept = home.auth.authenticate(&home.token_of(&paul).await).unwrap();
        let connections = [
            Connection::open(&home, &revoked),
            Connection::open(&home, &revoked),
        ];
        let other = Connection::open(&home, &kept);

        home.auth.revoke_token(revoked.token_id).await.unwrap();
        assert_eq!(connections.each_ref().map(Connection::times_closed), [1, 1]);
        assert_eq!(other.times_closed(), 0);
        assert_eq!(home.auth.open_sessions(), 1);
    });
}

#[test]
fn deactivating_or_deleting_a_user_closes_all_its_connections() {
    run(async {
        let home = Home::new();
        let (paul, eve, ada) = (
            home.person("Paul").await,
            home.person("Eve").await,
            home.person("Ada").await,
        );
        let mut connections = Vec::new();
        for user in [&paul, &eve, &eve, &ada] {
            let caller = home.auth.authenticate(&home.token_of(user).await).unwrap();
            connections.push(Connection::open(&home, &caller));
        }
        home.auth.deactivate_user(eve.id).await.unwrap();
        home.auth.delete_user(ada.id).await.unwrap();
        let times: Vec<_> = connections.iter().map(Connection::times_closed).collect();
        assert_eq!(times, [0, 1, 1, 1]);
        assert_eq!(home.stored("auth_token").len(), 3, "Ada's token is gone");
    });
}

#[test]
fn a_connection_that_ended_is_forgotten() {
    run(async {
        let home = Home::new();
        let paul = home.person("Paul").await;
        let caller = home.auth.authenticate(&home.token_of(&paul).await).unwrap();
        let connection = Connection::open(&home, &caller);
        let closed = connection.closed.clone();
        drop(connection);
        assert_eq!(home.auth.open_sessions(), 0);
        home.auth.revoke_token(caller.token_id).await.unwrap();
        assert_eq!(closed.load(Ordering::SeqCst), 0);
    });
}

#[test]
fn a_connection_is_refused_when_its_token_was_revoked_in_between() {
    run(async {
        let home = Home::new();
        let paul = home.person("Paul").await;
        let caller = home.auth.authenticate(&home.token_of(&paul).await).unwrap();
        home.auth.revoke_token(caller.token_id).await.unwrap();
        assert!(home.auth.open_session(&caller, || ()).is_err());
        assert_eq!(home.auth.open_sessions(), 0);
    });
}

#[test]
fn a_revocation_takes_effect_even_when_the_one_who_asked_has_gone() {
    run(async {
        let home = Home::new();
        let paul = home.person("Paul").await;
        let caller = home.auth.authenticate(&home.token_of(&paul).await).unwrap();
        let connection = Connection::open(&home, &caller);

        let mut asked = Box::pin(home.auth.revoke_token(caller.token_id));
        let polled_once = futures_poll(&mut asked).await;
        assert!(polled_once, "still under way");
        drop(asked);

        // Changes take turns, so once this one is done, that one is too.
        let _ = home.auth.remove_expired_tokens().await;
        assert_eq!(connection.times_closed(), 1);
        assert!(home.stored("auth_token").is_empty());
    });
}

/// Polls once; true while there is no result.
async fn futures_poll(future: &mut (impl Future + Unpin)) -> bool {
    std::future::poll_fn(|context| {
        std::task::Poll::Ready(std::pin::Pin::new(&mut *future).poll(context).is_pending())
    })
    .await
}
