//! A hub's users and tokens on a clock that the test moves.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use hearth_auth::{Auth, AuthSettings, NewUser, User};
use hearth_core::env::{Clock, Env, Random};
use hearth_core::store::{Location, Store, StoreSettings};
use hearth_core::time::Timestamp;

pub(crate) struct Home {
    pub(crate) auth: Auth,
    pub(crate) store: Store,
    pub(crate) clock: Arc<TestClock>,
}

/// Stands still until it is moved.
pub(crate) struct TestClock(AtomicI64);

impl TestClock {
    pub(crate) fn pass(&self, time: Duration) {
        let micros = i64::try_from(time.as_micros()).unwrap();
        self.0.fetch_add(micros, Ordering::SeqCst);
    }

    pub(crate) fn seconds(&self) -> i64 {
        self.now().as_seconds()
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::SeqCst).unsigned_abs())
    }
}

struct SystemRandom(Env);

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        self.0.fill(bytes);
    }
}

impl Home {
    pub(crate) fn new() -> Self {
        Self::with(&Location::Memory, AuthSettings::default())
    }

    pub(crate) fn with(location: &Location, settings: AuthSettings) -> Self {
        let clock = Arc::new(TestClock(AtomicI64::new(1_767_225_600_000_000)));
        let store = Store::open(location, StoreSettings::default()).unwrap();
        let env = Env::new(clock.clone(), Arc::new(SystemRandom(Env::system())));
        let auth = Auth::load(store.clone(), env, settings).unwrap();
        Self { auth, store, clock }
    }

    /// A user without a password, which spares the test a hashing.
    pub(crate) async fn person(&self, name: &str) -> Arc<User> {
        self.auth.create_user(NewUser::person(name)).await.unwrap()
    }

    /// The bearer text of a new long-lived token.
    pub(crate) async fn token_of(&self, user: &User) -> String {
        let name = format!("token {}", self.auth.tokens_of(user.id).len());
        let token = self
            .auth
            .create_long_lived_token(user.id, &name, 3650)
            .await;
        token.unwrap().secret().to_owned()
    }

    /// What stands in the store of one kind, as text.
    pub(crate) fn stored(&self, collection: &'static str) -> Vec<serde_json::Value> {
        let documents = self.store.collection::<serde_json::Value>(collection);
        documents
            .load_all()
            .unwrap()
            .into_iter()
            .map(|(_, body)| body)
            .collect()
    }
}

/// Runs a test in a system of its own, as the store's writer needs one.
pub(crate) fn run(test: impl Future<Output = ()>) {
    actix_rt::System::new().block_on(test);
}
