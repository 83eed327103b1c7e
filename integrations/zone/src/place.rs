//! One zone: what is kept of it and what it shows.

use hearth_core::home::HomeConfig;
use hearth_core::json::number;
use hearth_core::prelude::*;
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

/// A zone as it is shown.
#[derive(Clone, Debug, PartialEq)]
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
    /// The home's own zone.
    pub(crate) fn home(home: &HomeConfig) -> Self {
        Self {
            name: home.location_name.clone(),
            latitude: home.latitude,
            longitude: home.longitude,
            radius: home.radius,
            passive: false,
            icon: Some("mdi:home".to_owned()),
        }
    }

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
