//! Push services.

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
