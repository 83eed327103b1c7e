"""The requests that the Companion apps send, in their order (spec companion-apps §3 to §9)."""

import json
from urllib.parse import urlencode

import pytest
import requests
import websocket

from phone import TIMEOUT_S, current_key, seal, unseal

PASSWORD = "a horse in the hall"
REDIRECT = "homeassistant://auth-callback"
ANDROID = "https://home-assistant.io/android"
IOS = "https://home-assistant.io/iOS"


class App:
    """One app on one phone: plain HTTP and a socket, as the apps use them."""

    def __init__(self, hub, client_id: str):
        self.base = f"http://{hub.address}"
        self.client_id = client_id
        self.http = requests.Session()
        self.tokens = {}
        self.registration = {}
        self.last_id = 0

    def post(self, path: str, **kwargs) -> requests.Response:
        return self.http.post(self.base + path, timeout=TIMEOUT_S, **kwargs)

    # Signing in: §3 steps 1 to 3, §4 steps 1 to 3.

    def open_login_page(self) -> requests.Response:
        query = urlencode({"response_type": "code", "client_id": self.client_id, "redirect_uri": REDIRECT})
        return self.http.get(f"{self.base}/auth/authorize?{query}", timeout=TIMEOUT_S)

    def authorization_code(self, username: str, password: str) -> str:
        """What the login page does within the web view."""
        handler = ["homeassistant", None]
        begun = {"client_id": self.client_id, "handler": handler, "redirect_uri": REDIRECT}
        flow = self.post("/auth/login_flow", json=begun).json()
        answer = {"client_id": self.client_id, "username": username, "password": password}
        done = self.post(f"/auth/login_flow/{flow['flow_id']}", json=answer).json()
        assert done["type"] == "create_entry", done
        return done["result"]

    def sign_in(self) -> None:
        code = self.authorization_code("anna", PASSWORD)
        form = {"grant_type": "authorization_code", "code": code, "client_id": self.client_id}
        reply = self.post("/auth/token", data=form)
        assert reply.status_code == 200, reply.text
        self.tokens = reply.json()

    def refresh(self) -> requests.Response:
        form = {
            "grant_type": "refresh_token",
            "refresh_token": self.tokens["refresh_token"],
            "client_id": self.client_id,
        }
        return self.post("/auth/token", data=form)

    def bearer(self) -> dict:
        return {"Authorization": f"Bearer {self.tokens['access_token']}"}

    # The registration and its webhook: §3 step 4, §6, §7.

    def register(self, name: str, encrypts: bool) -> None:
        body = {
            "app_id": "io.robbie.HomeAssistant" if encrypts else "io.homeassistant.companion.android",
            "app_name": "Home Assistant",
            "app_version": "2026.8.1 (20260801)",
            "device_name": name,
            "manufacturer": "Apple" if encrypts else "Google",
            "model": "iPhone17,1" if encrypts else "Pixel 10",
            "os_name": "iOS" if encrypts else "Android",
            "os_version": "26.1" if encrypts else "16",
            "supports_encryption": encrypts,
            "app_data": {"push_websocket_channel": True},
            "device_id": f"device-of-{name}",
        }
        reply = self.post("/api/mobile_app/registrations", json=body, headers=self.bearer())
        assert reply.status_code == 201, reply.text
        self.registration = reply.json()
        # Android reads them by key; null is fine.
        assert {"webhook_id", "secret", "cloudhook_url", "remote_ui_url"} <= set(self.registration)

    def hook(self, kind: str, data=None, status: int = 200):
        """A webhook message, sealed when the registration has a secret."""
        secret = self.registration["secret"]
        message = {"type": kind}
        if secret:
            message |= {"type": kind, "encrypted": True, "encrypted_data": seal(current_key(secret), data or {})}
        elif data is not None:
            message["data"] = data
        reply = self.post(f"/api/webhook/{self.registration['webhook_id']}", json=message)
        assert reply.status_code == status, (kind, reply.status_code, reply.text)
        answer = reply.json()
        # What tells the phone nothing is answered in clear.
        is_sealed = secret and "encrypted" in answer
        return unseal(current_key(secret), answer["encrypted_data"]) if is_sealed else answer

    # The socket: §9.

    def connect(self, coalesces: bool) -> None:
        self.socket = websocket.create_connection(
            f"{self.base.replace('http', 'ws', 1)}/api/websocket", timeout=TIMEOUT_S,
        )
        self.waiting = []
        assert self.receive()["type"] == "auth_required"
        self.socket.send(json.dumps({"type": "auth", "access_token": self.tokens["access_token"]}))
        welcome = self.receive()
        assert welcome["type"] == "auth_ok" and welcome["ha_version"], welcome
        if coalesces:
            self.command("supported_features", features={"coalesce_messages": 1})

    def receive(self) -> dict:
        if not self.waiting:
            message = json.loads(self.socket.recv())
            self.waiting = message if isinstance(message, list) else [message]
        return self.waiting.pop(0)

    def send(self, kind: str, **fields) -> int:
        self.last_id += 1
        self.socket.send(json.dumps({"id": self.last_id, "type": kind, **fields}))
        return self.last_id

    def command(self, kind: str, **fields):
        """The result; events that come before it are passed over."""
        sent = self.send(kind, **fields)
        while True:
            message = self.receive()
            if message["id"] == sent and message["type"] == "result":
                assert message["success"], (kind, message)
                return message["result"]

    def event(self, subscription: int, wanted=lambda _: True) -> dict:
        """The next event of a subscription that is wanted."""
        while True:
            message = self.receive()
            if message["id"] == subscription and message["type"] == "event" and wanted(message["event"]):
                return message["event"]


