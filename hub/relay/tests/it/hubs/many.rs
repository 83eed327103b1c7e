//! A thousand hubs at once.

use futures_util::future::join_all;

use super::*;

#[test]
fn a_thousand_hubs_each_get_their_own_and_what_is_for_all() {
    with_open_relay(
        |_| {},
        async |relay| {
            let webhook = relay.routed().await;
            let accounts = join_all((0..1000).map(|_| relay.account())).await;
            let webhook = &webhook;
            let joining = accounts.iter().enumerate().map(async |(n, account)| {
                let mut hub = TestHub::connect(relay, account).await;
                hub.registers(webhook, json!({"$keys": ["all", n]})).await;
                hub
            });
            let mut hubs = join_all(joining).await;
            assert_eq!(relay.relay.presence.len(), 1000);
            for n in (0..1000).step_by(50) {
                let reply = relay.post(webhook.id, json!({"to": n, "n": n})).await;
                assert_eq!(reply.status, 200);
            }
            let reply = relay.post(webhook.id, json!({"to": "all", "n": 5})).await;
            assert_eq!(reply.status, 200);
            let taking = hubs.iter_mut().enumerate().map(async |(n, hub)| {
                if n % 50 == 0 {
                    assert_eq!(number(&hub.message().await), n as u64);
                }
                let msg = hub.message().await;
                assert_eq!(number(&msg), 5);
                hub.ack(msg.seq).await;
                hub.hears_nothing_more().await;
            });
            join_all(taking).await;
            until("all is acknowledged", || {
                relay.relay.store.usage().messages == 0
            })
            .await;
        },
    );
}
