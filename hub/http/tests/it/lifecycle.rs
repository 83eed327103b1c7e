//! Opening and closing the door.

use std::sync::Arc;
use std::time::Duration;

use hearth_http::{ServeError, serve};

use crate::home::with_home;

const PATIENCE: Duration = Duration::from_secs(2);

#[test]
fn an_address_in_use_is_told() {
    with_home(async |home| {
        let taken = home.address().to_string();
        with_other_listen(&home, &taken, |error| {
            assert!(
                matches!(&error, ServeError::InUse(address) if *address == taken),
                "{error}"
            );
        });
        with_other_listen(&home, "not an address", |error| {
            assert!(error.to_string().contains("http.listen"), "{error}");
        });
    });
}

fn with_other_listen(home: &crate::home::Home, listen: &str, check: impl FnOnce(ServeError)) {
    use hearth_core::hub::Hub;
    use hearth_core::settings::Settings;
    let mut settings = Settings::default();
    settings.http.listen = listen.to_owned();
    settings.hub.threads = 1;
    let mut door = home.door.clone();
    door.hub = Hub::open(
        door.hub.env.clone(),
        Arc::new(settings),
        door.hub.store.clone(),
    )
    .unwrap();
    check(serve(door).err().unwrap());
}

#[test]
fn a_hub_that_stops_answers_503_and_then_no_more() {
    with_home(async |home| {
        let mut client = home.connect().await;
        assert_eq!(client.request("GET", "/healthz", "", b"").await.status, 200);
        home.door.hub.stop().await;
        let reply = client.request("POST", "/api/webhook/echo", "", b"").await;
        assert_eq!(reply.plain(), (503, ""));
        home.serving.stop(PATIENCE).await;
        assert!(
            tokio::net::TcpStream::connect(home.address())
                .await
                .is_err()
        );
    });
}

#[test]
fn stopping_does_not_wait_for_idle_or_dawdling_clients() {
    with_home(async |home| {
        let mut idle = home.connect().await;
        assert_eq!(idle.request("GET", "/healthz", "", b"").await.status, 200);
        let mut dawdling = home.connect().await;
        dawdling
            .send(b"POST /api/webhook/echo HTTP/1.1\r\nHost: hub\r\nContent-Length: 9\r\n\r\nx")
            .await;
        let mut stream = home.connect().await;
        let token = &home.admin;
        let open = format!(
            "GET /api/stream HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {token}\r\n\r\n"
        );
        stream.send(open.as_bytes()).await;
        assert_eq!(stream.head().await.unwrap().status, 200);
        let stop = tokio::time::timeout(2 * PATIENCE, home.serving.stop(PATIENCE));
        stop.await.unwrap();
        stream.rest().await;
    });
}
