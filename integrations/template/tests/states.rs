//! The state machine and the clock as templates see them, and the bus command.
#![allow(clippy::unwrap_used)]

mod support;

use hearth_core::command::ErrorCode;
use hearth_core::prelude::*;
use support::{at_home, set};

#[test]
fn states_are_read() {
    at_home(async |home| {
        home.assert_texts(&[
            ("{{ states('light.kitchen') }} {{ states('Light.Kitchen') }}", "on on"),
            ("{{ states('light.nope') }} {{ states('not an id') }}", "unknown unknown"),
            ("{{ states('sensor.outside', with_unit=True) }}", "21.456 °C"),
            ("{{ states.light.kitchen.state }} {{ states['light.kitchen'].state }} {{ states.light['kitchen'].name }}", "on on Kitchen"),
            ("{{ states.light.nope }} [{{ states.light.nope.state }}]", "None []"),
            ("{{ states.light.hall_lamp.name }} {{ states.light.kitchen.attributes.brightness }}", "hall lamp 255"),
            ("{{ states.light.kitchen.entity_id }} {{ states.light.kitchen.domain }} {{ states.light.kitchen.object_id }}", "light.kitchen light kitchen"),
            ("{{ states.light | map(attribute='object_id') | join(',') }}", "kitchen,hall_lamp,attic"),
            ("{{ states | map(attribute='entity_id') | first }} {{ states | length }} {{ states.light | length }}", "sun.sun 7 3"),
            ("{{ states.light | selectattr('state', 'eq', 'on') | list | count }}", "2"),
            ("{{ states.light }} {{ states }} {{ states.nope | length }}", "<template DomainStates('light')> <template AllStates> 0"),
            ("{{ states.light.attic.attributes }}", "{'zeta': 1, 'alpha': 'x'}"),
            ("{{ state_attr('light.kitchen', 'rgb') }} {{ state_attr('light.kitchen', 'x') }} {{ state_attr('a.b', 'x') }}", "[1, 2] None None"),
            ("{{ is_state('light.kitchen', 'on') }} {{ is_state('light.kitchen', ['off', 'on']) }} {{ is_state('light.kitchen', ('on',)) }} {{ is_state('a.b', 'unknown') }}", "True True False False"),
            ("{{ is_state_attr('light.kitchen', 'brightness', 255) }} {{ is_state_attr('light.kitchen', 'x', none) }}", "True False"),
            ("{{ has_value('sensor.lost') }} {{ has_value('sun.sun') }} {{ 'light.kitchen' is has_value }}", "False True True"),
            ("{{ 'light.kitchen' | states }} {{ ['light.kitchen', 'sun.sun'] | select('is_state', 'on') | list }}", "on ['light.kitchen']"),
            ("{{ expand('group.lights') | map(attribute='entity_id') | list }}", "['light.hall_lamp', 'light.kitchen']"),
            ("{{ expand('sun.sun', ['light.attic', ['light.nope']], states.light) | map(attribute='object_id') | list }}", "['attic', 'hall_lamp', 'kitchen', 'sun']"),
            ("{{ states.light.kitchen == states['light.kitchen'] }} {{ states.light.kitchen == states.light.attic }}", "True False"),
            ("{{ states.light.kitchen.last_changed.tzinfo }} {{ states.light.kitchen.context.user_id }}", "UTC None"),
            ("{% for s in states.light if s.state == 'on' %}{{ s.name }} {% endfor %}", "Kitchen attic"),
        ])
        .await;
    });
}

#[test]
fn a_variable_hides_a_function_of_its_name() {
    at_home(async |home| {
        let rendered = home
            .render(
                "{{ now }} {{ a.b[0] }}",
                json!({"now": 5, "a": {"b": [true]}}),
                false,
            )
            .await;
        assert_eq!(rendered, Ok(json!("5 True")));
    });
}

