//! `person/list`, `person/create`, `person/update`, `person/delete` (spec websocket-api §8), and
//! `person/link_tracker` for other integrations.

use hearth_core::fields::check_name;
use hearth_core::ids::UserId;
use hearth_core::prelude::*;
use serde::Deserialize;
use serde_json::json;

use crate::people::People;
use crate::stored::StoredPerson;

const LIST: &str = "person/list";
const CREATE: &str = "person/create";
const UPDATE: &str = "person/update";
const DELETE: &str = "person/delete";
const LINK_TRACKER: &str = "person/link_tracker";

pub(crate) fn register(host: &Host) {
    host.register_command(LIST, Access::AnyUser);
    for name in [CREATE, UPDATE, DELETE] {
        host.register_command(name, Access::Admin);
    }
    host.register_command(LINK_TRACKER, Access::Inside);
}

#[derive(Deserialize)]
struct Link {
    user_id: UserId,
    entity_id: EntityId,
}

impl People {
    pub(crate) async fn carry_out(&mut self, command: Command) -> Result<Value, CommandError> {
        let context = command.caller.context;
        let mut data = command.data;
        match &*command.name {
            LIST => {
                let storage: Value = self
                    .records
                    .iter()
                    .map(|(_, person)| json!(person))
                    .collect();
                Ok(json!({"storage": storage, "config": []}))
            }
            CREATE => {
                let nobody = StoredPerson {
                    id: String::new(),
                    name: String::new(),
                    user_id: None,
                    device_trackers: Vec::new(),
                    picture: None,
                };
                let mut person = self.change(nobody, data, Field::required)?;
                person.id = self.records.free_id(&person.name);
                Ok(json!(&*self.keep(person, context).await?))
            }
            UPDATE => {
                let person = self.records.take(&mut data)?;
                let person = self.change(StoredPerson::clone(&person), data, Field::optional)?;
                Ok(json!(&*self.keep(person, context).await?))
            }
            DELETE => {
                let person = self.records.take(&mut data)?;
                self.forget(&person.id, context).await?;
                Ok(Value::Null)
            }
            LINK_TRACKER => {
                let link: Link = serde_json::from_value(Value::Object(data))
                    .map_err(|error| CommandError::invalid(error.to_string()))?;
                self.link(link, context).await
            }
            _ => Err(CommandError::unknown()),
        }
    }

    /// The person with the given fields changed. `name` says whether the name must be given.
    fn change(
        &self,
        mut person: StoredPerson,
        data: Map<String, Value>,
        name: fn(&'static str, Kind, &'static str) -> Field,
    ) -> Result<StoredPerson, CommandError> {
        let schema = Schema::Fields(vec![
            name("name", Kind::Text, ""),
            Field::optional("user_id", Kind::Any, ""),
            Field::optional("device_trackers", Kind::Texts, ""),
            Field::optional("picture", Kind::Any, ""),
        ]);
        let mut data = schema.apply(data).map_err(CommandError::invalid)?;
        if let Some(Value::String(name)) = data.remove("name") {
            check_name("name", &name)?;
            person.name = name;
        }
        if let Some(user_id) = data.remove("user_id") {
            person.user_id = serde_json::from_value(user_id)
                .map_err(|_| wrong("User does not exist", "user_id"))?;
            let taken = person.user_id.and_then(|user_id| self.of_user(user_id));
            if taken.is_some_and(|other| other.id != person.id) {
                return Err(CommandError::invalid("User already taken"));
            }
        }
        if let Some(Value::Array(trackers)) = data.remove("device_trackers") {
            person.device_trackers = self.trackers(&trackers)?;
        }
        match data.remove("picture") {
            None => {}
            Some(Value::Null) => person.picture = None,
            Some(Value::String(picture)) => person.picture = Some(picture),
            Some(_) => return Err(wrong("expected str", "picture")),
        }
        Ok(person)
    }

    fn trackers(&self, given: &[Value]) -> Result<Vec<EntityId>, CommandError> {
        let mut trackers: Vec<EntityId> = Vec::new();
        for text in given.iter().filter_map(Value::as_str) {
            let Ok(tracker) = text.parse::<EntityId>() else {
                let expected = format!("Entity ID {text} is an invalid entity ID");
                return Err(wrong(&expected, "device_trackers"));
            };
            if tracker.domain() != "device_tracker" {
                let expected =
                    format!("Entity ID '{text}' does not belong to domain 'device_tracker'");
                return Err(wrong(&expected, "device_trackers"));
            }
            if !trackers.contains(&tracker) {
                trackers.push(tracker);
            }
        }
        let limit = self.host.hub().settings.hub.person_trackers;
        if trackers.len() > limit {
            let expected = format!("length of value must be at most {limit}");
            return Err(wrong(&expected, "device_trackers"));
        }
        Ok(trackers)
    }

    /// Links a device's tracker to the person of its user, where there is one.
    async fn link(&mut self, link: Link, context: Context) -> Result<Value, CommandError> {
        self.meet_the_owner().await;
        let Some(person) = self.of_user(link.user_id) else {
            return Ok(Value::Null);
        };
        if person.device_trackers.contains(&link.entity_id) {
            return Ok(Value::Null);
        }
        if person.device_trackers.len() >= self.host.hub().settings.hub.person_trackers {
            tracing::debug!(
                person = person.id,
                "a person has as many trackers as hub.person_trackers allows; one more is not followed"
            );
            return Ok(Value::Null);
        }
        let mut person = StoredPerson::clone(&person);
        person.device_trackers.push(link.entity_id);
        self.keep(person, context).await?;
        Ok(Value::Null)
    }
}

fn wrong(expected: &str, key: &str) -> CommandError {
    CommandError::invalid(format!("{expected} for dictionary value @ data['{key}']"))
}
