//! Waiting for a condition with a deadline, instead of sleeping for a guess.

use std::future::Future;
use std::time::{Duration, Instant};

/// How long a test waits for something that should happen soon. Generous: the machine may be busy.
pub const SOON: Duration = Duration::from_secs(15);

/// Asks `probe` until it answers `Some`, and gives that; panics with `what` after [`SOON`].
pub async fn until<T>(what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = probe().await {
            return value;
        }
        assert!(
            start.elapsed() < SOON,
            "gave up waiting: {what} did not come true within {SOON:?}"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Awaits `future`; panics with `what` if it is not done after [`SOON`].
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(SOON, future).await {
        Ok(value) => value,
        Err(_) => panic!("gave up waiting: {what} took more than {SOON:?}"),
    }
}
