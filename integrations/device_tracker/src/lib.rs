//! Trackers of things that something else sees: routers, bluetooth beacons, scripts
//! (spec state-machine §5).
//!
//! This crate owns the service `device_tracker.see` and the entities that it makes. Apps provide
//! trackers of their own; this crate must not know them.
//!
//! Start reading at [`factory`]; `sighting.rs` is one call of the service, `device.rs` one tracker.

mod device;
mod sighting;

use std::collections::BTreeMap;
use std::rc::Rc;

use futures_util::future::LocalBoxFuture;
use hearth_core::integration::TimerId;
use hearth_core::location::NOT_HOME;
use hearth_core::prelude::*;
use hearth_core::records::Records;
use hearth_core::state::{StateWrite, UNKNOWN};

use device::Device;
use sighting::Sighting;

/// Makes the device tracker integration.
pub fn factory() -> Factory {
    Factory::new(Manifest::new("device_tracker", "Device tracker"), |_| {
        Box::<DeviceTracker>::default()
    })
}

#[derive(Default)]
struct DeviceTracker(Option<Trackers>);

/// What the integration holds while it runs.
struct Trackers {
    host: Host,
    records: Records<Device>,
    /// By device id.
    entities: BTreeMap<String, EntityId>,
    /// Which device leaves when its timer ends.
    leaving: BTreeMap<String, TimerId>,
}

impl Integration for DeviceTracker {
    fn start(&mut self, host: Host) -> LocalBoxFuture<'_, Result<(), StartError>> {
        Box::pin(async move {
            self.0 = Some(Trackers::open(host).await?);
            Ok(())
        })
    }

    fn call_service(
        &mut self,
        call: ServiceCall,
    ) -> LocalBoxFuture<'_, Result<Option<Value>, ServiceError>> {
        Box::pin(async move {
            let trackers = self.0.as_mut().ok_or(ServiceError::Unknown)?;
            trackers.see(Sighting::parse(call.data)?).await?;
            Ok(None)
        })
    }

    fn on_timer(&mut self, _: TimerId, dev_id: Rc<str>) -> LocalBoxFuture<'_, ()> {
        Box::pin(async move {
            if let Some(trackers) = &mut self.0 {
                trackers.leave(&dev_id).await;
            }
        })
    }
}

impl Trackers {
    async fn open(host: Host) -> Result<Self, StartError> {
        let hub = host.hub().clone();
        let limit = hub.settings.hub.collection_limit;
        let mut trackers = Self {
            records: Records::load(&hub.store, "device_tracker.devices", "device", limit)
                .map_err(StartError::new)?,
            entities: BTreeMap::new(),
            leaving: BTreeMap::new(),
            host,
        };
        let stored: Vec<_> = trackers
            .records
            .iter()
            .map(|(_, device)| Arc::clone(device))
            .collect();
        for device in stored {
            let entity_id = trackers.announce(&device).await.map_err(StartError::new)?;
            let (state, attributes) = match hub.take_restored(entity_id.as_str()) {
                Some(restored) => (
                    restored.state,
                    Attributes::from_json_object(&restored.attributes).unwrap_or_default(),
                ),
                None => (UNKNOWN.to_owned(), device.attributes(&Sighting::default())),
            };
            // What nobody reports any more leaves as it would have without the restart.
            if attributes.get("latitude").is_none() && state == hearth_core::location::HOME {
                trackers.leave_later(&device.id, sighting::CONSIDER_HOME);
            }
            trackers.write(&entity_id, state.into(), attributes).await;
        }
        trackers
            .host
            .register_service(
                "see",
                "Tells of a device that was seen.",
                sighting::schema(),
                Response::None,
            )
            .await;
        Ok(trackers)
    }

    async fn see(&mut self, sighting: Sighting) -> Result<(), ServiceError> {
        let device = self.device(&sighting).await?;
        let entity_id = match self.entities.get(&device.id) {
            Some(entity_id) => entity_id.clone(),
            None => self.announce(&device).await.map_err(failed)?,
        };
        let state = sighting.state(&self.host.hub().zones);
        self.write(&entity_id, state, device.attributes(&sighting))
            .await;
        if let Some(timer) = self.leaving.remove(&device.id) {
            self.host.cancel(timer);
        }
        if sighting.is_presence_only() {
            self.leave_later(&device.id, sighting.consider_home);
        }
        Ok(())
    }

    /// The device that was seen, known or new; what it is called is kept.
    async fn device(&mut self, sighting: &Sighting) -> Result<Arc<Device>, ServiceError> {
        let mac = sighting.mac.as_deref();
        let by_mac = |device: &&Arc<Device>| mac.is_some() && device.mac.as_deref() == mac;
        let known = match &sighting.dev_id {
            Some(dev_id) => self.records.get(dev_id),
            None => self.records.iter().map(|(_, device)| device).find(by_mac),
        };
        let known = known.cloned();
        let id = match (&known, &sighting.dev_id) {
            (Some(known), _) => known.id.clone(),
            (None, Some(dev_id)) => dev_id.clone(),
            (None, None) => {
                let name = sighting.host_name.as_deref().or(mac);
                self.records.free_id(name.unwrap_or("device"))
            }
        };
        let before = known.as_deref();
        let host_name = before.and_then(|device| device.host_name.clone());
        let device = Device {
            id: id.clone(),
            mac: sighting.mac.clone().or_else(|| before?.mac.clone()),
            host_name: sighting.host_name.clone().or(host_name),
        };
        match known {
            Some(known) if *known == device => Ok(known),
            _ => self.records.put(&id, device).await.map_err(failed),
        }
    }

    async fn announce(&mut self, device: &Device) -> Result<EntityId, ServiceError> {
        let description = EntityDescription {
            domain: "device_tracker",
            unique_id: &device.id,
            suggested_object_id: &device.id,
            name: device.name(),
            ..EntityDescription::default()
        };
        let entity_id = self.host.announce(description).await.map_err(failed)?;
        self.entities.insert(device.id.clone(), entity_id.clone());
        Ok(entity_id)
    }

    /// A report counts even where nothing differs: a person with two phones is where the one is
    /// that reported last.
    async fn write(&self, entity_id: &EntityId, state: Arc<str>, attributes: Attributes) {
        let write = StateWrite {
            state,
            attributes,
            force: true,
            context: Context::new(self.host.env()),
        };
        if let Err(error) = self.host.write_state(entity_id, write).await {
            tracing::error!(tracker = %entity_id, %error, "cannot show a tracker");
        }
    }

    fn leave_later(&mut self, dev_id: &str, after: std::time::Duration) {
        let timer = self.host.after(after, dev_id);
        self.leaving.insert(dev_id.to_owned(), timer);
    }

    /// Nobody has seen the device for a while.
    async fn leave(&mut self, dev_id: &str) {
        self.leaving.remove(dev_id);
        let Some(entity_id) = self.entities.get(dev_id) else {
            return;
        };
        let now = self.host.entity_id_now(entity_id);
        if let Some(state) = self.host.hub().states.get(now.as_str()) {
            self.write(entity_id, NOT_HOME.into(), state.attributes.clone())
                .await;
        }
    }
}

fn failed(error: impl std::fmt::Display) -> ServiceError {
    ServiceError::Failed(error.to_string())
}
