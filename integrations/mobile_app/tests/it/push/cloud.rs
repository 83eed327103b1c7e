//! Push services.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hearth_core::settings::Settings;
use serde_json::json;

use super::{PushService, kept, near, notify, phone, say};
use crate::home::{Home, eventually};

const ADA: &str = "mobile_app_ada";

#[actix_rt::test]
async fn a_post_says_whose_it_is() {
    let home = Home::with(near).await;
    let service = PushService::start();
    let ada = phone(&home, "Ada", Some(&service.url)).await;
    let data = json!({"message": "m", "title": "t", "data": {"tag": "x"}});
    notify(&home, ADA, data).await.unwrap();
    assert_eq!(
        service.bodies.lock()[0],
        json!({
            "message": "m", "title": "t", "data": {"tag": "x"}, "push_token": "token",
            "registration_info": {
                "app_id": "org.example.phone", "app_version": "1", "webhook_id": ada.id,
                "os_version": "6",
            },
        })
    );
}

#[actix_rt::test]
async fn what_a_push_service_refuses_is_not_tried_again_and_no_redirect_is_followed() {
    let home = Home::with(near).await;
    let service = PushService::start();
    phone(&home, "Ada", Some(&service.url)).await;
    for (n, status) in [400, 404, 410, 302, 307].into_iter().enumerate() {
        service.answers(status);
        say(&home, ADA, "refused").await;
        assert_eq!((service.count(), kept(&home)), (n + 1, 0), "{status}");
    }
}

#[actix_rt::test]
async fn what_a_push_service_cannot_take_now_waits_in_order() {
    let home = Home::with(near).await;
    let service = PushService::start();
    phone(&home, "Ada", Some(&service.url)).await;
    service.answers(500);
    say(&home, ADA, "one").await;
    say(&home, ADA, "two").await;
    assert_eq!(kept(&home), 2);
    service.answers(429);
    let before = service.count();
    eventually("it is tried again", || service.count() > before).await;
    assert!(service.messages().iter().all(|message| message == "one"));
    service.answers(202);
    eventually("nothing is kept", || kept(&home) == 0).await;
    assert!(
        service
            .messages()
            .ends_with(&["one".to_owned(), "two".to_owned()])
    );
    assert_eq!(service.messages().iter().filter(|m| *m == "two").count(), 1);
}

#[actix_rt::test]
async fn a_push_service_that_is_not_there_keeps_nothing_where_nothing_may_be_kept() {
    let dead = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}/", listener.local_addr().unwrap())
    };
    let home = Home::with(|settings: &mut Settings| {
        near(settings);
        settings.push.queue = 0;
    })
    .await;
    phone(&home, "Ada", Some(&dead)).await;
    say(&home, ADA, "lost").await;
    assert_eq!(kept(&home), 0);
}

#[actix_rt::test]
async fn private_addresses_are_not_posted_to() {
    let home = Home::start().await;
    let service = PushService::start();
    let port = service.url.rsplit_once(':').unwrap().1;
    for (n, host) in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433"]
        .into_iter()
        .enumerate()
    {
        let name = format!("P{n}");
        phone(&home, &name, Some(&format!("http://{host}:{port}"))).await;
        say(&home, &format!("mobile_app_p{n}"), "private").await;
        assert_eq!((service.count(), kept(&home)), (0, 0), "{host}");
    }
}

/// A push service that takes each connection, reads its request, says `answer` and hangs up;
/// gives its URL and how often it was asked.
async fn curt(answer: &'static str) -> (String, Arc<AtomicUsize>) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let asked = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&asked);
    actix_rt::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            let mut request = Vec::new();
            while !request.ends_with(b"}") && connection.read_buf(&mut request).await.unwrap() > 0 {
            }
            connection.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (url, asked)
}

#[actix_rt::test]
async fn what_was_accepted_is_not_posted_again_though_the_answer_broke_off() {
    let home = Home::with(near).await;
    let (url, asked) = curt("HTTP/1.1 201 Created\r\ncontent-length: 100\r\n\r\n{").await;
    phone(&home, "Ada", Some(&url)).await;
    say(&home, ADA, "accepted").await;
    assert_eq!((asked.load(Ordering::SeqCst), kept(&home)), (1, 0));
}

#[actix_rt::test]
async fn a_call_does_not_wait_for_push_services_that_hold_up_others() {
    let home = Home::with(|settings: &mut Settings| {
        near(settings);
        settings.push.posts_per_user = 1;
        settings.push.timeout_s = 3600.0;
    })
    .await;
    // It takes connections and never answers.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    phone(&home, "Ada", Some(&url)).await;
    phone(&home, "Bob", Some(&url)).await;
    let first = notify(&home, ADA, json!({"message": "m"}));
    let second = async {
        let held = silent.accept().await.unwrap();
        say(&home, "mobile_app_bob", "waits for its turn").await;
        drop(held);
    };
    tokio::select! {
        biased;
        _ = first => panic!("nobody answered"),
        () = second => {}
    }
    assert_eq!(kept(&home), 1);
}
