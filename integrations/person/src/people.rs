//! All persons: their entities, whom they follow, and when they are shown.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use hearth_core::hub::Phase;
use hearth_core::ids::UserId;
use hearth_core::prelude::*;
use hearth_core::records::Records;
use hearth_core::state::{State, UNKNOWN};
use hearth_core::store::Collection;
use serde_json::json;

use crate::commands;
use crate::place::{Trackers, Whereabouts};
use crate::stored::StoredPerson;

/// All persons.
pub(crate) struct People {
    pub(crate) host: Host,
    pub(crate) records: Records<StoredPerson>,
    /// Holds a note once the owner was given a person.
    owner_note: Collection<bool>,
    owner_met: bool,
    /// By the id of the record.
    shown: BTreeMap<String, Shown>,
    /// Whom we listen to now.
    followed: HashSet<EntityId>,
    subscription: Option<SubscriptionId>,
    /// Until all integrations have started, people are where they were: their trackers appear
    /// one by one, and nobody leaves home because of that.
    has_begun: bool,
}

/// A person's entity.
struct Shown {
    entity_id: EntityId,
    trackers: Trackers,
    whereabouts: Whereabouts,
    /// By the steady clock.
    written_at: Duration,
    /// A timer will write what was held back.
    is_late: bool,
}

const OWNER_NOTE: &str = "created";
/// The longest a position is held back, for each of a person's trackers.
const PAUSE_PER_TRACKER: Duration = Duration::from_micros(125);
/// A person with fewer trackers is shown at every report.
const FEW_TRACKERS: usize = 8;

impl People {
    pub(crate) async fn open(host: Host) -> Result<Self, StartError> {
        let hub = host.hub();
        let limit = hub.settings.hub.collection_limit;
        let records = Records::load(&hub.store, "person.persons", "person", limit)
            .map_err(StartError::new)?;
        let owner_note = hub.store.collection::<bool>("person.owner");
        let owner_met = owner_note
            .get_valid(OWNER_NOTE)
            .map_err(StartError::new)?
            .is_some();
        let mut people = Self {
            owner_note,
            owner_met,
            records,
            shown: BTreeMap::new(),
            followed: HashSet::new(),
            subscription: None,
            has_begun: false,
            host,
        };
        let stored: Vec<_> = people
            .records
            .iter()
            .map(|(_, person)| Arc::clone(person))
            .collect();
        for person in stored {
            people.announce(&person).await.map_err(StartError::new)?;
            people
                .write(&person.id, Context::new(people.host.env()))
                .await;
        }
        let types = [
            "homeassistant_start",
            "user_added",
            "user_removed",
            "entity_registry_updated",
        ];
        people.host.subscribe(Filter::of_types(types)).await;
        commands::register(&people.host);
        people.meet_the_owner().await;
        if people.host.hub().phase() == Phase::Running {
            people.begin().await;
        }
        Ok(people)
    }

    /// All integrations have started: from now on trackers decide.
    pub(crate) async fn begin(&mut self) {
        self.has_begun = true;
        self.meet_the_owner().await;
        self.follow().await;
        self.look_again().await;
    }

    /// Gives the owner a person, once.
    pub(crate) async fn meet_the_owner(&mut self) {
        if self.owner_met {
            return;
        }
        let Some((user_id, name)) = self.host.hub().users.owner() else {
            return;
        };
        if self.of_user(user_id).is_none() {
            let name = if name.trim().is_empty() {
                "Owner".to_owned()
            } else {
                name
            };
            let person = StoredPerson {
                id: self.records.free_id(&name),
                name,
                user_id: Some(user_id),
                device_trackers: Vec::new(),
                picture: None,
            };
            if let Err(error) = self.keep(person, Context::new(self.host.env())).await {
                tracing::error!(%error, "cannot give the owner a person");
                return;
            }
        }
        match self.owner_note.put(OWNER_NOTE, &true).await {
            Ok(()) => self.owner_met = true,
            Err(error) => tracing::error!(%error, "cannot note that the owner has a person"),
        }
    }

    /// The person who signs in as this user.
    pub(crate) fn of_user(&self, user_id: UserId) -> Option<Arc<StoredPerson>> {
        let mut persons = self.records.iter().map(|(_, person)| person);
        persons
            .find(|person| person.user_id == Some(user_id))
            .cloned()
    }

