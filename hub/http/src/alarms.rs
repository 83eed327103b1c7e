//! Tells the people of the house of failed sign-ins and bans, as notifications.
//!
//! They are services of an integration; a hub without it only logs.

use std::net::IpAddr;
use std::time::Duration;

use hearth_auth::Alarm;
use hearth_core::event::Context;
use hearth_core::hub::Hub;
use hearth_core::service::CallRequest;
use serde_json::{Value, json};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

const DOMAIN: &str = "persistent_notification";
const SERVICE: &str = "create";
/// A flood of failures changes the notification once in so long.
const PAUSE: Duration = Duration::from_secs(1);

/// The last of each kind since somebody was told.
#[derive(Default)]
struct News {
    failed: Option<IpAddr>,
    banned: Option<IpAddr>,
}

impl News {
    fn add(&mut self, alarm: Alarm) {
        match alarm {
            Alarm::SignInFailed(address) => self.failed = Some(address),
            Alarm::Banned(address) => self.banned = Some(address),
        }
    }
}

/// Goes on until `closed`.
pub(crate) async fn tell(hub: Hub, mut alarms: Receiver<Alarm>, closed: impl Future<Output = ()>) {
    let telling = async {
        loop {
            let mut news = News::default();
            match alarms.recv().await {
                Ok(alarm) => news.add(alarm),
                // The newest are still to come.
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            }
            loop {
                match alarms.try_recv() {
                    Ok(alarm) => news.add(alarm),
                    Err(TryRecvError::Lagged(_)) => {}
                    Err(TryRecvError::Empty | TryRecvError::Closed) => break,
                }
            }
            show(&hub, &news).await;
            tokio::time::sleep(PAUSE).await;
        }
    };
    tokio::select! {
        () = telling => {}
        () = closed => {}
    }
}

async fn show(hub: &Hub, news: &News) {
    if let Some(address) = news.failed {
        let message = format!(
            "Login attempt or request with invalid authentication from {address}. \
             See the log for details."
        );
        notify(hub, "http-login", "Login attempt failed", &message).await;
    }
    if let Some(address) = news.banned {
        let message = format!("Too many login attempts from {address}");
        notify(hub, "ip-ban", "Banning IP address", &message).await;
    }
}

async fn notify(hub: &Hub, id: &str, title: &str, message: &str) {
    if !hub.services.contains(DOMAIN, SERVICE) {
        return;
    }
    let Value::Object(data) = json!({"notification_id": id, "title": title, "message": message})
    else {
        return;
    };
    let call = CallRequest {
        domain: DOMAIN.to_owned(),
        service: SERVICE.to_owned(),
        data,
        context: Context::new(&hub.env),
        return_response: false,
    };
    if let Err(error) = hub.services.call(call).await {
        tracing::debug!(%error, "a notification was not shown");
    }
}
