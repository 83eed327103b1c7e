//! `hearth registrations`.

use std::error::Error;

use serde_json::json;

use super::call;
use super::table::{self, text, yes};
use crate::arguments::RegistrationsCommand;
use crate::integrations::for_registrations;
use crate::printable::printable;

pub(super) fn carry_out(command: RegistrationsCommand) -> Result<(), Box<dyn Error>> {
    match command {
        RegistrationsCommand::List {
            data,
            json: as_json,
        } => {
            let devices = call(
                &data,
                "mobile_app/registrations/list",
                json!({}),
                for_registrations,
            )?;
            if as_json {
                println!("{}", serde_json::to_string_pretty(&devices)?);
                return Ok(());
            }
            let rows: Vec<_> = devices
                .as_array()
                .into_iter()
                .flatten()
                .map(|device| {
                    [
                        text(device, "entry_id"),
                        text(device, "device_name"),
                        text(device, "app_name"),
                        yes(device, "supports_encryption"),
                        text(device, "webhook_id"),
                    ]
                })
                .collect();
            table::print(["ENTRY", "NAME", "APP", "ENCRYPTED", "WEBHOOK"], &rows)?;
        }
        RegistrationsCommand::Remove { data, device } => {
            let removed = call(
                &data,
                "mobile_app/registrations/remove",
                named(&device),
                for_registrations,
            )?;
            let name = removed["device_name"].as_str().unwrap_or(&device);
            println!("removed {}", printable(name));
        }
    }
    Ok(())
}

/// What the device was named by: a ULID is an entry id, hex the beginning of a webhook id, and
/// anything else a name.
fn named(device: &str) -> serde_json::Value {
    let is_hex = device.len() >= 8 && device.bytes().all(|byte| byte.is_ascii_hexdigit());
    if device.parse::<hearth_core::ids::ConfigEntryId>().is_ok() {
        json!({"entry_id": device})
    } else if is_hex {
        json!({"webhook_id": device})
    } else {
        json!({"device_name": device})
    }
}
