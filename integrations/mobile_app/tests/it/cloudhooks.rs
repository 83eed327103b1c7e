//! Phones of a hub that has a relay: their webhooks get public addresses.

use actix::prelude::{Actor, Context, Handler};
use hearth_core::ask::Ask;
use hearth_core::command::{Access, Command, CommandError};
use serde_json::{Value, json};

use crate::home::Home;

/// Answers for the relay: an address for every webhook, while it is there.
struct Relay {
    is_there: bool,
    deleted: tokio::sync::mpsc::UnboundedSender<Value>,
}

impl Actor for Relay {
    type Context = Context<Self>;
}

impl Handler<Ask<Command>> for Relay {
    type Result = ();

    fn handle(&mut self, ask: Ask<Command>, _: &mut Self::Context) {
        let (command, reply) = ask.take();
        let id = command.data["webhook_id"].clone();
        if &*command.name == "cloud/cloudhook/delete" {
            let _ = self.deleted.send(id);
            return reply.send(Ok(Value::Null));
        }
        reply.send(match self.is_there {
            true => {
                let url = format!("https://relay/c/of-{}", id.as_str().unwrap());
                Ok(json!({"cloudhook_url": url}))
            }
            false => Err(CommandError::failed("away")),
        });
    }
}

fn relay(home: &Home, is_there: bool) -> tokio::sync::mpsc::UnboundedReceiver<Value> {
    let (deleted, receiver) = tokio::sync::mpsc::unbounded_channel();
    let relay = Relay { is_there, deleted }.start();
    for name in ["cloud/cloudhook/create", "cloud/cloudhook/delete"] {
        let handler = relay.clone().recipient();
        home.hub.commands.register(name, Access::Admin, handler);
    }
    receiver
}

#[actix_rt::test]
async fn a_phone_learns_its_public_address_and_loses_it_with_its_registration() {
    let home = Home::start().await;
    let mut deleted = relay(&home, true);
    let (_, answer) = home.post(&Home::body("Phone", false).to_string()).await;
    let id = answer["webhook_id"].as_str().unwrap();
    assert_eq!(answer["cloudhook_url"], format!("https://relay/c/of-{id}"));

    let data = json!({"webhook_id": id});
    let remove = home.command("mobile_app/registrations/remove", data, Access::Local);
    remove.await.unwrap();
    assert_eq!(deleted.recv().await, Some(json!(id)));
}

#[actix_rt::test]
async fn a_phone_that_registers_while_the_relay_is_away_learns_it_later() {
    let home = Home::start().await;
    let _deleted = relay(&home, false);
    let (status, answer) = home.post(&Home::body("Phone", false).to_string()).await;
    assert_eq!((status, &answer["cloudhook_url"]), (201, &Value::Null));
    let phone = home.phone("Other").await;
    let config = phone.send("get_config", json!({})).await;
    assert!(config.json().get("cloudhook_url").is_none());

    let _deleted = relay(&home, true);
    let config = phone.send("get_config", json!({})).await.json();
    let url = format!("https://relay/c/of-{}", phone.id);
    assert_eq!(config["cloudhook_url"], url);
    assert!(config.get("remote_ui_url").is_none());
}
