//! Entities whose ids people change while their integration goes on with the old ones.

use futures_util::future::LocalBoxFuture;
use hearth_core::prelude::*;
use hearth_core::registry::{
    Changes, ConfigEntry, DisabledBy, EntityEntry, NewConfigEntry, follow,
};
use hearth_core::service::CallRequest;
use hearth_testing::run;

/// Announces switches on demand; what is called is what it knows a switch by.
#[derive(Default)]
struct Switches(Option<Host>);

impl Integration for Switches {
    fn start(&mut self, host: Host) -> LocalBoxFuture<'_, Result<(), StartError>> {
        Box::pin(async move {
            for name in ["announce", "write", "retire"] {
                host.register_command(&format!("switches/{name}"), Access::AnyUser);
            }
            self.0 = Some(host);
            Ok(())
        })
    }

    fn command(&mut self, command: Command) -> LocalBoxFuture<'_, Result<Value, CommandError>> {
        Box::pin(async move {
            let host = self.0.as_ref().unwrap();
            let text = |key: &str| command.data[key].as_str().unwrap();
            match &*command.name {
                "switches/announce" => {
                    let description = EntityDescription {
                        domain: "switch",
                        unique_id: text("unique_id"),
                        suggested_object_id: text("name"),
                        name: text("name"),
                        config_entry_id: command
                            .data
                            .get("entry_id")
                            .and_then(Value::as_str)
                            .map(|id| id.parse().unwrap()),
                        ..EntityDescription::default()
                    };
                    Ok(json!(host.announce(description).await.unwrap()))
                }
                "switches/write" => {
                    let id = text("own_id").parse().unwrap();
                    show(host, &id, text("state"), command.caller.context).await;
                    Ok(Value::Null)
                }
                _ => {
                    let id = text("own_id").parse().unwrap();
                    host.retire(&id, command.caller.context).await.unwrap();
                    Ok(Value::Null)
                }
            }
        })
    }

    fn call_service(
        &mut self,
        call: ServiceCall,
    ) -> LocalBoxFuture<'_, Result<Option<Value>, ServiceError>> {
        Box::pin(async move {
            let host = self.0.as_ref().unwrap();
            for id in &call.entities {
                show(host, id, "on", call.context).await;
            }
            Ok(None)
        })
    }
}

async fn show(host: &Host, own_id: &EntityId, state: &str, context: Context) {
    let attributes = Attributes::build(|a| a.text("own_id", own_id.as_str()));
    host.set_state(own_id, state, attributes, context)
        .await
        .unwrap();
}

async fn home() -> Hub {
    let hub = Hub::in_memory().unwrap();
    let switches = Factory::new(Manifest::new("switches", "Switches"), |_| {
        Box::<Switches>::default()
    });
    hub.start_integrations(vec![switches]).await;
    hub
}

async fn ask(hub: &Hub, name: &str, data: Value) -> Value {
    let caller = Caller::new(Context::new(&hub.env), Access::AnyUser);
    let name = format!("switches/{name}");
    let data = data.as_object().unwrap().clone();
    hub.commands.call(&name, data, caller).await.unwrap()
}

async fn announce(hub: &Hub, unique_id: &str, name: &str) -> String {
    let data = json!({"unique_id": unique_id, "name": name});
    let own_id = ask(hub, "announce", data).await;
    own_id.as_str().unwrap().to_owned()
}

async fn write(hub: &Hub, own_id: &str, state: &str) {
    ask(hub, "write", json!({"own_id": own_id, "state": state})).await;
}

/// What a person does to an entry.
async fn edit(hub: &Hub, id: &str, edit: impl FnOnce(&mut EntityEntry)) {
    let entities = &hub.registries.entities;
    let old = entities.get(id).unwrap();
    let mut changes = Changes::new(&hub.store);
    let new = entities.update(&mut changes, id, edit).unwrap();
    let context = Context::new(&hub.env);
    changes.commit(&hub.bus, &hub.env, context).await.unwrap();
    follow(hub, &old, Some(&new), context).await;
}

async fn rename(hub: &Hub, from: &str, to: &str) {
    edit(hub, from, |entry| entry.entity_id = to.parse().unwrap()).await;
}

async fn turn_on(hub: &Hub, id: &str) {
    let request = CallRequest {
        domain: "switch".into(),
        service: "turn_on".into(),
        data: Map::from_iter([("entity_id".to_owned(), id.into())]),
        context: Context::new(&hub.env),
        return_response: false,
    };
    hub.services.call(request).await.unwrap();
}

fn state(hub: &Hub, id: &str) -> Option<String> {
    Some(hub.states.get(id)?.state.to_string())
}

