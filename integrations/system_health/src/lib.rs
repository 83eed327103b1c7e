//! Tells how the hub is (spec websocket-api §7, `system_health/info`).
//!
//! This crate asks the hub and changes nothing.
//!
//! Start reading at [`factory`].

use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use hearth_core::fields::Fields;
use hearth_core::hub::PROTOCOL_VERSION;
use hearth_core::integration::Health;
use hearth_core::prelude::*;

/// Makes the system health.
pub fn factory() -> Factory {
    Factory::new(Manifest::new("system_health", "System health"), |_| {
        Box::<SystemHealth>::default()
    })
}

#[derive(Default)]
struct SystemHealth(Option<Host>);

impl Integration for SystemHealth {
    fn start(&mut self, host: Host) -> LocalBoxFuture<'_, Result<(), StartError>> {
        Box::pin(async move {
            host.register_subscription("system_health/info", Access::AnyUser);
            self.0 = Some(host);
            Ok(())
        })
    }

    fn command(&mut self, command: Command) -> LocalBoxFuture<'_, Result<Value, CommandError>> {
        Box::pin(async move {
            Fields::new(command.data).finish()?;
            let (Some(host), Some(subscriber)) = (&self.0, command.subscriber) else {
                return Err(CommandError::unknown());
            };
            // All is known at once, so nothing is pending and no update follows.
            let mut data = info(host.hub());
            data.extend(of_others(host.hub()).await);
            subscriber.send(&json!({"type": "initial", "data": data}));
            subscriber.send(&json!({"type": "finish"}));
            Ok(Value::Null)
        })
    }
}

/// How long an integration may take to say how it is.
const PATIENCE: Duration = Duration::from_secs(2);

/// What integrations tell of themselves: those that answer a command `<domain>/system_health` with
/// an object.
async fn of_others(hub: &Hub) -> Map<String, Value> {
    let mut told = Map::new();
    for name in hub.commands.names() {
        let Some(domain) = name.strip_suffix("/system_health") else {
            continue;
        };
        let caller = Caller::inside(Context::new(&hub.env));
        let asked = hub.commands.call(&name, Map::new(), caller);
        let info = match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Ok(info)) => json!({"info": info}),
            Ok(Err(error)) => json!({"info": {"error": error.message}}),
            Err(_) => json!({"info": {"error": "no answer"}}),
        };
        told.insert(domain.to_owned(), info);
    }
    told
}

/// What the hub tells of itself, by domain.
fn info(hub: &Hub) -> Map<String, Value> {
    let home = hub.home.current();
    let integrations = hub.integrations.list();
    let failed: Vec<&str> = integrations
        .iter()
        .filter(|status| status.health != Health::Running)
        .map(|status| &*status.manifest.domain)
        .collect();
    let crashes: u32 = integrations.iter().map(|status| status.crashes).sum();
    let info = json!({
        "homeassistant": {"info": {
            "version": PROTOCOL_VERSION,
            "installation_type": "Hearth",
            "dev": false,
            "hassio": false,
            "docker": false,
            "user": null,
            "virtualenv": false,
            "os_name": std::env::consts::OS,
            "arch": std::env::consts::ARCH,
            "timezone": home.time_zone,
        }},
        "hearth": {"info": {
            "version": env!("CARGO_PKG_VERSION"),
            "state": hub.phase().as_str(),
            "entities": hub.states.len(),
            "devices": hub.registries.devices.list().len(),
            "integrations": integrations.len(),
            "failed_integrations": failed.join(", "),
            "crashes": crashes,
        }},
    });
    match info {
        Value::Object(info) => info,
        _ => Map::new(),
    }
}
