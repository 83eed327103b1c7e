//! The list of built-in integrations, in the order of their start.

use hearth_core::collection::Misconfigured;
use hearth_core::integration::Factory;
use hearth_core::settings::Settings;
use serde_json::Value;

/// What a hub with these settings starts.
pub(crate) fn built_in(settings: &Settings) -> Vec<Factory> {
    let mut integrations = vec![
        hearth_homeassistant::factory(),
        hearth_template::factory(),
        hearth_automation::factory(),
        hearth_zone::factory(),
        hearth_person::factory(),
        hearth_tag::factory(),
        hearth_device_tracker::factory(),
        hearth_persistent_notification::factory(),
        hearth_input_boolean::factory(),
        hearth_input_button::factory(),
        hearth_input_datetime::factory(),
        hearth_input_number::factory(),
        hearth_input_select::factory(),
        hearth_input_text::factory(),
        hearth_counter::factory(),
        hearth_timer::factory(),
        hearth_group::factory(),
        hearth_scene::factory(),
        hearth_mobile_app::factory(),
        hearth_config::factory(),
        hearth_frontend::factory(),
        hearth_logger::factory(),
        hearth_system_log::factory(),
        hearth_system_health::factory(),
    ];
    if settings.relay_link.url.is_some() {
        integrations.push(hearth_relay_link::factory());
    }
    if settings.demo.enabled {
        integrations.push(hearth_demo::factory());
    }
    integrations
}

/// Checks a section of the configuration file that an integration makes things from.
type SectionCheck = fn(&Value) -> Result<(), Misconfigured>;

/// The sections that integrations make things from, and how each is checked.
pub(crate) const SECTIONS: [(&str, SectionCheck); 10] = [
    ("input_boolean", hearth_input_boolean::check),
    ("input_button", hearth_input_button::check),
    ("input_datetime", hearth_input_datetime::check),
    ("input_number", hearth_input_number::check),
    ("input_select", hearth_input_select::check),
    ("input_text", hearth_input_text::check),
    ("counter", hearth_counter::check),
    ("timer", hearth_timer::check),
    ("group", hearth_group::check),
    ("scene", hearth_scene::check),
];

/// How the section of this name is checked; none where no integration has one.
pub(crate) fn section_check(section: &str) -> Option<SectionCheck> {
    let found = SECTIONS.iter().find(|(name, _)| *name == section);
    found.map(|(_, check)| *check)
}

/// What the command line needs to change registrations while no hub runs.
pub(crate) fn for_registrations() -> Vec<Factory> {
    vec![hearth_mobile_app::factory()]
}
