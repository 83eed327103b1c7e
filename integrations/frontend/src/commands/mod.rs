//! Every command of this integration: one file a group, one table.
//!
//! To add a command, write a function in the file of its group and list it in [`TABLE`].

pub(crate) mod dashboards;
pub(crate) mod page;
pub(crate) mod panels;
pub(crate) mod resources;
pub(crate) mod user_data;

use futures_util::future::LocalBoxFuture;
use hearth_core::fields::Fields;
use hearth_core::prelude::*;

use crate::Frontend;

/// What a command is called with.
pub(crate) struct Call {
    pub(crate) fields: Fields,
    pub(crate) caller: Caller,
    /// There where the table says that events follow.
    pub(crate) subscriber: Option<Subscriber>,
}

type Answer<'a> = LocalBoxFuture<'a, Result<Value, CommandError>>;

/// A line of the table.
struct Entry {
    name: &'static str,
    access: Access,
    /// Whether events follow the answer.
    is_subscription: bool,
    run: for<'a> fn(&'a mut Frontend, Call) -> Answer<'a>,
}

macro_rules! table {
    ($($access:ident $kind:ident $name:literal => $run:path,)*) => {
        static TABLE: &[Entry] = &[$(Entry {
            name: $name,
            access: Access::$access,
            is_subscription: table!(@ $kind),
            run: |frontend, call| Box::pin($run(frontend, call)),
        },)*];
    };
    (@ call) => { false };
    (@ subscription) => { true };
}

table! {
    AnyUser call "get_panels" => panels::get,
    AnyUser call "frontend/get_themes" => page::themes,
    AnyUser call "frontend/get_translations" => page::translations,
    AnyUser call "frontend/get_icons" => page::icons,
    AnyUser call "frontend/get_version" => page::version,
    AnyUser subscription "frontend/subscribe_extra_js" => page::subscribe_extra_js,
    AnyUser call "sensor/numeric_device_classes" => page::numeric_device_classes,
    AnyUser call "frontend/get_user_data" => user_data::get,
    AnyUser call "frontend/set_user_data" => user_data::set,
    AnyUser call "lovelace/info" => dashboards::info,
    AnyUser call "lovelace/config" => dashboards::config,
    Admin call "lovelace/config/save" => dashboards::save,
    Admin call "lovelace/config/delete" => dashboards::delete_config,
    AnyUser call "lovelace/dashboards/list" => dashboards::list,
    Admin call "lovelace/dashboards/create" => dashboards::create,
    Admin call "lovelace/dashboards/update" => dashboards::update,
    Admin call "lovelace/dashboards/delete" => dashboards::delete,
    AnyUser call "lovelace/resources" => resources::list,
    Admin call "lovelace/resources/create" => resources::create,
    Admin call "lovelace/resources/update" => resources::update,
    Admin call "lovelace/resources/delete" => resources::delete,
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
pub(crate) async fn run(frontend: &mut Frontend, command: Command) -> Result<Value, CommandError> {
    let Some(entry) = TABLE.iter().find(|entry| *entry.name == *command.name) else {
        return Err(CommandError::unknown());
    };
    let call = Call {
        fields: Fields::new(command.data),
        caller: command.caller,
        subscriber: command.subscriber,
    };
    (entry.run)(frontend, call).await
}
