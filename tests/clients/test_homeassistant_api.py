"""homeassistant-api, a typed Python client of the REST and WebSocket APIs, does its round trip."""

import pytest
import requests
from homeassistant_api import Client, State, WebsocketClient
from homeassistant_api.errors import UnauthorizedError

LAMP = "light.kitchen_lights"


@pytest.fixture
def rest(hub):
    with Client(f"http://{hub.address}/api", hub.token) as client:
        yield client


@pytest.fixture
def socket(hub):
    with WebsocketClient(f"ws://{hub.address}/api/websocket", hub.token) as client:
        yield client


def test_a_wrong_token_is_unauthorized(hub):
    with pytest.raises(UnauthorizedError):
        Client(f"http://{hub.address}/api", "no.such.token").check_api_running()


def test_rest_tells_of_the_hub(rest):
    assert rest.check_api_running()
    assert rest.check_api_config()
    assert rest.get_config()["location_name"] == "Test home"
    assert "mobile_app" in rest.get_components()
    assert any(event.event == "state_changed" for event in rest.get_events())


def test_rest_reads_and_writes_states(rest):
    assert LAMP in {state.entity_id for state in rest.get_states()}
    assert rest.get_state(entity_id=LAMP).state in ("on", "off")
    written = rest.set_state(State(entity_id="sensor.of_a_client", state="21", attributes={"unit": "C"}))
    assert written.state == "21"
    entity = rest.get_entity(entity_id="sensor.of_a_client")
    assert entity.state.attributes["unit"] == "C"


def test_rest_calls_services_and_gets_the_changed_states(rest):
    light = rest.get_domain("light")
    changed = light.toggle(entity_id=LAMP)
    assert LAMP in {state.entity_id for state in changed}


def test_rest_renders_templates_and_fires_events(rest):
    assert rest.get_rendered_template("{{ 6 * 7 }}") == "42"
    assert rest.fire_event("of_a_client", n=1) == "Event of_a_client fired."


def test_the_socket_reads_and_calls(socket):
    assert socket.ping_latency() > 0
    assert socket.get_config()["state"] == "RUNNING"
    assert LAMP in {state.entity_id for state in socket.get_states()}
    assert "turn_on" in socket.get_domain("light").services
    socket.trigger_service("light", "turn_on", entity_id=LAMP)
    assert socket.get_state(entity_id=LAMP).state == "on"
    assert socket.get_rendered_template("{{ 6 * 7 }}") == "42"


def test_the_socket_hears_events_and_triggers(hub, socket):
    with socket.listen_events("of_a_client") as events:
        socket.fire_event("of_a_client", n=1)
        assert next(events).data == {"n": 1}
    socket.trigger_service("light", "turn_off", entity_id=LAMP)
    with socket.listen_trigger("state", entity_id=LAMP, to="on") as fired:
        socket.trigger_service("light", "turn_on", entity_id=LAMP)
        assert next(fired)["trigger"]["to_state"]["state"] == "on"


def test_the_socket_lists_registries_and_config_entries(hub, socket):
    entities = socket.list_entity_registry()
    assert LAMP in {entity.entity_id for entity in entities}
    assert socket.get_entity_registry_entry(LAMP).entity_id == LAMP
    phone = {
        "app_id": "a", "app_name": "A", "app_version": "1", "device_name": "Pixel", "device_id": "d",
        "manufacturer": "m", "model": "m", "os_name": "o", "os_version": "1", "supports_encryption": False,
    }
    bearer = {"Authorization": f"Bearer {hub.token}"}
    url = f"http://{hub.address}/api/mobile_app/registrations"
    assert requests.post(url, json=phone, headers=bearer, timeout=30).status_code == 201
    assert [(entry.domain, entry.title) for entry in socket.get_config_entries()] == [("mobile_app", "Pixel")]