#[test]
fn the_clock_is_the_homes() {
    at_home(async |home| {
        home.assert_texts(&[
            ("{{ now().strftime('%Y-%m-%d %H:%M %Z %z') }}", "2026-01-31 09:05 CET +0100"),
            ("{{ utcnow().hour }}:{{ utcnow().minute }} {{ now().isoformat()[:19] }}", "8:5 2026-01-31T09:05:09"),
            ("{{ today_at('10:30') }} {{ today_at() }}", "2026-01-31 10:30:00+01:00 2026-01-31 00:00:00+01:00"),
            ("{{ today_at('10:30') > now() }} {{ (today_at('10:00') - today_at('09:30')) }}", "True 0:30:00"),
            ("{{ today_at('10:00') + timedelta(days=1, hours=2) }}", "2026-02-01 12:00:00+01:00"),
            ("{{ timedelta(days=1, hours=3) }} {{ timedelta(seconds=3.5) }} {{ timedelta(hours=-1) }}", "1 day, 3:00:00 0:00:03.500000 -1 day, 23:00:00"),
            ("{{ as_timestamp('2024-01-01T00:00:00+00:00') }} {{ as_timestamp('x', 0) }}", "1704067200.0 0"),
            ("{{ as_datetime(1704067200) }} {{ as_datetime('2024-01-01 08:00') }} {{ as_datetime('x') }}", "2024-01-01 00:00:00+00:00 2024-01-01 08:00:00 None"),
            ("{{ 1704067200 | timestamp_custom('%H:%M') }} {{ 1704067200 | timestamp_custom('%H:%M', false) }}", "01:00 00:00"),
            ("{{ 1704067200 | timestamp_local }} {{ 1704067200 | timestamp_utc }}", "2024-01-01T01:00:00+01:00 2024-01-01T00:00:00+00:00"),
            ("{{ as_local(as_datetime('2024-07-01T00:00:00Z')) }}", "2024-07-01 02:00:00+02:00"),
            ("{{ as_datetime('2024-01-01 00:00') < now() }}", "TypeError: can't compare offset-naive and offset-aware datetimes"),
            ("{{ [as_datetime('2024-01-01T08:00:00Z')] }}", "[datetime.datetime(2024, 1, 1, 8, 0, tzinfo=datetime.timezone.utc)]"),
            ("{{ (today_at('10:00') - today_at('09:00')).total_seconds() }} {{ today_at('10:00').replace(minute=5).weekday() }}", "3600.0 5"),
        ])
        .await;
    });
}

#[test]
fn the_command_answers_values_texts_and_errors() {
    at_home(async |home| {
        let hub = &home.hub;
        hub.start_integrations(vec![hearth_template::factory()])
            .await;
        let call = async |data: Value, authority: Access| {
            let Value::Object(data) = data else {
                unreachable!()
            };
            let caller = Caller::new(Context::new(&hub.env), authority);
            hub.commands
                .call(hearth_template::RENDER, data, caller)
                .await
        };
        let inside = async |data: Value| call(data, Access::Inside).await;
        assert_eq!(
            inside(json!({"template": "{{ 1 + 1 }}"})).await,
            Ok(json!(2))
        );
        assert_eq!(
            inside(json!({"template": "{{ 1 + 1 }}", "typed": false})).await,
            Ok(json!("2"))
        );
        let with = json!({"template": "{{ x }}", "variables": {"x": [1, null]}});
        assert_eq!(inside(with).await, Ok(json!([1, null])));
        let error = inside(json!({"template": "{{ 1 / 0 }}"}))
            .await
            .unwrap_err();
        assert_eq!(error.code, ErrorCode::TEMPLATE);
        assert_eq!(error.message, "ZeroDivisionError: division by zero");
        for bad in [
            json!({}),
            json!({"template": 5}),
            json!({"template": "", "variables": []}),
        ] {
            assert_eq!(
                inside(bad).await.unwrap_err().code,
                ErrorCode::INVALID_FORMAT
            );
        }
        let refused = call(json!({"template": "1"}), Access::Local)
            .await
            .unwrap_err();
        assert_eq!(refused.code, ErrorCode::UNAUTHORIZED);
    });
}

#[test]
fn a_cached_template_sees_new_states() {
    at_home(async |home| {
        for state in ["1", "2", "3"] {
            set(&home.hub, "counter.x", state, "{}").await;
            assert_eq!(home.text("{{ states('counter.x') }}").await, state);
        }
    });
}
