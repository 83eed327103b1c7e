//! Services: targets, permissions, responses and their events (spec state-machine §4).

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::future::LocalBoxFuture;
use hearth_core::bus::Filter;
use hearth_core::hub::Hub;
use hearth_core::ids::UserId;
use hearth_core::prelude::*;
use hearth_core::registry::{Area, Changes, DeviceDescription, EntityCategory};
use hearth_core::service::CallRequest;
use hearth_core::users::UserDirectory;
use hearth_testing::{Listener, run};

/// Three lamps in a home of one floor; answers with what it was asked to act on.
#[derive(Default)]
struct Lamps {
    host: Option<Host>,
}

impl Integration for Lamps {
    fn start(&mut self, host: Host) -> LocalBoxFuture<'_, Result<(), StartError>> {
        Box::pin(async move {
            let hub = host.hub().clone();
            let mut changes = Changes::new(&hub.store);
            let area = Area {
                name: "Kitchen".into(),
                floor_id: Some("ground".into()),
                ..Area::default()
            };
            hub.registries.areas.create(&mut changes, area).unwrap();
            let device = hub
                .registries
                .devices
                .register(
                    &mut changes,
                    None,
                    ("lamps", "bridge"),
                    DeviceDescription::default(),
                )
                .unwrap();
            hub.registries
                .devices
                .update(&mut changes, device.id, |d| {
                    d.area_id = Some("kitchen".into())
                })
                .unwrap();
            changes
                .commit(&hub.bus, &hub.env, Context::new(&hub.env))
                .await
                .unwrap();
            for (name, on_device, category) in [
                ("one", true, None),
                ("two", false, None),
                ("hidden", true, Some(EntityCategory::Diagnostic)),
            ] {
                let description = EntityDescription {
                    domain: "light",
                    unique_id: name,
                    suggested_object_id: name,
                    name,
                    device_id: on_device.then_some(device.id),
                    entity_category: category,
                    ..EntityDescription::default()
                };
                let id = host.announce(description).await.unwrap();
                host.set_state(&id, "off", Attributes::empty(), Context::new(host.env()))
                    .await
                    .unwrap();
            }
            host.register_service("ask", "", Schema::Anything, Response::Optional)
                .await;
            host.register_service("must_ask", "", Schema::Anything, Response::Only)
                .await;
            host.register_admin_service("rule", "", Schema::Anything)
                .await;
            self.host = Some(host);
            Ok(())
        })
    }

    fn call_service(
        &mut self,
        call: ServiceCall,
    ) -> LocalBoxFuture<'_, Result<Option<Value>, ServiceError>> {
        Box::pin(async move {
            let host = self.host.as_ref().unwrap();
            for id in &call.entities {
                host.set_state(id, "on", Attributes::empty(), call.context)
                    .await
                    .unwrap();
            }
            Ok(call.return_response.then(|| json!({"said": "yes"})))
        })
    }
}

async fn home() -> Hub {
    let hub = Hub::in_memory().unwrap();
    hub.start_integrations(vec![Factory::new(Manifest::new("lamps", "Lamps"), |_| {
        Box::<Lamps>::default()
    })])
    .await;
    hub
}

fn request(hub: &Hub, service: &str, data: Value) -> CallRequest {
    let (domain, service) = service.split_once('.').unwrap();
    CallRequest {
        domain: domain.into(),
        service: service.into(),
        data: data.as_object().unwrap().clone(),
        context: Context::new(&hub.env),
        return_response: false,
    }
}

/// Which lamps a call with these targets turns on.
async fn turned_on(targets: Value) -> Result<BTreeSet<String>, ServiceError> {
    let hub = home().await;
    hub.services
        .call(request(&hub, "light.turn_on", targets))
        .await?;
    Ok(hub
        .states
        .of_domain("light")
        .iter()
        .filter(|state| &*state.state == "on")
        .map(|state| state.entity_id.object_id().to_owned())
        .collect())
}

