"""spec mobile-app.md §4: keys, frames and known answers, against real libsodium."""

import base64
import json

import pytest

import phone as phones
from phone import Phone

SECRET = bytes(range(32)).hex()
NONCE = bytes(range(0x40, 0x58))
PLAINTEXT = '{"tag_id":"abc"}'
CURRENT = "QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXf48P6Jqmyyy9tODqQKVYVjE1IRhdDtJO5GNTAArqeIw="
LEGACY = "QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZX1QBoZtGh+wOJQb/eeITyKYpKcG4ZbmN/uaOV3w35vc4="

ALREADY = {"success": False, "error": {"code": "encryption_already_enabled", "message": "Encryption already enabled"}}
REQUIRED = {"success": False, "error": {"code": "encryption_required", "message": "Encryption required"}}


def provisioned(webhook_id: str, device_id: str) -> str:
    return f"""
[[provision.registrations]]
user = "Paul"
device_name = "{device_id}"
app_id = "org.example.phone"
app_name = "Example phone"
app_version = "1"
manufacturer = "Example"
model = "One"
os_name = "Linux"
os_version = "1"
device_id = "{device_id}"
webhook_id = "{webhook_id}"
secret = "{SECRET}"
supports_encryption = true
"""


ONE, TWO = "a1" * 32, "b2" * 32
KNOWN = provisioned(ONE, "known-one") + provisioned(TWO, "known-two")


def test_the_known_answers_are_what_libsodium_gives():
    assert phones.seal(phones.current_key(SECRET), PLAINTEXT, NONCE) == CURRENT
    assert phones.seal(phones.legacy_key(SECRET), PLAINTEXT, NONCE) == LEGACY
    assert len(base64.b64decode(CURRENT)) == 56


@pytest.mark.parametrize("hub", [KNOWN], indirect=True)
def test_the_hub_opens_the_known_answers(hub, door):
    watcher = phones.WebSocketDoor(hub)
    assert watcher.call("subscribe_events", event_type="tag_scanned")["success"]
    for webhook_id, frame in [
        (ONE, LEGACY), (ONE, LEGACY.rstrip("=")), (ONE, CURRENT), (TWO, CURRENT.rstrip("=")),
    ]:
        body = json.dumps({"type": "scan_tag", "encrypted": True, "encrypted_data": frame})
        answer = door.post(webhook_id, body)
        assert (answer.status, answer.body) == (200, "{}")
        assert watcher.event()["data"]["tag_id"] == "abc"
    watcher.close()


def test_the_first_message_with_the_current_key_switches_for_good(hub, door):
    phone = Phone(hub, door, "Switching")
    assert phone.plain("get_zones").json() == REQUIRED
    answer = phone.sealed(phone.legacy, "get_zones")
    assert answer.is_sealed_with(phone.legacy) and not answer.is_sealed_with(phone.current)
    answer = phone.sealed(phone.current, "get_zones")
    assert answer.is_sealed_with(phone.current) and not answer.is_sealed_with(phone.legacy)
    for restarted in (False, True):
        if restarted:
            hub.restart()
            door.reopen()
        answer = phone.sealed(phone.legacy, "get_zones")
        assert (answer.status, answer.body) == (200, "{}")
        assert phone.sealed(phone.current, "get_zones").is_sealed_with(phone.current)


def test_enable_encryption_in_each_state(hub, door):
    phone = Phone(hub, door, "Enabling", encrypted=False)
    answer = phone.plain("enable_encryption")
    assert answer.status == 200 and set(answer.json()) == {"secret"}
    phone.secret = answer.json()["secret"]
    assert len(bytes.fromhex(phone.secret)) == 32
    answer = phone.plain("enable_encryption")
    assert (answer.status, answer.json()) == (400, REQUIRED)
    answer = phone.sealed(phone.current, "enable_encryption")
    assert (answer.status, answer.json()) == (400, ALREADY)
    assert phone.sealed(phone.current, "get_zones").is_sealed_with(phone.current)


def test_replies_are_padded_standard_base64_with_a_fresh_nonce_each(hub, door):
    phone = Phone(hub, door, "Frames")
    nonces = set()
    for _ in range(20):
        frame = phone.sealed(phone.current, "get_config").json()["encrypted_data"]
        raw = base64.b64decode(frame, validate=True)
        assert base64.b64encode(raw).decode() == frame
        nonces.add(raw[:24])
    assert len(nonces) == 20


def test_frames_of_the_url_safe_alphabet_are_refused(hub, door):
    phone = Phone(hub, door, "Alphabet")
    refused = 0
    while refused < 5:
        frame = phones.seal(phone.current, {})
        safe = frame.replace("+", "-").replace("/", "_")
        if safe == frame:
            continue
        answer = phone.frame("get_zones", safe)
        assert (answer.status, answer.body) == (200, "{}")
        refused += 1