    /// Keeps a person, new or changed, and shows them.
    pub(crate) async fn keep(
        &mut self,
        person: StoredPerson,
        context: Context,
    ) -> Result<Arc<StoredPerson>, CommandError> {
        let id = person.id.clone();
        let person = self.records.put(&id, person).await?;
        self.announce(&person).await?;
        self.follow().await;
        self.look(&person);
        self.write(&id, context).await;
        Ok(person)
    }

    pub(crate) async fn forget(&mut self, id: &str, context: Context) -> Result<(), CommandError> {
        self.records.remove(id).await?;
        if let Some(shown) = self.shown.remove(id) {
            self.host
                .retire(&shown.entity_id, context)
                .await
                .map_err(failed)?;
        }
        self.follow().await;
        Ok(())
    }

    /// Gives a person their entity; at a start it shows what it showed before.
    async fn announce(&mut self, person: &StoredPerson) -> Result<(), CommandError> {
        let description = EntityDescription {
            domain: "person",
            unique_id: &person.id,
            suggested_object_id: &person.name,
            name: &person.name,
            ..EntityDescription::default()
        };
        let entity_id = self.host.announce(description).await.map_err(failed)?;
        if !self.shown.contains_key(&person.id) {
            let restored = self.host.hub().take_restored(entity_id.as_str());
            let whereabouts = restored.and_then(|state| {
                let attributes = Attributes::from_json_object(&state.attributes)?;
                Some(Whereabouts::restored(&state.state, &attributes))
            });
            let shown = Shown {
                entity_id,
                trackers: Trackers::default(),
                whereabouts: whereabouts.unwrap_or_default(),
                written_at: Duration::ZERO,
                is_late: false,
            };
            self.shown.insert(person.id.clone(), shown);
        }
        Ok(())
    }

    /// Listens to the linked trackers and no others. The new subscription comes before the end
    /// of the old one, so nothing is missed; what is heard twice changes nothing.
    async fn follow(&mut self) {
        let linked = self
            .records
            .iter()
            .flat_map(|(_, person)| person.device_trackers.clone());
        let linked: HashSet<EntityId> = linked.collect();
        if !self.has_begun || linked == self.followed {
            return;
        }
        let before = self.subscription.take();
        if !linked.is_empty() {
            let filter =
                Filter::of_types(["state_changed"]).of_entities(Entities::Ids(linked.clone()));
            self.subscription = Some(self.host.subscribe(filter).await);
        }
        if let Some(before) = before {
            self.host.unsubscribe(before);
        }
        self.followed = linked;
    }

    /// Asks every tracker anew and shows everyone.
    pub(crate) async fn look_again(&mut self) {
        let persons: Vec<_> = self
            .records
            .iter()
            .map(|(_, person)| Arc::clone(person))
            .collect();
        for person in persons {
            self.look(&person);
            self.write(&person.id, Context::new(self.host.env())).await;
        }
    }

    /// Asks a person's trackers anew.
    fn look(&mut self, person: &StoredPerson) {
        let Some(shown) = self.shown.get_mut(&person.id).filter(|_| self.has_begun) else {
            return;
        };
        shown.trackers.clear();
        for tracker in &person.device_trackers {
            let state = self.host.hub().states.get(tracker.as_str());
            shown.trackers.heard(tracker, state.as_ref());
        }
        shown.decide();
    }

    /// A tracker said something. Its event is out already, so the person's comes after it.
    pub(crate) async fn tracker_is(&mut self, tracker: &EntityId, state: Option<&Arc<State>>) {
        let now = self.host.env().monotonic();
        let mut to_write = Vec::new();
        for (id, person) in self.records.iter() {
            let Some(shown) = self.shown.get_mut(id) else {
                continue;
            };
            if !person.device_trackers.contains(tracker) {
                continue;
            }
            let place = shown.whereabouts.place.clone();
            shown.trackers.heard(tracker, state);
            shown.decide();
            let pause = pause(person.device_trackers.len());
            let passed = now.saturating_sub(shown.written_at);
            if place != shown.whereabouts.place || passed >= pause {
                to_write.push(id.to_owned());
            } else if !shown.is_late {
                shown.is_late = true;
                self.host.after(pause.saturating_sub(passed), id);
            }
        }
        for id in to_write {
            self.write(&id, Context::new(self.host.env())).await;
        }
    }