#[test]
fn targets_mean_the_entities_of_the_spec() {
    run(async {
        let cases = [
            (json!({"entity_id": "light.one"}), vec!["one"]),
            (
                json!({"entity_id": "LIGHT.one, light.two"}),
                vec!["one", "two"],
            ),
            (json!({"entity_id": ["light.hidden"]}), vec!["hidden"]),
            (json!({"entity_id": "all"}), vec!["hidden", "one", "two"]),
            (json!({"entity_id": "none"}), vec![]),
            (json!({"area_id": "kitchen"}), vec!["one"]),
            (json!({"floor_id": ["ground"]}), vec!["one"]),
            (json!({"area_id": "cellar"}), vec![]),
            (json!({"entity_id": ["light.nope", "switch.x"]}), vec![]),
        ];
        for (targets, expected) in cases {
            let expected = expected.into_iter().map(str::to_owned).collect();
            assert_eq!(
                turned_on(targets.clone()).await.unwrap(),
                expected,
                "{targets}"
            );
        }
    });
}

#[test]
fn bad_data_is_refused_with_the_key_and_fires_nothing() {
    run(async {
        let hub = home().await;
        let mut heard = Listener::start(&hub, Filter::of_types(["call_service"])).await;
        for (data, message) in [
            (
                json!({}),
                "must contain at least one of entity_id, device_id, area_id, floor_id, label_id.",
            ),
            (
                json!({"entity_id": "light.one", "bogus": 1}),
                "extra keys not allowed @ data['bogus']",
            ),
        ] {
            let error = hub
                .services
                .call(request(&hub, "light.turn_on", data))
                .await
                .unwrap_err();
            assert_eq!(error, ServiceError::Invalid(message.to_owned()));
        }
        hub.services
            .call(request(
                &hub,
                "light.turn_on",
                json!({"entity_id": "light.one"}),
            ))
            .await
            .unwrap();
        let event = heard.next().await.data_value();
        assert_eq!(event["service_data"], json!({"entity_id": "light.one"}));
    });
}

#[test]
fn a_response_is_given_when_asked_for_and_only_then() {
    run(async {
        let hub = home().await;
        let call = async |service: &str, return_response| {
            let request = CallRequest {
                return_response,
                ..request(&hub, service, json!({}))
            };
            hub.services.call(request).await
        };
        assert_eq!(
            call("lamps.ask", true).await,
            Ok(Some(json!({"said": "yes"})))
        );
        assert_eq!(call("lamps.ask", false).await, Ok(None));
        assert_eq!(
            call("lamps.must_ask", false).await,
            Err(ServiceError::ResponseRequired)
        );
        assert_eq!(
            call("lamps.rule", true).await,
            Err(ServiceError::NoResponse)
        );
        assert!(matches!(
            call("lamps.nope", false).await,
            Err(ServiceError::NotFound(..))
        ));
    });
}

struct OnlyLampOne;

impl UserDirectory for OnlyLampOne {
    fn is_admin(&self, _: UserId) -> bool {
        false
    }

    fn may_control(&self, _: UserId, entity: &EntityId) -> bool {
        entity.as_str() == "light.one"
    }

    fn owner(&self) -> Option<(UserId, String)> {
        None
    }
}

#[test]
fn a_user_acts_on_what_they_may_control_and_admin_services_refuse_them() {
    run(async {
        let hub = home().await;
        hub.users.set(Arc::new(OnlyLampOne));
        let user = UserId::generate(&hub.env);
        let call = async |service: &str, data: Value| {
            let request = CallRequest {
                context: Context::of_user(&hub.env, user),
                ..request(&hub, service, data)
            };
            hub.services.call(request).await
        };
        assert_eq!(
            call("light.turn_on", json!({"entity_id": "light.one"})).await,
            Ok(None)
        );
        let refused = call(
            "light.turn_on",
            json!({"entity_id": ["light.one", "light.two"]}),
        )
        .await;
        assert_eq!(refused, Err(ServiceError::Unauthorized));
        assert_eq!(
            call("light.turn_off", json!({"entity_id": "all"})).await,
            Ok(None)
        );
        assert_eq!(
            call("lamps.rule", json!({})).await,
            Err(ServiceError::Unauthorized)
        );
        assert_eq!(
            hub.services
                .call(request(&hub, "lamps.rule", json!({})))
                .await,
            Ok(None)
        );
    });
}
