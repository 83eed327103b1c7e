//! One tracker: what is kept of it and what it shows.

use hearth_core::prelude::*;
use serde::{Deserialize, Serialize};

use crate::sighting::Sighting;

/// A device as stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Device {
    pub(crate) id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) mac: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) host_name: Option<String>,
}

/// Attributes that `attributes` of a call may not replace: persons and zones rely on them.
const OWN: [&str; 8] = [
    "source_type",
    "latitude",
    "longitude",
    "gps_accuracy",
    "battery",
    "mac",
    "host_name",
    "friendly_name",
];

impl Device {
    pub(crate) fn name(&self) -> &str {
        self.host_name.as_deref().unwrap_or(&self.id)
    }

    /// The attributes of its state after this sighting; nothing of an earlier one stays.
    pub(crate) fn attributes(&self, sighting: &Sighting) -> Attributes {
        Attributes::build(|a| {
            a.text("source_type", sighting.source_type());
            if let Some((latitude, longitude)) = sighting.gps {
                a.value("latitude", latitude);
                a.value("longitude", longitude);
                a.value("gps_accuracy", sighting.gps_accuracy);
            }
            a.value_if("battery", sighting.battery);
            a.text_if("mac", self.mac.as_deref());
            a.text_if("host_name", self.host_name.as_deref());
            for (name, value) in &sighting.attributes {
                if !OWN.contains(&name.as_str()) {
                    a.value(name, value.clone());
                }
            }
            a.text("friendly_name", self.name());
        })
    }
}