    /// Shows what was held back.
    pub(crate) async fn show_late(&mut self, id: &str) {
        if let Some(shown) = self.shown.get_mut(id) {
            shown.is_late = false;
            self.write(id, Context::new(self.host.env())).await;
        }
    }

    async fn write(&mut self, id: &str, context: Context) {
        let (Some(person), Some(shown)) = (self.records.get(id), self.shown.get_mut(id)) else {
            return;
        };
        shown.written_at = self.host.env().monotonic();
        let registries = &self.host.hub().registries;
        let entity_id = self.host.entity_id_now(&shown.entity_id);
        let entry = registries.entities.get(entity_id.as_str());
        let name = entry
            .as_ref()
            .and_then(|entry| entry.name())
            .unwrap_or(&person.name);
        let attributes = Attributes::build(|a| {
            a.value("editable", true);
            a.text("id", &person.id);
            a.value("device_trackers", json!(person.device_trackers));
            shown.whereabouts.write(a);
            a.value_if("user_id", person.user_id.map(|id| json!(id)));
            a.text_if("entity_picture", person.picture.as_deref());
            a.text("friendly_name", name);
        });
        let state = shown.whereabouts.place.as_deref().unwrap_or(UNKNOWN);
        let written = self
            .host
            .set_state(&shown.entity_id, state, attributes, context)
            .await;
        if let Err(error) = written {
            tracing::error!(person = %shown.entity_id, %error, "cannot show a person");
        }
    }

    /// The person stays, without a user.
    pub(crate) async fn user_removed(&mut self, data: &Value) {
        let user_id = data["user_id"].as_str().and_then(|id| id.parse().ok());
        let Some(person) = user_id.and_then(|id| self.of_user(id)) else {
            return;
        };
        let person = StoredPerson {
            user_id: None,
            ..StoredPerson::clone(&person)
        };
        self.keep_quietly(person).await;
    }

    /// A tracker that is gone is unlinked; one with a new entity id is followed under that.
    pub(crate) async fn entity_registry_updated(&mut self, data: &Value) {
        let id = |key: &str| {
            data[key]
                .as_str()
                .and_then(|id| id.parse::<EntityId>().ok())
        };
        let (gone, new) = match data["action"].as_str() {
            Some("remove") => (id("entity_id"), None),
            Some("update") => (id("old_entity_id"), id("entity_id")),
            _ => return,
        };
        let Some(gone) = gone.filter(|gone| gone.domain() == "device_tracker") else {
            return;
        };
        let linked = |person: &&Arc<StoredPerson>| person.device_trackers.contains(&gone);
        let persons = self.records.iter().map(|(_, person)| person);
        let persons: Vec<_> = persons.filter(linked).cloned().collect();
        for person in persons {
            let mut person = StoredPerson::clone(&person);
            match &new {
                None => person.device_trackers.retain(|tracker| *tracker != gone),
                Some(new) => person
                    .device_trackers
                    .iter_mut()
                    .filter(|tracker| **tracker == gone)
                    .for_each(|tracker| *tracker = new.clone()),
            }
            self.keep_quietly(person).await;
        }
    }

    /// Keeps a change that nobody waits for.
    async fn keep_quietly(&mut self, person: StoredPerson) {
        if let Err(error) = self.keep(person, Context::new(self.host.env())).await {
            tracing::error!(%error, "cannot keep a person");
        }
    }
}

impl Shown {
    fn decide(&mut self) {
        let decisive = self.trackers.decisive();
        self.whereabouts = decisive
            .map(|state| Whereabouts::from_tracker(state))
            .unwrap_or_default();
    }
}

/// A person's state lists all trackers, so writing it costs with their number: someone with
/// a hundred of them must not cost more than a hundred people with one.
fn pause(trackers: usize) -> Duration {
    if trackers < FEW_TRACKERS {
        return Duration::ZERO;
    }
    PAUSE_PER_TRACKER.saturating_mul(u32::try_from(trackers).unwrap_or(u32::MAX))
}

pub(crate) fn failed(error: impl std::fmt::Display) -> CommandError {
    CommandError::failed(error.to_string())
}
