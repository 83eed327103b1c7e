//! The demo home: what is in it, that its services work, and that it lasts.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;

use hearth_core::env::Env;
use hearth_core::hub::Hub;
use hearth_core::prelude::*;
use hearth_core::registry::{Area, Changes};
use hearth_core::service::CallRequest;
use hearth_core::settings::{Settings, UnitSystem};
use hearth_core::store::{Location, Store, StoreSettings};
use hearth_testing::{Listener, run};

const LAMP: &str = "light.living_room_lamp";
const KITCHEN: &str = "light.kitchen_lights";
const READING: &str = "light.reading_lamp";
const BLIND: &str = "cover.living_room_blind";
const GARAGE: &str = "cover.garage_door";
const HEATING: &str = "climate.living_room_thermostat";
const COOLING: &str = "climate.bedroom_air_conditioner";
const DOOR: &str = "lock.front_door";

async fn home() -> Hub {
    let hub = Hub::in_memory().unwrap();
    hub.start_integrations(vec![hearth_demo::factory()]).await;
    hub
}

fn closed_home_in(folder: &Path) -> Hub {
    let location = Location::File(folder.join("hub.db"));
    let store = Store::open(&location, StoreSettings::default()).unwrap();
    Hub::open(Env::system(), Arc::new(Settings::default()), store).unwrap()
}

/// Calls `domain.service` for one entity.
async fn call(
    hub: &Hub,
    service: &str,
    entity_id: &str,
    mut data: Value,
) -> Result<(), ServiceError> {
    data["entity_id"] = entity_id.into();
    let (domain, _) = entity_id.split_once('.').unwrap();
    let request = CallRequest {
        domain: domain.into(),
        service: service.into(),
        data: data.as_object().unwrap().clone(),
        context: Context::new(&hub.env),
        return_response: false,
    };
    hub.services.call(request).await.map(drop)
}

fn state(hub: &Hub, entity_id: &str) -> String {
    hub.states.get(entity_id).unwrap().state.to_string()
}

fn shown(hub: &Hub, entity_id: &str) -> Value {
    Value::Object(hub.states.get(entity_id).unwrap().attributes.to_map())
}

/// The next state that an entity enters.
async fn next(events: &mut Listener, entity_id: &str) -> Arc<hearth_core::state::State> {
    loop {
        if let EventData::StateChanged { new: Some(new), .. } = &events.next().await.data
            && new.entity_id.as_str() == entity_id
        {
            return Arc::clone(new);
        }
    }
}

#[test]
fn the_home_has_floors_areas_and_devices_with_entities() {
    run(async {
        let hub = home().await;
        assert_eq!(hub.registries.floors.list().len(), 2);
        let kitchen = hub.registries.areas.get("kitchen").unwrap();
        assert_eq!(kitchen.floor_id.as_deref(), Some("ground_floor"));
        let entry = hub.registries.entities.get(KITCHEN).unwrap();
        let device = hub
            .registries
            .devices
            .get(entry.device_id.unwrap())
            .unwrap();
        assert_eq!(device.area_id.as_deref(), Some("kitchen"));
        assert_eq!(
            shown(&hub, "sensor.living_room_temperature"),
            json!({
                "state_class": "measurement", "unit_of_measurement": "°C",
                "device_class": "temperature", "friendly_name": "Living room temperature",
            })
        );
        assert_eq!(state(&hub, "binary_sensor.front_door"), "off");
    });
}

#[test]
fn every_service_of_the_homes_domains_is_carried_out() {
    run(async {
        let hub = home().await;
        for (entity_id, calls) in [
            (
                LAMP,
                vec![
                    ("turn_on", json!({})),
                    ("toggle", json!({})),
                    ("turn_off", json!({})),
                ],
            ),
            (
                BLIND,
                vec![
                    ("close_cover", json!({})),
                    ("stop_cover", json!({})),
                    ("open_cover", json!({})),
                    ("set_cover_position", json!({"position": 40})),
                    ("toggle", json!({})),
                    ("open_cover_tilt", json!({})),
                    ("stop_cover_tilt", json!({})),
                    ("toggle_cover_tilt", json!({})),
                    ("close_cover_tilt", json!({})),
                    ("set_cover_tilt_position", json!({"tilt_position": 30})),
                ],
            ),
            (
                COOLING,
                vec![
                    ("turn_on", json!({})),
                    ("set_hvac_mode", json!({"hvac_mode": "cool"})),
                    ("set_temperature", json!({"temperature": 20})),
                    ("set_humidity", json!({"humidity": 40})),
                    ("set_fan_mode", json!({"fan_mode": "low"})),
                    ("set_swing_mode", json!({"swing_mode": "both"})),
                    ("toggle", json!({})),
                    ("turn_off", json!({})),
                ],
            ),
            (
                HEATING,
                vec![("set_preset_mode", json!({"preset_mode": "eco"}))],
            ),
            (
                DOOR,
                vec![
                    ("unlock", json!({})),
                    ("open", json!({})),
                    ("lock", json!({"code": "1"})),
                ],
            ),
            (
                "switch.coffee_machine",
                vec![
                    ("turn_on", json!({})),
                    ("toggle", json!({})),
                    ("turn_off", json!({})),
                ],
            ),
            ("button.order_coffee_beans", vec![("press", json!({}))]),
        ] {
            for (service, data) in calls {
                let outcome = call(&hub, service, entity_id, data).await;
                assert_eq!(outcome, Ok(()), "{service} of {entity_id}");
            }
        }
        // No service is left that nothing here was asked for.
        for (domain, missing) in [
            ("light", 3),
            ("cover", 10),
            ("lock", 3),
            ("switch", 3),
            ("button", 1),
        ] {
            assert_eq!(hub.services.describe()[domain].len(), missing, "{domain}");
        }
        assert_eq!(hub.services.describe()["climate"].len(), 9);
    });
}

