//! The list of built-in integrations, in the order of their start.

use hearth_core::integration::Factory;
use hearth_core::settings::Settings;

/// What a hub with these settings starts.
pub(crate) fn built_in(settings: &Settings) -> Vec<Factory> {
    let mut integrations = vec![
        hearth_homeassistant::factory(),
        hearth_template::factory(),
        hearth_zone::factory(),
        hearth_person::factory(),
        hearth_tag::factory(),
        hearth_device_tracker::factory(),
        hearth_mobile_app::factory(),
    ];
    if settings.demo.enabled {
        integrations.push(hearth_demo::factory());
    }
    integrations
}

/// What the command line needs to change registrations while no hub runs.
pub(crate) fn for_registrations() -> Vec<Factory> {
    vec![hearth_mobile_app::factory()]
}
