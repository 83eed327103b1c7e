//! The commands of spec mobile-app §5, one file each: a struct that is parsed from the data of a
//! message and then applied to the phone. This is only their table.

mod call_service;
mod conversation_process;
mod enable_encryption;
mod fire_event;
mod get_config;
mod get_zones;
mod register_sensor;
mod render_template;
mod scan_tag;
mod stream_camera;
mod update_location;
mod update_registration;
mod update_sensor_states;

use crate::answer::Answer;
use crate::phone::Phone;
use crate::registration::Done;

/// One command.
pub(crate) trait Command<'a>: Sized {
    /// Reads its data, JSON. `None` where it is not valid: nothing is done then.
    fn parse(data: &'a str) -> Option<Self>;

    /// Carries it out; what it answers says for itself whether it is sealed.
    fn apply(self, phone: &mut Phone) -> Done;
}

/// Parses and applies one command.
pub(crate) type Run = fn(&str, &mut Phone) -> Done;

macro_rules! table {
    ($($name:literal => $file:ident::$command:ident,)*) => {
        /// The command of this `type`; `None` for an unknown one.
        pub(crate) fn find(kind: &str) -> Option<Run> {
            match kind {
                $($name => Some(|data, phone| run($file::$command::parse(data), phone)),)*
                _ => None,
            }
        }
    };
}

table! {
    "call_service" => call_service::CallService,
    "conversation_process" => conversation_process::ConversationProcess,
    "enable_encryption" => enable_encryption::EnableEncryption,
    "fire_event" => fire_event::FireEvent,
    "get_config" => get_config::GetConfig,
    "get_zones" => get_zones::GetZones,
    "register_sensor" => register_sensor::RegisterSensor,
    "render_template" => render_template::RenderTemplate,
    "scan_tag" => scan_tag::ScanTag,
    "stream_camera" => stream_camera::StreamCamera,
    "update_location" => update_location::UpdateLocation,
    "update_registration" => update_registration::UpdateRegistration,
    "update_sensor_states" => update_sensor_states::UpdateSensorStates,
}

fn run<'a>(parsed: Option<impl Command<'a>>, phone: &mut Phone) -> Done {
    match parsed {
        Some(command) => command.apply(phone),
        None => Done::Now(Answer::NOTHING),
    }
}

/// For commands that do not look at their data: it need only be JSON.
fn is_json(data: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(data).is_ok()
}