#[test]
fn a_coloured_lamp_shows_what_home_assistants_lamps_show() {
    run(async {
        let hub = home().await;
        let fixed = json!({
            "min_color_temp_kelvin": 2000, "max_color_temp_kelvin": 6535,
            "min_mireds": 153, "max_mireds": 500,
            "effect_list": ["off", "candle", "colorloop"],
            "supported_color_modes": ["color_temp", "hs"],
            "friendly_name": "Living room lamp", "supported_features": 36,
        });
        let with = |more: Value| {
            let mut all = fixed.clone();
            all.as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            all
        };
        let off = json!({
            "effect": null, "color_mode": null, "brightness": null, "color_temp_kelvin": null,
            "color_temp": null, "hs_color": null, "rgb_color": null, "xy_color": null,
        });
        assert_eq!(shown(&hub, LAMP), with(off));

        let red = json!({"rgb_color": [255, 0, 0], "brightness_pct": 50, "transition": 2});
        call(&hub, "turn_on", LAMP, red).await.unwrap();
        let on = json!({
            "effect": "off", "color_mode": "hs", "brightness": 128, "color_temp_kelvin": null,
            "color_temp": null, "hs_color": [0.0, 100.0], "rgb_color": [255, 0, 0],
            "xy_color": [0.64, 0.33],
        });
        assert_eq!(shown(&hub, LAMP), with(on));

        call(&hub, "turn_on", LAMP, json!({"color_temp_kelvin": 4000}))
            .await
            .unwrap();
        let white = shown(&hub, LAMP);
        assert_eq!(white["color_mode"], "color_temp");
        assert_eq!(
            (&white["color_temp_kelvin"], &white["color_temp"]),
            (&json!(4000), &json!(250))
        );
        assert!(white["rgb_color"].is_array());
        assert_eq!(white["brightness"], 128);
    });
}

#[test]
fn brightness_can_be_given_in_four_ways_and_none_of_it_is_off() {
    run(async {
        let hub = home().await;
        for (data, brightness) in [
            (json!({"brightness": 100}), json!(100)),
            (json!({"brightness_step": 20}), json!(120)),
            (json!({"brightness_step_pct": -20}), json!(69)),
            (json!({"brightness_step": 255}), json!(255)),
            (json!({"brightness_pct": 10}), json!(26)),
            (json!({"brightness": 0}), Value::Null),
            (json!({}), json!(26)),
        ] {
            call(&hub, "turn_on", READING, data.clone()).await.unwrap();
            assert_eq!(shown(&hub, READING)["brightness"], brightness, "{data}");
        }
        assert_eq!(shown(&hub, READING)["color_mode"], "brightness");
    });
}

#[test]
fn a_lamp_leaves_out_colours_that_it_does_not_have() {
    run(async {
        let hub = home().await;
        call(
            &hub,
            "turn_on",
            KITCHEN,
            json!({"color_name": "dark orange"}),
        )
        .await
        .unwrap();
        assert_eq!(shown(&hub, KITCHEN)["color_mode"], "color_temp");
        assert_eq!(shown(&hub, KITCHEN)["color_temp_kelvin"], 2700);
    });
}

