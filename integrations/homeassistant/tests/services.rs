//! The hub's own services, called as a door calls them.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use futures_util::future::LocalBoxFuture;
use hearth_core::hub::Hub;
use hearth_core::ids::UserId;
use hearth_core::prelude::*;
use hearth_core::service::CallRequest;
use hearth_core::users::UserDirectory;
use hearth_testing::{Listener, run};

/// A lamp, a switch and a sensor that turn on and off.
#[derive(Default)]
struct Things(Option<Host>);

impl Integration for Things {
    fn start(&mut self, host: Host) -> LocalBoxFuture<'_, Result<(), StartError>> {
        Box::pin(async move {
            for domain in ["light", "switch", "sensor"] {
                let description = EntityDescription {
                    domain,
                    unique_id: domain,
                    suggested_object_id: "one",
                    name: "One",
                    ..EntityDescription::default()
                };
                let id = host.announce(description).await.unwrap();
                let context = Context::new(host.env());
                host.set_state(&id, "off", Attributes::empty(), context)
                    .await
                    .unwrap();
            }
            self.0 = Some(host);
            Ok(())
        })
    }

    fn call_service(
        &mut self,
        call: ServiceCall,
    ) -> LocalBoxFuture<'_, Result<Option<Value>, ServiceError>> {
        Box::pin(async move {
            let host = self.0.as_ref().unwrap();
            let state = if &*call.service == "turn_on" {
                "on"
            } else {
                "off"
            };
            for id in &call.entities {
                host.set_state(id, state, Attributes::empty(), call.context)
                    .await
                    .unwrap();
            }
            Ok(None)
        })
    }
}

struct NoAdmins;

impl UserDirectory for NoAdmins {
    fn is_admin(&self, _: UserId) -> bool {
        false
    }

    fn may_control(&self, _: UserId, entity: &EntityId) -> bool {
        entity.domain() == "light"
    }

    fn owner(&self) -> Option<(UserId, String)> {
        None
    }
}

async fn home() -> Hub {
    let hub = Hub::in_memory().unwrap();
    hub.users.set(Arc::new(NoAdmins));
    let things = Factory::new(Manifest::new("things", "Things"), |_| {
        Box::<Things>::default()
    });
    hub.start_integrations(vec![hearth_homeassistant::factory(), things])
        .await;
    hub
}

async fn call(hub: &Hub, service: &str, data: Value, context: Context) -> Result<(), ServiceError> {
    let request = CallRequest {
        domain: "homeassistant".into(),
        service: service.into(),
        data: data.as_object().unwrap().clone(),
        context,
        return_response: false,
    };
    hub.services.call(request).await.map(drop)
}

#[test]
fn things_of_several_domains_are_turned_on_under_one_context() {
    run(async {
        let hub = home().await;
        let mut calls = Listener::start(&hub, Filter::of_types(["call_service"])).await;
        let context = Context::new(&hub.env);
        let data = json!({"entity_id": "light.one, switch.one, sensor.one, light.none"});
        call(&hub, "turn_on", data, context).await.unwrap();
        for (domain, entities) in [
            (
                "homeassistant",
                json!("light.one, switch.one, sensor.one, light.none"),
            ),
            ("light", json!(["light.one", "light.none"])),
            ("switch", json!(["switch.one"])),
        ] {
            let event = calls.next().await;
            let data = event.data_value();
            assert_eq!(data["domain"], domain);
            assert_eq!(data["service_data"]["entity_id"], entities);
            assert_eq!(event.context, context);
        }
        for (id, state) in [
            ("light.one", "on"),
            ("switch.one", "on"),
            ("sensor.one", "off"),
        ] {
            assert_eq!(&*hub.states.get(id).unwrap().state, state);
        }
    });
}

#[test]
fn a_call_without_a_target_is_refused() {
    run(async {
        let hub = home().await;
        let refused = call(&hub, "toggle", json!({}), Context::new(&hub.env)).await;
        assert_eq!(
            refused.unwrap_err().to_string(),
            "must contain at least one of entity_id, device_id, area_id, floor_id, label_id."
        );
    });
}

#[test]
fn a_user_turns_on_only_what_they_may_control() {
    run(async {
        let hub = home().await;
        let user = Context::of_user(&hub.env, UserId::generate(&hub.env));
        let lamp = json!({"entity_id": "light.one"});
        assert_eq!(call(&hub, "turn_on", lamp, user).await, Ok(()));
        let switch = json!({"entity_id": "switch.one"});
        assert_eq!(
            call(&hub, "turn_on", switch, user).await,
            Err(ServiceError::Unauthorized)
        );
    });
}

#[test]
fn stopping_and_restarting_are_asked_of_the_binary_and_only_by_administrators() {
    run(async {
        let hub = home().await;
        let asked = ["hearth_stop_requested", "hearth_restart_requested"];
        let mut events = Listener::start(&hub, Filter::of_types(asked)).await;
        let user = Context::of_user(&hub.env, UserId::generate(&hub.env));
        for (service, event) in ["stop", "restart"].into_iter().zip(asked) {
            let refused = call(&hub, service, json!({}), user).await;
            assert_eq!(refused, Err(ServiceError::Unauthorized));
            call(&hub, service, json!({}), Context::new(&hub.env))
                .await
                .unwrap();
            assert_eq!(events.next().await.event_type.as_str(), event);
        }
    });
}

#[test]
fn a_new_location_is_told_and_an_impossible_one_refused() {
    run(async {
        let hub = home().await;
        let mut events = Listener::start(&hub, Filter::of_types(["core_config_updated"])).await;
        let place = json!({"latitude": 10.5, "longitude": "20"});
        call(&hub, "set_location", place, Context::new(&hub.env))
            .await
            .unwrap();
        let expected = json!({"latitude": 10.5, "longitude": 20.0});
        assert_eq!(events.next().await.data_value(), expected);
        let place = json!({"latitude": 91, "longitude": 20});
        let refused = call(&hub, "set_location", place, Context::new(&hub.env)).await;
        assert!(matches!(refused, Err(ServiceError::Invalid(_))));
    });
}

#[test]
fn at_the_stop_the_services_are_gone() {
    run(async {
        let hub = home().await;
        assert!(hub.services.contains("homeassistant", "restart"));
        hub.stop().await;
        assert!(!hub.services.contains("homeassistant", "restart"));
    });
}
