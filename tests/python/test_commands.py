"""Every command of spec mobile-app.md §5, in clear and sealed with either key, over both doors."""

import pytest

from phone import HttpDoor, Phone, WebSocketDoor, api

SENSOR = {"name": "Battery", "type": "sensor", "unique_id": "battery", "state": 50, "unit_of_measurement": "%"}
UPDATES = [
    {"type": "sensor", "unique_id": "battery", "state": 51},
    {"type": "sensor", "unique_id": "none", "state": 1},
    {"type": "sensor", "unique_id": "battery2"},
]

# name, data, status, whether the reply is sealed when encryption is on
COMMANDS = [
    ("update_location", {"gps": [52.0, 4.0], "gps_accuracy": 10, "battery": 80}, 200, False),
    ("update_location", {"gps": [52.0, 4.0]}, 200, False),
    ("call_service", {"domain": "light", "service": "turn_on", "service_data": {"entity_id": "light.none"}}, 200, False),
    ("call_service", {"domain": "nope", "service": "nope"}, 200, False),
    ("fire_event", {"event_type": "ios.action_fired", "event_data": {"a": 1}}, 200, False),
    ("render_template", {"a": {"template": "{{ 1+1 }}"}, "b": {"template": "{{ 1/0 }}"}}, 200, True),
    ("update_registration", {"app_version": "2", "model": "Two"}, 200, True),
    ("get_zones", None, 200, True),
    ("get_config", None, 200, True),
    ("stream_camera", {"camera_entity_id": "camera.none"}, 400, True),
    ("conversation_process", {"text": "hello", "language": "en", "conversation_id": "c1"}, 200, True),
    ("register_sensor", SENSOR, 201, True),
    ("register_sensor", SENSOR, 201, True),
    ("update_sensor_states", UPDATES, 200, True),
    ("update_sensor_states", UPDATES[0], 200, True),
    ("scan_tag", {"tag_id": "front-door"}, 200, False),
    ("no_such_command", {}, 200, False),
]


def sealed_like_plain(hub, key_of) -> None:
    """Both phones send the same; what is within the sealed replies must be what is in clear."""
    for make in (HttpDoor, WebSocketDoor):
        door = make(hub)
        sealed = Phone(hub, door, f"Sealed {make.__name__}")
        plain = Phone(hub, door, f"Plain {make.__name__}", encrypted=False)
        for kind, data, status, is_sealed in COMMANDS:
            clear = plain.plain(kind, data)
            hidden = sealed.sealed(key_of(sealed), kind, data)
            assert (clear.status, hidden.status) == (status, status), (kind, clear, hidden)
            if not is_sealed:
                assert hidden == clear, kind
                continue
            assert hidden.content_type == clear.content_type == "application/json"
            got, expected = hidden.unseal(key_of(sealed)), clear.json()
            for reply in (got, expected):
                if kind == "get_config":
                    del reply["hass_device_id"], reply["entities"]
                elif kind == "update_registration":
                    del reply["device_name"], reply["supports_encryption"]
            assert got == expected, kind
        door.close()


def test_every_command_sealed_with_the_current_key(hub):
    sealed_like_plain(hub, lambda phone: phone.current)


def test_every_command_sealed_with_the_legacy_key(hub):
    sealed_like_plain(hub, lambda phone: phone.legacy)


def test_both_doors_answer_alike_byte_for_byte(hub):
    http, socket = HttpDoor(hub), WebSocketDoor(hub)
    phone = Phone(hub, http, "Alike", encrypted=False)
    for kind, data, status, _ in COMMANDS:
        phone.door = http
        over_http = phone.plain(kind, data)
        phone.door = socket
        over_socket = phone.plain(kind, data)
        assert over_http == over_socket, kind
        assert over_http.status == status, kind
    http.close()
    socket.close()


@pytest.mark.parametrize("key", ["current", "legacy"])
def test_what_a_sealed_phone_sends_shows_in_the_home(hub, door, key):
    phone = Phone(hub, door, "Seen")
    use = getattr(phone, key)
    assert phone.sealed(use, "register_sensor", SENSOR).unseal(use) == {"success": True}
    location = {"gps": [52.3731, 4.8903], "gps_accuracy": 10, "battery": 80}
    assert phone.sealed(use, "update_location", location).body == "{}"
    tracker = hub.state("device_tracker.seen").json()
    assert tracker["state"] == "home"
    assert tracker["attributes"]["battery_level"] == 80
    sensor = hub.state("sensor.seen_battery").json()
    assert sensor["state"] == "50"
    update = [{"type": "sensor", "unique_id": "battery", "state": 49, "attributes": {"charging": False}}]
    assert phone.sealed(use, "update_sensor_states", update).unseal(use) == {"battery": {"success": True}}
    sensor = hub.state("sensor.seen_battery").json()
    assert sensor["state"] == "49"
    assert sensor["attributes"]["charging"] is False


def test_a_sealed_call_reaches_a_light_of_the_demo_home(hub, door):
    states = api(hub, "GET", "/api/states").json()
    light = next(state["entity_id"] for state in states if state["entity_id"].startswith("light."))
    phone = Phone(hub, door, "Switch")
    for service, expected in (("turn_on", "on"), ("turn_off", "off")):
        call = {"domain": "light", "service": service, "service_data": {"entity_id": light}}
        assert phone.sealed(phone.current, "call_service", call).status == 200
        assert hub.state(light).json()["state"] == expected


def test_text_of_many_alphabets_arrives_as_sent(hub, door):
    phone = Phone(hub, door, "Text")
    text = "Zoë · 家 · 🏠 · \u0000 · \\\" · \u2028"
    data = {"a": {"template": "{{ text }}!", "variables": {"text": text}}}
    answer = phone.sealed(phone.current, "render_template", data)
    assert answer.unseal(phone.current) == {"a": text + "!"}