#[test]
fn an_integration_goes_on_with_the_id_that_it_was_given() {
    run(async {
        let hub = home().await;
        let own_id = announce(&hub, "1", "Pump").await;
        write(&hub, &own_id, "off").await;
        rename(&hub, "switch.pump", "switch.fountain").await;
        assert_eq!(state(&hub, "switch.fountain").as_deref(), Some("off"));
        turn_on(&hub, "switch.fountain").await;
        let shown = hub.states.get("switch.fountain").unwrap();
        assert_eq!(&*shown.state, "on");
        assert_eq!(shown.attributes.text("own_id"), Some(own_id.clone()));
        assert_eq!(announce(&hub, "1", "Pump").await, own_id);

        ask(&hub, "retire", json!({"own_id": own_id})).await;
        assert!(hub.registries.entities.is_empty());
        assert_eq!(state(&hub, "switch.fountain"), None);
    });
}

#[test]
fn a_new_entity_under_a_renamed_ones_old_id_is_another_to_its_integration_too() {
    run(async {
        let hub = home().await;
        let first = announce(&hub, "1", "Pump").await;
        write(&hub, &first, "off").await;
        rename(&hub, "switch.pump", "switch.fountain").await;
        let second = announce(&hub, "2", "Pump").await;
        assert_ne!(first, second);
        write(&hub, &second, "unknown").await;
        let states = ["switch.fountain", "switch.pump"].map(|id| state(&hub, id));
        assert_eq!(states, [Some("off".into()), Some("unknown".into())]);
        turn_on(&hub, "switch.pump").await;
        let states = ["switch.fountain", "switch.pump"].map(|id| state(&hub, id));
        assert_eq!(states, [Some("off".into()), Some("on".into())]);
    });
}

#[test]
fn an_enabled_entity_shows_what_was_written_last() {
    run(async {
        let hub = home().await;
        let id = announce(&hub, "1", "Pump").await;
        let disable = |entry: &mut EntityEntry| entry.disabled_by = Some(DisabledBy::User);
        for (while_disabled, expected) in [(None, "off"), (Some("on"), "on")] {
            write(&hub, &id, "off").await;
            edit(&hub, &id, disable).await;
            if let Some(state) = while_disabled {
                write(&hub, &id, state).await;
            }
            assert_eq!(state(&hub, &id), None);
            edit(&hub, &id, |entry| entry.disabled_by = None).await;
            assert_eq!(state(&hub, &id).as_deref(), Some(expected));
        }
    });
}

#[test]
fn what_a_person_set_lies_over_what_integrations_write() {
    run(async {
        let hub = home().await;
        let id = announce(&hub, "1", "Pump").await;
        write(&hub, &id, "off").await;
        let name = |name: Option<&str>| {
            let name = name.map(str::to_owned);
            move |entry: &mut EntityEntry| {
                let mut settings = entry.settings().clone();
                settings.name = name;
                entry.settings = Some(Box::new(settings));
            }
        };
        let shown = |id: &str| hub.states.get(id).unwrap().attributes.text("friendly_name");
        edit(&hub, &id, name(Some("Fountain"))).await;
        assert_eq!(shown(&id).as_deref(), Some("Fountain"));
        rename(&hub, &id, "switch.other").await;
        write(&hub, &id, "on").await;
        assert_eq!(shown("switch.other").as_deref(), Some("Fountain"));
        edit(&hub, "switch.other", name(None)).await;
        assert_eq!(shown("switch.other").as_deref(), Some("Pump"));
    });
}

#[test]
fn a_new_entity_of_a_disabled_config_entry_is_not_shown_until_that_is_enabled() {
    run(async {
        let hub = home().await;
        let entries = &hub.registries.config_entries;
        let mut changes = Changes::new(&hub.store);
        let new = NewConfigEntry {
            domain: "switches",
            title: "Box",
            source: "user",
            unique_id: None,
        };
        let id = entries.create(&mut changes, new).unwrap().entry_id;
        for (is_disabled, leaves_new_out, expected) in [
            (true, false, Some(DisabledBy::ConfigEntry)),
            (false, true, Some(DisabledBy::Integration)),
            (false, false, None),
        ] {
            let edit = |entry: &mut ConfigEntry| {
                entry.is_disabled = is_disabled;
                entry.pref_disable_new_entities = leaves_new_out;
            };
            entries.update(&mut changes, id, edit).unwrap();
            assert_eq!(hub.registries.disables(Some(id), None), expected);
        }
        entries
            .update(&mut changes, id, |entry| entry.is_disabled = true)
            .unwrap();
        let context = Context::new(&hub.env);
        changes.commit(&hub.bus, &hub.env, context).await.unwrap();
        let data = json!({"unique_id": "b", "name": "Below", "entry_id": id});
        ask(&hub, "announce", data).await;
        let entry = hub.registries.entities.get("switch.below").unwrap();
        assert_eq!(entry.disabled_by, Some(DisabledBy::ConfigEntry));
        assert!(hub.states.get("switch.below").is_none());
    });
}
