//! Zones: places on the map that people are in or not (spec state-machine §5).
//!
//! This crate owns `zone.*`: the home zone from the settings and the zones that people create. It
//! publishes them as [`hearth_core::location::Zones`], from which every tracker derives its state,
//! and counts who is where. It knows persons by their states only and trackers not at all.
//!
//! Start reading at [`factory`], then `place.rs`, which is one zone.

mod commands;
mod occupancy;
mod place;

use std::collections::BTreeMap;

use futures_util::future::LocalBoxFuture;
use hearth_core::location::{HOME_ZONE, Zone};
use hearth_core::prelude::*;
use hearth_core::records::Records;

use occupancy::Occupancy;
use place::{Place, StoredZone};

/// Makes the zone integration.
pub fn factory() -> Factory {
    Factory::new(Manifest::new("zone", "Zone"), |_| {
        Box::<ZoneIntegration>::default()
    })
}

/// Tells that an entity has another name or id.
const RENAMED: &str = "entity_registry_updated";

#[derive(Default)]
struct ZoneIntegration(Option<Zones>);

/// What the integration holds while it runs.
struct Zones {
    host: Host,
    records: Records<StoredZone>,
    places: BTreeMap<EntityId, Place>,
    /// Which entity shows which record.
    by_record: BTreeMap<String, EntityId>,
    occupancy: Occupancy,
}

impl Integration for ZoneIntegration {
    fn start(&mut self, host: Host) -> LocalBoxFuture<'_, Result<(), StartError>> {
        Box::pin(async move {
            self.0 = Some(Zones::open(host).await?);
            Ok(())
        })
    }

    fn on_event(&mut self, _: SubscriptionId, event: Arc<Event>) -> LocalBoxFuture<'_, ()> {
        Box::pin(async move {
            let Some(zones) = &mut self.0 else { return };
            match &event.data {
                EventData::StateChanged { entity_id, new, .. } => {
                    let place = new.as_ref().map(|state| &*state.state);
                    zones.person_is(entity_id.clone(), place).await;
                }
                EventData::Json(data) if event.event_type.as_str() == RENAMED => {
                    zones.registry_changed(data).await;
                }
                EventData::Json(_) => zones.home_changed(event.context).await,
                EventData::StateReported { .. } => {}
            }
        })
    }

    fn on_lagged(&mut self, _: SubscriptionId, _: u64) -> LocalBoxFuture<'_, ()> {
        Box::pin(async move {
            if let Some(zones) = &mut self.0 {
                zones.count_anew().await;
            }
        })
    }

    fn command(&mut self, command: Command) -> LocalBoxFuture<'_, Result<Value, CommandError>> {
        Box::pin(async move {
            match &mut self.0 {
                Some(zones) => zones.carry_out(command).await,
                None => Err(CommandError::unknown()),
            }
        })
    }

    /// `zone.reload`: reads again who is where.
    fn call_service(
        &mut self,
        _: ServiceCall,
    ) -> LocalBoxFuture<'_, Result<Option<Value>, ServiceError>> {
        Box::pin(async move {
            if let Some(zones) = &mut self.0 {
                zones.count_anew().await;
            }
            Ok(None)
        })
    }
}

impl Zones {
    async fn open(host: Host) -> Result<Self, StartError> {
        let hub = host.hub().clone();
        let limit = hub.settings.hub.collection_limit;
        let records =
            Records::load(&hub.store, "zone.zones", "zone", limit).map_err(StartError::new)?;
        let mut zones = Self {
            records,
            places: BTreeMap::new(),
            by_record: BTreeMap::new(),
            occupancy: Occupancy::default(),
            host,
        };
        // First, so that no zone named `home` takes its entity id.
        let home = EntityId::from_parts("zone", "home");
        zones.host.provide(home.clone()).await;
        zones.places.insert(home, Place::home(&hub.home.current()));
        zones.occupancy.read(&hub);
        let context = Context::new(zones.host.env());
        zones.show(|_| true, context).await;
        let stored: Vec<_> = zones
            .records
            .iter()
            .map(|(_, zone)| Arc::clone(zone))
            .collect();
        for zone in stored {
            zones
                .announce(&zone, context)
                .await
                .map_err(StartError::new)?;
        }
        zones.publish();
        let host = &zones.host;
        let persons = Filter::of_types(["state_changed"])
            .of_entities(Entities::Domains(vec!["person".into()]));
        host.subscribe(persons).await;
        host.subscribe(Filter::of_types(["core_config_updated", RENAMED]))
            .await;
        // Whoever moved between the first look and the subscription.
        zones.count_anew().await;
        commands::register(&zones.host);
        zones
            .host
            .register_admin_service("reload", "Counts anew who is where.", Schema::Anything)
            .await;
        Ok(zones)
    }

