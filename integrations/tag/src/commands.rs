//! `tag/list`, `tag/create`, `tag/update`, `tag/delete` (spec websocket-api §8), and `tag/scan`
//! for other integrations.

use hearth_core::fields::{check_name, wrong_value};
use hearth_core::prelude::*;
use hearth_core::time::Timestamp;
use serde::Deserialize;
use serde_json::json;

use crate::stored::StoredTag;
use crate::{Tags, failed};

const LIST: &str = "tag/list";
const CREATE: &str = "tag/create";
const UPDATE: &str = "tag/update";
const DELETE: &str = "tag/delete";
const SCAN: &str = "tag/scan";

/// Longest tag id in bytes; a door has its own, larger limits.
const ID_MAX: usize = 1024;

pub(crate) fn register(host: &Host) {
    host.register_command(LIST, Access::AnyUser);
    for name in [CREATE, UPDATE, DELETE] {
        host.register_command(name, Access::Admin);
    }
    host.register_command(SCAN, Access::Inside);
}

/// What may be given of a tag.
#[derive(Deserialize)]
struct Given {
    tag_id: Option<String>,
    name: Option<String>,
    description: Option<String>,
    last_scanned: Option<Timestamp>,
    device_id: Option<String>,
}

impl Given {
    fn parse(data: Map<String, Value>) -> Result<Self, CommandError> {
        let text = |name| Field::optional(name, Kind::Text, "");
        let schema = Schema::Fields(vec![
            text("tag_id"),
            text("name"),
            text("description"),
            text("last_scanned"),
            text("device_id"),
        ]);
        let data = schema.apply(data).map_err(CommandError::invalid)?;
        let given: Self = serde_json::from_value(Value::Object(data))
            .map_err(|error| CommandError::invalid(error.to_string()))?;
        if given.tag_id.as_deref() == Some("") {
            return Err(wrong_value(
                "length of value must be at least 1",
                "tag_id",
                &"".into(),
            ));
        }
        if let Some(name) = &given.name {
            check_name("name", name)?;
        }
        Ok(given)
    }
}

#[derive(Deserialize)]
struct Scan {
    tag_id: String,
    device_id: Option<String>,
}

impl Tags {
    pub(crate) async fn carry_out(&mut self, command: Command) -> Result<Value, CommandError> {
        let context = command.caller.context;
        let mut data = command.data;
        match &*command.name {
            LIST => Ok(self.records.iter().map(|(_, tag)| self.item(tag)).collect()),
            CREATE => self.create(Given::parse(data)?, context).await,
            UPDATE => {
                let tag = self.records.take(&mut data)?;
                self.update(&tag, Given::parse(data)?, context).await
            }
            DELETE => {
                let tag = self.records.take(&mut data)?;
                self.delete(&tag.id, context).await
            }
            SCAN => {
                let scan: Scan = serde_json::from_value(Value::Object(data))
                    .map_err(|error| CommandError::invalid(error.to_string()))?;
                self.scan(scan, context).await
            }
            _ => Err(CommandError::unknown()),
        }
    }

    /// A tag as clients see it.
    fn item(&self, tag: &StoredTag) -> Value {
        let mut item = json!(tag);
        item["name"] = self.name(&tag.id).into();
        item
    }

    async fn create(&mut self, given: Given, context: Context) -> Result<Value, CommandError> {
        let id = given.tag_id.unwrap_or_else(|| random_id(&self.host));
        check_length(&id)?;
        if self.records.get(&id).is_some() {
            return Err(CommandError::invalid(format!(
                "Tag ID {id} is already in use"
            )));
        }
        let tag = StoredTag {
            id,
            description: given.description,
            last_scanned: given.last_scanned,
            device_id: given.device_id,
        };
        self.keep(tag, given.name.as_deref(), context).await
    }

    async fn update(
        &mut self,
        old: &StoredTag,
        given: Given,
        context: Context,
    ) -> Result<Value, CommandError> {
        let tag = StoredTag {
            id: old.id.clone(),
            description: given.description.or_else(|| old.description.clone()),
            last_scanned: given.last_scanned.or(old.last_scanned),
            device_id: given.device_id.or_else(|| old.device_id.clone()),
        };
        self.keep(tag, given.name.as_deref(), context).await
    }

    async fn delete(&mut self, id: &str, context: Context) -> Result<Value, CommandError> {
        self.records.remove(id).await?;
        if let Some(entity_id) = self.entities.remove(id) {
            self.host
                .retire(&entity_id, context)
                .await
                .map_err(failed)?;
        }
        Ok(Value::Null)
    }

    /// The event comes first: whoever acts on a scan does not wait for the disk.
    async fn scan(&mut self, scan: Scan, context: Context) -> Result<Value, CommandError> {
        check_length(&scan.tag_id)?;
        let event = json!({
            "tag_id": scan.tag_id, "name": self.name(&scan.tag_id), "device_id": scan.device_id,
        });
        self.host.hub().fire("tag_scanned", event, context).await;
        let known = self
            .records
            .get(&scan.tag_id)
            .map(|tag| StoredTag::clone(tag));
        let known = known.unwrap_or_default();
        let tag = StoredTag {
            id: scan.tag_id,
            last_scanned: Some(self.host.env().now()),
            device_id: scan.device_id.or(known.device_id),
            description: known.description,
        };
        self.keep(tag, None, context).await?;
        Ok(Value::Null)
    }

    async fn keep(
        &mut self,
        tag: StoredTag,
        name: Option<&str>,
        context: Context,
    ) -> Result<Value, CommandError> {
        let id = tag.id.clone();
        let tag = self.records.put(&id, tag).await?;
        if name.is_some() || !self.entities.contains_key(&id) {
            self.announce(&tag, name).await?;
        }
        self.show(&tag, context).await;
        Ok(self.item(&tag))
    }
}

fn check_length(tag_id: &str) -> Result<(), CommandError> {
    if tag_id.len() > ID_MAX {
        return Err(CommandError::invalid(format!(
            "length of value must be at most {ID_MAX} for dictionary value @ data['tag_id']"
        )));
    }
    Ok(())
}

/// A UUID in shape: what apps write onto a sticker.
fn random_id(host: &Host) -> String {
    let hex = host.env().hex::<16>();
    [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ]
    .join("-")
}