#[test]
fn values_that_no_thing_knows_are_refused_and_change_nothing() {
    run(async {
        let hub = home().await;
        let before: Vec<_> = [LAMP, HEATING, COOLING]
            .map(|id| (state(&hub, id), shown(&hub, id)))
            .into();
        for (service, entity_id, data, message) in [
            (
                "turn_on",
                LAMP,
                json!({"color_temp_kelvin": 1500, "brightness": 3}),
                "Color temperature 1500 K is not valid. Accepted range is 2000 to 6535",
            ),
            (
                "turn_on",
                LAMP,
                json!({"effect": "disco"}),
                "Effect disco is not valid. Valid effects are: off, candle, colorloop",
            ),
            (
                "turn_on",
                LAMP,
                json!({"color_name": "mauvish"}),
                "Unknown color name mauvish for dictionary value @ data['color_name']",
            ),
            (
                "turn_on",
                LAMP,
                json!({"color_name": "red", "rgb_color": [1, 2, 3]}),
                "two or more values in the same group of exclusion 'Color descriptors' @ data[<Color descriptors>]",
            ),
            (
                "set_temperature",
                HEATING,
                json!({"temperature": 50}),
                "Provided temperature 50 is not valid. Accepted range is 7 to 35",
            ),
            (
                "set_temperature",
                HEATING,
                json!({}),
                "must contain at least one of temperature, target_temp_high, target_temp_low.",
            ),
            (
                "set_temperature",
                COOLING,
                json!({"target_temp_low": 25, "target_temp_high": 20}),
                "'Lower target temperature' can not be higher than 'Upper target temperature'",
            ),
            (
                "set_hvac_mode",
                HEATING,
                json!({"hvac_mode": "cool"}),
                "HVAC mode cool is not valid. Valid HVAC modes are: heat, auto, off",
            ),
            (
                "set_preset_mode",
                HEATING,
                json!({"preset_mode": "party"}),
                "Preset mode party is not valid. Valid Preset modes are: none, comfort, eco, away",
            ),
            (
                "set_humidity",
                COOLING,
                json!({"humidity": 90}),
                "Provided humidity 90 is not valid. Accepted range is 30 to 70",
            ),
            (
                "set_fan_mode",
                HEATING,
                json!({"fan_mode": "low"}),
                "Entity climate.living_room_thermostat does not support this service.",
            ),
        ] {
            let refused = call(&hub, service, entity_id, data).await.unwrap_err();
            assert_eq!(refused.to_string(), message);
        }
        let after: Vec<_> = [LAMP, HEATING, COOLING]
            .map(|id| (state(&hub, id), shown(&hub, id)))
            .into();
        assert_eq!(before, after);
    });
}

#[test]
fn a_blind_moves_over_time_and_because_of_the_call() {
    run(async {
        let hub = home().await;
        assert_eq!(shown(&hub, BLIND)["supported_features"], 255);
        let mut events = Listener::start(&hub, Filter::of_types(["state_changed"])).await;
        call(&hub, "set_cover_position", BLIND, json!({"position": 85}))
            .await
            .unwrap();
        let first = next(&mut events, BLIND).await;
        for (state, position) in [("closing", 90), ("open", 85)] {
            let blind = next(&mut events, BLIND).await;
            assert_eq!(
                (&*blind.state, blind.attributes.number("current_position")),
                (state, Some(position.into()))
            );
            assert_eq!(blind.context, first.context);
        }
    });
}

#[test]
fn a_moving_cover_can_be_stopped_and_goes_on_from_there() {
    run(async {
        let hub = home().await;
        call(&hub, "open_cover", GARAGE, json!({})).await.unwrap();
        assert_eq!(state(&hub, GARAGE), "opening");
        call(&hub, "toggle", GARAGE, json!({})).await.unwrap();
        assert_eq!(state(&hub, GARAGE), "closed");
        assert_eq!(shown(&hub, GARAGE)["current_position"], Value::Null);
    });
}

#[test]
fn climate_shows_what_it_does_and_what_it_aims_at() {
    run(async {
        let hub = home().await;
        call(&hub, "set_temperature", HEATING, json!({"temperature": 23}))
            .await
            .unwrap();
        let heating = shown(&hub, HEATING);
        assert_eq!(
            (&heating["temperature"], &heating["hvac_action"]),
            (&json!(23.0), &json!("heating"))
        );
        assert_eq!(heating["supported_features"], 401);

        let range =
            json!({"target_temp_low": 18, "target_temp_high": 20, "hvac_mode": "heat_cool"});
        call(&hub, "set_temperature", COOLING, range).await.unwrap();
        let cooling = shown(&hub, COOLING);
        assert_eq!(state(&hub, COOLING), "heat_cool");
        assert_eq!(cooling["temperature"], Value::Null);
        assert_eq!(cooling["target_temp_low"], 18.0);
        assert_eq!(cooling["hvac_action"], "cooling");

        call(&hub, "turn_off", COOLING, json!({})).await.unwrap();
        assert_eq!(shown(&hub, COOLING)["hvac_action"], "off");
        call(&hub, "turn_on", COOLING, json!({})).await.unwrap();
        assert_eq!(state(&hub, COOLING), "heat_cool");
    });
}

