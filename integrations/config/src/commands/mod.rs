//! Every command of this integration: one file a group, one table.
//!
//! To add a command, write a function in the file of its group and list it in [`TABLE`].

pub(crate) mod area;
pub(crate) mod category;
pub(crate) mod config_entries;
pub(crate) mod core;
pub(crate) mod device;
pub(crate) mod entity;
pub(crate) mod expose;
pub(crate) mod floor;
pub(crate) mod label;
pub(crate) mod manifest;
pub(crate) mod search;

use futures_util::future::LocalBoxFuture;
use hearth_core::command::ErrorCode;
use hearth_core::fields::{Fields, wrong_value};
use hearth_core::prelude::*;

use crate::Config;

/// Longest name, in characters: as long as a state.
const NAME_MAX: usize = 255;
/// Longest data of a command that makes or changes one thing, in bytes as JSON: what it keeps is
/// in memory, in every list, and partly in every state.
const EDIT_MAX: usize = 64 * 1024;

/// What a command is called with.
pub(crate) struct Call {
    pub(crate) fields: Fields,
    pub(crate) caller: Caller,
    /// There where the table says that events follow.
    pub(crate) subscriber: Option<Subscriber>,
    /// The command itself, without its data.
    command: Command,
}

/// Answers with a list of any length: written, not built. A value of each entry of a large home
/// would take several times the time and ten times the memory.
fn write(command: &Command, list: &impl serde::Serialize) -> Result<Value, CommandError> {
    let json = serde_json::to_string(list).map_err(|_| CommandError::unknown())?;
    command.written(json)
}

type Answer<'a> = LocalBoxFuture<'a, Result<Value, CommandError>>;

/// A line of the table.
struct Entry {
    name: &'static str,
    access: Access,
    /// Whether events follow the answer.
    is_subscription: bool,
    run: for<'a> fn(&'a mut Config, Call) -> Answer<'a>,
}

macro_rules! table {
    ($($access:ident $kind:ident $name:literal => $run:path,)*) => {
        static TABLE: &[Entry] = &[$(Entry {
            name: $name,
            access: Access::$access,
            is_subscription: table!(@ $kind),
            run: |config, call| Box::pin($run(config, call)),
        },)*];
    };
    (@ call) => { false };
    (@ subscription) => { true };
}

table! {
    AnyUser call "config/area_registry/list" => area::list,
    Admin call "config/area_registry/create" => area::create,
    Admin call "config/area_registry/update" => area::update,
    Admin call "config/area_registry/delete" => area::delete,
    AnyUser call "config/floor_registry/list" => floor::list,
    Admin call "config/floor_registry/create" => floor::create,
    Admin call "config/floor_registry/update" => floor::update,
    Admin call "config/floor_registry/delete" => floor::delete,
    AnyUser call "config/label_registry/list" => label::list,
    Admin call "config/label_registry/create" => label::create,
    Admin call "config/label_registry/update" => label::update,
    Admin call "config/label_registry/delete" => label::delete,
    AnyUser call "config/category_registry/list" => category::list,
    Admin call "config/category_registry/create" => category::create,
    Admin call "config/category_registry/update" => category::update,
    Admin call "config/category_registry/delete" => category::delete,
    AnyUser call "config/device_registry/list" => device::list,
    Admin call "config/device_registry/update" => device::update,
    Admin call "config/device_registry/remove_config_entry" => device::remove_config_entry,
    AnyUser call "config/entity_registry/list" => entity::list,
    AnyUser call "config/entity_registry/list_for_display" => entity::list_for_display,
    AnyUser call "config/entity_registry/get" => entity::get,
    AnyUser call "config/entity_registry/get_entries" => entity::get_entries,
    Admin call "config/entity_registry/update" => entity::update,
    Admin call "config/entity_registry/remove" => entity::remove,
    AnyUser call "entity/source" => entity::source,
    AnyUser call "config_entries/get" => config_entries::get,
    Admin call "config_entries/get_single" => config_entries::get_single,
    AnyUser subscription "config_entries/subscribe" => config_entries::subscribe,
    Admin call "config_entries/update" => config_entries::update,
    Admin call "config_entries/disable" => config_entries::disable,
    Admin call "config_entries/ignore_flow" => config_entries::ignore_flow,
    Admin call "config_entries/flow/progress" => config_entries::flows,
    AnyUser call "manifest/list" => manifest::list,
    AnyUser call "manifest/get" => manifest::get,
    AnyUser call "integration/setup_info" => manifest::setup_info,
    Admin call "integration/descriptions" => manifest::descriptions,
    AnyUser subscription "subscribe_bootstrap_integrations" => manifest::starting,
    Admin call "config/core/update" => core::update,
    Admin call "config/core/detect" => core::detect,
    Admin call "network/url" => core::urls,
    AnyUser call "repairs/list_issues" => core::issues,
    Admin call "homeassistant/expose_entity" => expose::expose,
    Admin call "homeassistant/expose_entity/list" => expose::list,
    Admin call "homeassistant/expose_new_entities/get" => expose::get_new,
    Admin call "homeassistant/expose_new_entities/set" => expose::set_new,
    AnyUser call "search/related" => search::related,
}

/// Registers every command.
pub(crate) fn register(host: &Host) {
    for entry in TABLE {
        if entry.is_subscription {
            host.register_subscription(entry.name, entry.access);
        } else {
            host.register_command(entry.name, entry.access);
        }
    }
}

/// Carries a command out.
pub(crate) async fn run(config: &mut Config, mut command: Command) -> Result<Value, CommandError> {
    let Some(entry) = TABLE.iter().find(|entry| *entry.name == *command.name) else {
        return Err(CommandError::unknown());
    };
    let fields = Fields::new(std::mem::take(&mut command.data));
    if entry.name.ends_with("/create") || entry.name.ends_with("/update") {
        fields.check_length(EDIT_MAX)?;
    }
    let call = Call {
        fields,
        caller: command.caller,
        subscriber: command.subscriber.take(),
        command,
    };
    (entry.run)(config, call).await
}

/// `invalid_info`: what was asked for cannot be.
fn invalid_info(message: impl std::fmt::Display) -> CommandError {
    CommandError::new(ErrorCode::new("invalid_info"), message.to_string())
}

/// Refuses what is no name for a person to read.
fn check_name(name: &str) -> Result<(), CommandError> {
    if name.trim().is_empty() {
        return Err(invalid_info("The name must not be empty"));
    }
    if name.chars().count() > NAME_MAX {
        let message = format!("The name must have at most {NAME_MAX} characters");
        return Err(invalid_info(message));
    }
    Ok(())
}

/// Who did it: a person, or nobody any more.
fn by_user<T>(fields: &mut Fields, key: &str, user: T) -> Result<Option<Option<T>>, CommandError> {
    match fields.take(key) {
        None => Ok(None),
        Some(Value::Null) => Ok(Some(None)),
        Some(Value::String(by)) if by == "user" => Ok(Some(Some(user))),
        Some(other) => Err(wrong_value(
            "value must be one of ['user', None]",
            key,
            &other,
        )),
    }
}
