//! `hearth registrations`.

use std::error::Error;

use serde_json::json;

use super::call;
use crate::arguments::RegistrationsCommand;
use crate::integrations::for_registrations;

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
            println!(
                "{:<28}{:<26}{:<12}{:<12}WEBHOOK",
                "ENTRY", "NAME", "APP", "ENCRYPTED"
            );
            for device in devices.as_array().into_iter().flatten() {
                let text = |key: &str| device[key].as_str().unwrap_or("-").to_owned();
                println!(
                    "{:<28}{:<26}{:<12}{:<12}{}",
                    text("entry_id"),
                    text("device_name"),
                    text("app_name"),
                    if device["supports_encryption"] == true {
                        "yes"
                    } else {
                        "no"
                    },
                    text("webhook_id"),
                );
            }
        }
        RegistrationsCommand::Remove { data, device } => {
            let removed = call(
                &data,
                "mobile_app/registrations/remove",
                named(&device),
                for_registrations,
            )?;
            println!(
                "removed {}",
                removed["device_name"].as_str().unwrap_or(&device)
            );
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