#[test]
fn a_home_with_american_units_is_in_fahrenheit() {
    run(async {
        let mut settings = Settings::default();
        settings.hub.unit_system = UnitSystem::UsCustomary;
        let store = Store::open(&Location::Memory, StoreSettings::default()).unwrap();
        let hub = Hub::open(Env::system(), Arc::new(settings), store).unwrap();
        hub.start_integrations(vec![hearth_demo::factory()]).await;
        assert_eq!(shown(&hub, HEATING)["current_temperature"], 70.0);
        assert_eq!(
            shown(&hub, "sensor.living_room_temperature")["unit_of_measurement"],
            "°F"
        );
    });
}

#[test]
fn states_outlive_a_restart_and_a_cover_on_its_way_stands_still() {
    let folder = tempfile::tempdir().unwrap();
    let lit = [
        LAMP,
        KITCHEN,
        DOOR,
        COOLING,
        "switch.coffee_machine",
        "button.order_coffee_beans",
    ];
    let mut before = Vec::new();
    run(async {
        let hub = closed_home_in(folder.path());
        hub.start_integrations(vec![hearth_demo::factory()]).await;
        let green = json!({"hs_color": [120, 50], "brightness": 77, "effect": "candle"});
        call(&hub, "turn_on", LAMP, green).await.unwrap();
        call(&hub, "turn_on", KITCHEN, json!({"kelvin": 5000}))
            .await
            .unwrap();
        call(&hub, "open", DOOR, json!({})).await.unwrap();
        call(&hub, "set_hvac_mode", COOLING, json!({"hvac_mode": "dry"}))
            .await
            .unwrap();
        call(&hub, "set_humidity", COOLING, json!({"humidity": 33}))
            .await
            .unwrap();
        call(&hub, "turn_on", "switch.coffee_machine", json!({}))
            .await
            .unwrap();
        call(&hub, "press", "button.order_coffee_beans", json!({}))
            .await
            .unwrap();
        call(&hub, "close_cover", BLIND, json!({})).await.unwrap();
        before.extend(lit.map(|id| (state(&hub, id), shown(&hub, id))));
        hub.stop().await;
    });
    run(async {
        let hub = closed_home_in(folder.path());
        hub.start_integrations(vec![hearth_demo::factory()]).await;
        for (id, before) in lit.into_iter().zip(before) {
            assert_eq!((state(&hub, id), shown(&hub, id)), before, "{id}");
        }
        assert_eq!(state(&hub, BLIND), "open");
        hub.stop().await;
    });
}

#[test]
fn what_a_person_deleted_stays_deleted() {
    let folder = tempfile::tempdir().unwrap();
    run(async {
        let hub = closed_home_in(folder.path());
        hub.start_integrations(vec![hearth_demo::factory()]).await;
        let mut changes = Changes::new(&hub.store);
        hub.registries.areas.remove(&mut changes, "garage").unwrap();
        hub.registries
            .entities
            .remove(&mut changes, &GARAGE.parse().unwrap())
            .unwrap();
        changes
            .commit(&hub.bus, &hub.env, Context::new(&hub.env))
            .await
            .unwrap();
        hub.stop().await;
    });
    run(async {
        let hub = closed_home_in(folder.path());
        hub.start_integrations(vec![hearth_demo::factory()]).await;
        assert!(hub.registries.areas.get("garage").is_none());
        assert!(hub.states.get(GARAGE).is_none());
        assert!(hub.states.get(BLIND).is_some());
        hub.stop().await;
    });
}

#[test]
fn a_home_that_a_person_has_divided_into_areas_gets_no_others() {
    run(async {
        let hub = Hub::in_memory().unwrap();
        let mut changes = Changes::new(&hub.store);
        let kitchen = Area {
            name: "Kitchen".into(),
            ..Area::default()
        };
        hub.registries.areas.create(&mut changes, kitchen).unwrap();
        changes
            .commit(&hub.bus, &hub.env, Context::new(&hub.env))
            .await
            .unwrap();
        hub.start_integrations(vec![hearth_demo::factory()]).await;
        assert_eq!(hub.registries.areas.list().len(), 1);
        assert!(hub.registries.floors.list().is_empty());
        let entry = hub.registries.entities.get(KITCHEN).unwrap();
        let device = hub
            .registries
            .devices
            .get(entry.device_id.unwrap())
            .unwrap();
        assert_eq!(device.area_id.as_deref(), Some("kitchen"));
    });
}

#[test]
fn a_damaged_note_of_what_was_made_does_not_keep_the_home_away() {
    run(async {
        let hub = Hub::in_memory().unwrap();
        let damage = hub.store.collection::<u32>("demo.created");
        damage.put("home", &5).await.unwrap();
        hub.start_integrations(vec![hearth_demo::factory()]).await;
        assert!(hub.states.get(LAMP).is_some());
    });
}