    /// Gives a stored zone its entity and shows it.
    async fn announce(&mut self, zone: &StoredZone, context: Context) -> Result<(), CommandError> {
        let description = EntityDescription {
            domain: "zone",
            unique_id: &zone.id,
            suggested_object_id: &zone.name,
            name: &zone.name,
            icon: zone.icon.as_deref(),
            ..EntityDescription::default()
        };
        let entity_id = self.host.announce(description).await.map_err(failed)?;
        self.by_record.insert(zone.id.clone(), entity_id.clone());
        let place = self.named(&entity_id, zone.place());
        self.places.insert(entity_id.clone(), place);
        self.show(|id| *id == entity_id, context).await;
        Ok(())
    }

    /// A place under the name that a person gave its entity.
    fn named(&self, entity_id: &EntityId, place: Place) -> Place {
        let now = self.host.entity_id_now(entity_id);
        let entry = self.host.hub().registries.entities.get(now.as_str());
        let name = entry.and_then(|entry| entry.settings().name.clone());
        Place {
            name: name.unwrap_or(place.name),
            ..place
        }
    }

    /// A person renamed a zone, or gave it another id.
    async fn registry_changed(&mut self, data: &Value) {
        let is_zone = data["entity_id"]
            .as_str()
            .is_some_and(|id| id.starts_with("zone."));
        if !is_zone || data["action"] != "update" {
            return;
        }
        for (id, entity_id) in &self.by_record {
            if let Some(zone) = self.records.get(id) {
                let place = self.named(entity_id, zone.place());
                self.places.insert(entity_id.clone(), place);
            }
        }
        self.publish();
        self.count_anew().await;
    }

    /// What trackers see.
    fn publish(&self) {
        let zones = self.places.iter().map(|(entity_id, place)| Zone {
            entity_id: self.host.entity_id_now(entity_id),
            name: place.name.as_str().into(),
            latitude: place.latitude,
            longitude: place.longitude,
            radius: place.radius,
            passive: place.passive,
        });
        self.host.hub().zones.publish(zones.collect());
    }

    /// Writes the states of some zones.
    async fn show(&self, which: impl Fn(&EntityId) -> bool, context: Context) {
        for (entity_id, place) in self.places.iter().filter(|(id, _)| which(id)) {
            let persons = self.occupancy.persons_in(entity_id, &place.name);
            let state = persons.len().to_string();
            let written = self
                .host
                .set_state(entity_id, &state, place.attributes(persons), context)
                .await;
            if let Err(error) = written {
                tracing::error!(zone = %entity_id, %error, "cannot show a zone");
            }
        }
    }

    /// Notes where a person is; zones that they entered or left change.
    async fn person_is(&mut self, person: EntityId, place: Option<&str>) {
        let changed = self.occupancy.person_is(person, place);
        if changed.is_empty() {
            return;
        }
        let context = Context::new(self.host.env());
        self.show(
            |zone| self.occupancy.concerns(zone, &self.places, &changed),
            context,
        )
        .await;
    }

    async fn count_anew(&mut self) {
        self.occupancy.read(self.host.hub());
        let context = Context::new(self.host.env());
        self.show(|_| true, context).await;
    }

    /// The home was moved, or called otherwise (`core_config_updated`).
    async fn home_changed(&mut self, cause: Context) {
        let home = EntityId::from_parts("zone", "home");
        let place = Place::home(&self.host.hub().home.current());
        if self.places.insert(home, place.clone()) == Some(place) {
            return;
        }
        self.publish();
        let context = Context::caused_by(self.host.env(), &cause);
        self.show(|zone| zone.as_str() == HOME_ZONE, context).await;
    }
}

fn failed(error: impl std::fmt::Display) -> CommandError {
    CommandError::failed(error.to_string())
}