@pytest.fixture
def app(hub, request):
    hub.add_user("anna", PASSWORD, "--admin")
    opened = App(hub, request.param)
    yield opened
    if hasattr(opened, "socket"):
        opened.socket.close()


both = pytest.mark.parametrize("app", [ANDROID, IOS], indirect=True)
android = pytest.mark.parametrize("app", [ANDROID], indirect=True)
ios = pytest.mark.parametrize("app", [IOS], indirect=True)


@both
def test_an_app_signs_in_refreshes_and_signs_out(app):
    page = app.open_login_page()
    assert page.status_code == 200 and "text/html" in page.headers["Content-Type"]
    app.sign_in()
    assert {"access_token", "refresh_token", "token_type", "expires_in"} <= set(app.tokens)

    refreshed = app.refresh().json()
    assert refreshed["token_type"] == "Bearer" and "refresh_token" not in refreshed
    app.tokens |= refreshed

    # iOS, and Android before 2022.9, use the old form.
    gone = app.post("/auth/token", data={"action": "revoke", "token": app.tokens["refresh_token"]})
    assert gone.status_code == 200
    refused = app.refresh()
    assert refused.status_code == 400 and refused.json()["error"] == "invalid_grant"


@android
def test_android_sets_itself_up(app):
    app.sign_in()
    app.register("Pixel", encrypts=False)
    assert app.registration["secret"] is None

    config = app.hook("get_config")
    needed = {
        "latitude", "longitude", "elevation", "unit_system", "location_name", "time_zone", "components", "version",
    }
    assert needed <= set(config) and config["hass_device_id"]

    app.connect(coalesces=True)
    user = app.command("auth/current_user")
    assert user["name"] == "anna" and user["is_admin"]

    battery = {"unique_id": "battery_level", "type": "sensor", "name": "Battery level", "state": 80,
               "icon": "mdi:battery-80", "attributes": {}, "device_class": "battery", "unit_of_measurement": "%",
               "state_class": "measurement", "entity_category": "diagnostic", "disabled": False}
    off = {"unique_id": "wifi_bssid", "type": "sensor", "name": "WiFi BSSID", "state": None, "icon": "mdi:wifi",
           "attributes": {}, "device_class": None, "unit_of_measurement": None, "state_class": None,
           "entity_category": "diagnostic", "disabled": True}
    for sensor in (battery, off):
        assert app.hook("register_sensor", sensor, 201) == {"success": True}
    entities = app.hook("get_config")["entities"]
    assert entities["battery_level"] == {"disabled": False} and entities["wifi_bssid"] == {"disabled": True}

    watching = app.last_id + 1
    app.command("subscribe_entities", entity_ids=["sensor.pixel_battery_level", "device_tracker.pixel"])
    app.event(watching)
    update = {"unique_id": "battery_level", "type": "sensor", "state": 79, "icon": "mdi:battery-70", "attributes": {}}
    assert app.hook("update_sensor_states", [update]) == {"battery_level": {"success": True}}
    diff = app.event(watching, lambda event: "sensor.pixel_battery_level" in event.get("c", {}))
    assert diff["c"]["sensor.pixel_battery_level"]["+"]["s"] == "79"

    location = {"gps": [52.3731, 4.8903], "gps_accuracy": 12, "speed": 0, "altitude": 3, "course": 90,
                "vertical_accuracy": 4, "battery": 79}
    app.hook("update_location", location)
    app.event(watching, lambda event: "device_tracker.pixel" in event.get("c", {}) | event.get("a", {}))

    zones = app.hook("get_zones")
    assert {"entity_id", "state", "attributes", "last_changed", "last_updated"} <= set(zones[0])
    assert app.hook("render_template", {"w": {"template": "{{ 6 * 7 }}", "variables": {}}}) == {"w": 42}
    app.hook("fire_event", {"event_type": "mobile_app_notification_action", "event_data": {"action": "OPEN"}})
    app.hook("update_registration", {
        "app_version": "2026.8.2", "device_name": "Pixel", "manufacturer": "Google", "model": "Pixel 10",
        "os_version": "16", "app_data": {"push_websocket_channel": True},
    })

    state = app.http.get(f"{app.base}/api/states/device_tracker.pixel", headers=app.bearer(), timeout=TIMEOUT_S)
    assert state.json()["state"] == "home"


