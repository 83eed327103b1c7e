//! One zone: what is kept of it and what it shows.

use hearth_core::json::number;
use hearth_core::prelude::*;
use hearth_core::settings::HubSettings;
use serde::{Deserialize, Serialize};

/// A zone that a person created, as stored and as `zone/list` shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoredZone {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) latitude: f64,
    pub(crate) longitude: f64,
    /// Metres.
    pub(crate) radius: f64,
    pub(crate) passive: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) icon: Option<String>,
}

impl StoredZone {
    pub(crate) fn place(&self) -> Place {
        Place {
            name: self.name.clone(),
            latitude: self.latitude,
            longitude: self.longitude,
            radius: self.radius,
            passive: self.passive,
            icon: self.icon.clone(),
        }
    }
}

/// Where the home is. Kept once it was moved away from the settings, for as long as the settings
/// stay as they were then: who edits the settings later means it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Home {
    configured: (f64, f64),
    latitude: f64,
    longitude: f64,
}

impl Home {
    pub(crate) fn new(settings: &HubSettings, moved: Option<Self>) -> Self {
        let configured = (settings.latitude, settings.longitude);
        moved
            .filter(|home| home.configured == configured)
            .unwrap_or(Self {
                configured,
                latitude: settings.latitude,
                longitude: settings.longitude,
            })
    }

    /// Takes `latitude` and `longitude` where given; whether that changed anything.
    pub(crate) fn change(&mut self, changed: &Value) -> bool {
        let before = self.clone();
        if let Some(latitude) = changed["latitude"].as_f64() {
            self.latitude = latitude;
        }
        if let Some(longitude) = changed["longitude"].as_f64() {
            self.longitude = longitude;
        }
        *self != before
    }

    pub(crate) fn place(&self, settings: &HubSettings) -> Place {
        Place {
            name: settings.name.clone(),
            latitude: self.latitude,
            longitude: self.longitude,
            radius: settings.radius,
            passive: false,
            icon: Some("mdi:home".to_owned()),
        }
    }
}

/// A zone as it is shown.
pub(crate) struct Place {
    pub(crate) name: String,
    pub(crate) latitude: f64,
    pub(crate) longitude: f64,
    /// Metres.
    pub(crate) radius: f64,
    pub(crate) passive: bool,
    pub(crate) icon: Option<String>,
}

impl Place {
    /// The attributes of its state, with these persons in it.
    pub(crate) fn attributes(&self, persons: Vec<&str>) -> Attributes {
        Attributes::build(|a| {
            a.value("latitude", self.latitude);
            a.value("longitude", self.longitude);
            a.value("radius", number(self.radius));
            a.value("passive", self.passive);
            a.value("persons", persons);
            a.value("editable", true);
            a.text_if("icon", self.icon.as_deref());
            a.text("friendly_name", &self.name);
        })
    }
}
