//! Registrations from many clients share the store's commits. The figure is for a release build;
//! a debug build must only be far from one sync each.

use std::time::Instant;

use futures_util::future::join_all;

use crate::home::Home;

#[actix_rt::test]
async fn sixty_four_clients_register_together() {
    const CLIENTS: usize = 64;
    const EACH: usize = 10;
    let home = Home::start().await;
    let start = Instant::now();
    join_all((0..CLIENTS).map(|client| {
        let home = &home;
        async move {
            for n in 0..EACH {
                let body = Home::body(&format!("{client}-{n}"), true).to_string();
                assert_eq!(home.post(&body).await.0, 201);
            }
        }
    }))
    .await;
    let rate = (CLIENTS * EACH) as f64 / start.elapsed().as_secs_f64();
    assert_eq!(home.hub.webhooks.len(), CLIENTS * EACH);
    assert!(rate > 200.0, "{rate:.0} registrations/s");
}
