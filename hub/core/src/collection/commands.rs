//! `<domain>/list`, `create`, `update`, `delete` and `subscribe` (spec websocket-api §8).

use serde_json::{Map, Value, json};

use super::integration::Running;
use super::{Helper, Item};
use crate::command::{Access, Command, CommandError};
use crate::event::Context;
use crate::integration::Host;
use crate::subscription::Sent;

pub(super) fn register<H: Helper>(host: &Host) {
    let name = |verb: &str| format!("{}/{verb}", H::DOMAIN);
    host.register_command(&name("list"), Access::AnyUser);
    for verb in ["create", "update", "delete"] {
        host.register_command(&name(verb), Access::Admin);
    }
    host.register_subscription(&name("subscribe"), Access::AnyUser);
}

impl<H: Helper> Running<H> {
    pub(super) async fn carry_out(&mut self, command: Command) -> Result<Value, CommandError> {
        let context = command.caller.context;
        let mut data = command.data;
        match command.name.rsplit('/').next() {
            Some("list") => Ok(self
                .records
                .iter()
                .map(|(_, item)| json!(&**item))
                .collect()),
            Some("create") => self.create(data, context).await,
            Some("update") => {
                let id = self.records.take(&mut data)?.id.clone();
                self.update(id, data, context).await
            }
            Some("delete") => {
                let id = self.records.take(&mut data)?.id.clone();
                self.delete(&id, context).await
            }
            Some("subscribe") => {
                if let Some(subscriber) = command.subscriber {
                    let all: Vec<Value> = self
                        .records
                        .iter()
                        .map(|(_, item)| change::<H>("added", item))
                        .collect();
                    subscriber.send(&all);
                    self.subscribers.push(subscriber);
                }
                Ok(Value::Null)
            }
            _ => Err(CommandError::unknown()),
        }
    }

    async fn create(
        &mut self,
        data: Map<String, Value>,
        context: Context,
    ) -> Result<Value, CommandError> {
        let item = parse::<H>(data)?;
        let id = self.free_id(item.name.as_deref().unwrap_or_default());
        let item = Item { id, ..item };
        let item = self.records.put(&item.id.clone(), item).await?;
        self.place(&item, true, context).await.map_err(failed)?;
        self.tell("added", &item);
        Ok(json!(&*item))
    }

    /// As in the field, what is not given goes back to its default.
    async fn update(
        &mut self,
        id: String,
        data: Map<String, Value>,
        context: Context,
    ) -> Result<Value, CommandError> {
        let item = parse::<H>(data)?;
        let item = Item { id, ..item };
        let item = self.records.put(&item.id.clone(), item).await?;
        self.place(&item, true, context).await.map_err(failed)?;
        self.tell("updated", &item);
        Ok(json!(&*item))
    }

    async fn delete(&mut self, id: &str, context: Context) -> Result<Value, CommandError> {
        let item = self.records.remove(id).await?;
        self.displace(id, context).await.map_err(failed)?;
        self.tell("removed", &item);
        Ok(Value::Null)
    }

    fn tell(&mut self, change_type: &str, item: &Item<H::Options>) {
        if self.subscribers.is_empty() {
            return;
        }
        let event = [change::<H>(change_type, item)];
        self.subscribers
            .retain(|subscriber| subscriber.send(&event) == Sent::OnItsWay);
    }
}

fn change<H: Helper>(change_type: &str, item: &Item<H::Options>) -> Value {
    let mut change = Map::new();
    change.insert("change_type".to_owned(), change_type.into());
    change.insert(format!("{}_id", H::DOMAIN), item.id.as_str().into());
    change.insert("item".to_owned(), json!(item));
    Value::Object(change)
}

fn parse<H: Helper>(data: Map<String, Value>) -> Result<Item<H::Options>, CommandError> {
    Item::parse::<H>(data, true).map_err(|invalid| CommandError::invalid(invalid.to_string()))
}

fn failed(error: impl std::fmt::Display) -> CommandError {
    CommandError::failed(error.to_string())
}
