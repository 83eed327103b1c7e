"""Apps find the hub by multicast DNS: python-zeroconf looks for it, as they do."""

import queue
import socket

import pytest
from phone import WebSocketDoor
from zeroconf import ServiceBrowser, ServiceListener, Zeroconf

SERVICE = "_home-assistant._tcp.local."
DEADLINE_S = 20

# Loopback, so that the test needs no network and tells nobody.
CONFIG = """
internal_url = "http://192.168.1.5:8123"
[discovery]
interfaces = ["lo"]
"""


class Found(ServiceListener):
    """What is announced, in the order in which it is heard."""

    def __init__(self):
        self.heard: queue.Queue[tuple[str, str]] = queue.Queue()

    def add_service(self, zeroconf, kind, name):
        self.heard.put(("added", name))

    def update_service(self, zeroconf, kind, name):
        self.heard.put(("updated", name))

    def remove_service(self, zeroconf, kind, name):
        self.heard.put(("removed", name))

    def wait(self, what: str, name: str) -> None:
        while (heard := self.heard.get(timeout=DEADLINE_S)) != (what, name):
            pass


@pytest.fixture
def network():
    zeroconf = Zeroconf(interfaces=["127.0.0.1"])
    yield zeroconf
    zeroconf.close()


@pytest.mark.parametrize("hub", [CONFIG], indirect=True)
def test_a_hub_is_found_with_all_that_apps_need_and_says_goodbye(hub, network):
    found = Found()
    browser = ServiceBrowser(network, SERVICE, found)
    found.wait("added", f"Test home.{SERVICE}")
    service = network.get_service_info(SERVICE, f"Test home.{SERVICE}", timeout=DEADLINE_S * 1000)
    assert service.port == int(hub.address.rsplit(":", 1)[1])
    records = {key.decode(): value.decode() for key, value in service.properties.items() if value is not None}
    uuid = records.pop("uuid")
    assert len(uuid) == 32 and service.server == f"{uuid}.local."
    assert records.pop("version").count(".") == 2
    assert records == {
        "location_name": "Test home",
        "internal_url": "http://192.168.1.5:8123",
        "external_url": "",
        "base_url": "http://192.168.1.5:8123",
        "requires_api_password": "True",
    }
    assert socket.inet_aton("127.0.0.1") in service.addresses

    assert hub.stop() == 0
    found.wait("removed", f"Test home.{SERVICE}")
    browser.cancel()


@pytest.mark.parametrize("hub", [CONFIG], indirect=True)
def test_a_home_that_is_renamed_is_announced_under_its_new_name(hub, network):
    found = Found()
    browser = ServiceBrowser(network, SERVICE, found)
    found.wait("added", f"Test home.{SERVICE}")
    before = network.get_service_info(SERVICE, f"Test home.{SERVICE}", timeout=DEADLINE_S * 1000)
    door = WebSocketDoor(hub)
    assert door.call("config/core/update", external_url="https://home.example.org")["success"]
    found.wait("updated", f"Test home.{SERVICE}")
    assert door.call("config/core/update", location_name="Villa")["success"]
    door.close()
    found.wait("removed", f"Test home.{SERVICE}")
    found.wait("added", f"Villa.{SERVICE}")
    after = network.get_service_info(SERVICE, f"Villa.{SERVICE}", timeout=DEADLINE_S * 1000)
    assert after.properties[b"uuid"] == before.properties[b"uuid"]
    assert after.properties[b"external_url"] == b"https://home.example.org"
    browser.cancel()