@ios
def test_ios_sets_itself_up_with_encryption(app):
    app.sign_in()
    app.connect(coalesces=False)
    assert isinstance(app.command("config/device_registry/list"), list)
    app.register("iPhone", encrypts=True)
    assert len(app.registration["secret"]) == 64

    assert app.hook("get_config")["version"]
    steps = {"unique_id": "pedometer_steps", "type": "sensor", "name": "Steps", "state": 1234.5, "icon": "mdi:walk"}
    assert app.hook("register_sensor", steps, 201) == {"success": True}
    answer = app.hook("update_sensor_states", [
        {"unique_id": "pedometer_steps", "type": "sensor", "state": 1235, "icon": "mdi:walk"},
        {"unique_id": "unheard_of", "type": "sensor", "state": 1, "icon": "mdi:walk"},
    ])
    assert answer["pedometer_steps"] == {"success": True}
    assert answer["unheard_of"]["error"]["code"] == "not_registered"

    app.hook("update_location", {
        "gps": [52.4, 4.9], "gps_accuracy": 14.25, "speed": 1.5, "course": 271.9, "altitude": 1.75,
        "vertical_accuracy": 2.5, "battery": 64,
    })
    # Every later start begins with it; an empty answer would make the app register again.
    renewed = app.hook("update_registration", {
        "app_version": "2026.9", "device_name": "iPhone", "manufacturer": "Apple", "model": "iPhone17,1",
        "os_version": "26.2", "app_data": {"push_websocket_channel": True},
    })
    assert renewed["device_name"] == "iPhone" and renewed["app_version"] == "2026.9"

    missing = app.http.get(f"{app.base}/api/ios/config", headers=app.bearer(), timeout=TIMEOUT_S)
    assert missing.status_code == 404


@both
def test_the_socket_answers_what_an_app_asks_at_its_start(app):
    app.sign_in()
    app.register("Phone", encrypts=app.client_id == IOS)
    app.connect(coalesces=app.client_id == ANDROID)
    assert app.command("get_config")["state"] == "RUNNING"
    assert app.command("get_services")["light"]["turn_on"]
    assert app.command("get_states")
    for kind in ("area", "device", "entity", "floor"):
        assert isinstance(app.command(f"config/{kind}_registry/list"), list)
    shown = app.command("config/entity_registry/list_for_display")
    assert {"ei", "pl", "lb"} <= set(shown["entities"][0])
    entity_id = shown["entities"][0]["ei"]
    assert app.command("config/entity_registry/get", entity_id=entity_id)["entity_id"] == entity_id
    for event_type in ("state_changed", "area_registry_updated", "core_config_updated", "component_loaded"):
        app.command("subscribe_events", event_type=event_type)
    app.command("subscribe_trigger", trigger={"platform": "state", "entity_id": entity_id})
    app.command("frontend/get_user_data", key="sidebar")
    assert app.command("get_panels")


@both
def test_a_push_reaches_the_app_through_its_socket(app):
    app.sign_in()
    app.register("Phone", encrypts=app.client_id == IOS)
    app.connect(coalesces=app.client_id == ANDROID)
    webhook_id = app.registration["webhook_id"]
    channel = app.last_id + 1
    app.command("mobile_app/push_notification_channel", webhook_id=webhook_id, support_confirm=True)
    data = {"message": "The door is open", "title": "Door", "data": {"tag": "door"}}
    app.send("call_service", domain="notify", service="mobile_app_phone", service_data=data)
    push = app.event(channel)
    assert push["message"] == "The door is open" and push["data"] == {"tag": "door"}
    app.command("mobile_app/push_notification_confirm", webhook_id=webhook_id, confirm_id=push["hass_confirm_id"])


@both
def test_a_registration_that_was_removed_is_told_to_register_again(app):
    app.sign_in()
    app.register("Phone", encrypts=False)
    entries = app.http.get(
        f"{app.base}/api/config/config_entries/entry?domain=mobile_app", headers=app.bearer(), timeout=TIMEOUT_S,
    ).json()
    removed = app.http.delete(
        f"{app.base}/api/config/config_entries/entry/{entries[0]['entry_id']}",
        headers=app.bearer(), timeout=TIMEOUT_S,
    )
    assert removed.json() == {"require_restart": False}
    hook = f"/api/webhook/{app.registration['webhook_id']}"
    assert app.post(hook, json={"type": "update_registration", "data": {}}).status_code == 410
    unknown = app.post("/api/webhook/" + "0" * 64, json={"type": "get_config"})
    assert (unknown.status_code, unknown.content) == (200, b"")
