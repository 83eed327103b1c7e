"""A phone as an app author would write it, on PyNaCl: a peer that shares no code with the hub."""

import base64
import json
from dataclasses import dataclass

import requests
import websocket
from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

TIMEOUT_S = 30


def api(hub, method: str, path: str, body=None) -> requests.Response:
    """A REST call with the owner's token."""
    headers = {"Authorization": f"Bearer {hub.token}"}
    return requests.request(method, f"http://{hub.address}{path}", headers=headers, json=body, timeout=TIMEOUT_S)


def current_key(secret: str) -> bytes:
    """The 64 hex characters of the secret, decoded."""
    return bytes.fromhex(secret)


def legacy_key(secret: str) -> bytes:
    """The first 32 characters of the hex text, taken as bytes."""
    return secret[:32].encode("ascii").ljust(32, b"\0")


def seal(key: bytes, data, nonce: bytes | None = None) -> str:
    """base64(nonce, mac, ciphertext) around the JSON of `data`."""
    text = data if isinstance(data, str) else json.dumps(data)
    return base64.b64encode(bytes(SecretBox(key).encrypt(text.encode(), nonce))).decode()


def unseal(key: bytes, frame: str):
    """The JSON within a frame; raises CryptoError if this is not its key."""
    raw = base64.b64decode(frame, validate=True)
    return json.loads(SecretBox(key).decrypt(raw))


@dataclass(frozen=True)
class Answer:
    """What a webhook answered, in the words that both doors share."""

    status: int
    body: str
    content_type: str

    def json(self):
        return json.loads(self.body)

    def unseal(self, key: bytes):
        envelope = self.json()
        assert set(envelope) == {"encrypted", "encrypted_data"}, self
        assert envelope["encrypted"] is True
        return unseal(key, envelope["encrypted_data"])

    def is_sealed_with(self, key: bytes) -> bool:
        try:
            self.unseal(key)
        except CryptoError:
            return False
        return True


class HttpDoor:
    """`POST /api/webhook/<id>`."""

    def __init__(self, hub):
        self.hub = hub
        self.session = requests.Session()

    def post(self, webhook_id: str, body: str) -> Answer:
        url = f"http://{self.hub.address}/api/webhook/{webhook_id}"
        headers = {"Content-Type": "application/json"}
        reply = self.session.post(url, data=body.encode(), headers=headers, timeout=TIMEOUT_S)
        content_type = reply.headers.get("Content-Type", "application/octet-stream").split(";")[0].strip()
        return Answer(reply.status_code, reply.content.decode(), content_type)

    def reopen(self) -> None:
        self.close()
        self.session = requests.Session()

    def close(self) -> None:
        self.session.close()


class WebSocketDoor:
    """`webhook/handle` on an authenticated socket."""

    def __init__(self, hub):
        self.hub = hub
        self.reopen()

    def reopen(self) -> None:
        self.id = 0
        self.socket = websocket.create_connection(f"ws://{self.hub.address}/api/websocket", timeout=TIMEOUT_S)
        assert json.loads(self.socket.recv())["type"] == "auth_required"
        self.socket.send(json.dumps({"type": "auth", "access_token": self.hub.token}))
        assert json.loads(self.socket.recv())["type"] == "auth_ok"

    def call(self, kind: str, **fields) -> dict:
        """Sends a command and gives its answer; events that come first are dropped."""
        self.id += 1
        self.socket.send(json.dumps({"id": self.id, "type": kind, **fields}))
        while True:
            message = json.loads(self.socket.recv())
            if message["id"] == self.id and message["type"] != "event":
                return message

    def event(self) -> dict:
        """The next event of any subscription."""
        while True:
            message = json.loads(self.socket.recv())
            if message["type"] == "event":
                return message["event"]

    def post(self, webhook_id: str, body: str) -> Answer:
        headers = {"Content-Type": "application/json"}
        answer = self.call("webhook/handle", webhook_id=webhook_id, method="POST", body=body, headers=headers)
        assert answer["success"], answer
        result = answer["result"]
        return Answer(result["status"], result["body"] or "", result["headers"]["Content-Type"])

    def close(self) -> None:
        self.socket.close()


def registration(name: str, encrypted: bool = True) -> dict:
    return {
        "app_id": "org.example.phone",
        "app_name": "Example phone",
        "app_version": "2025.4.1",
        "device_name": name,
        "device_id": f"device-{name}",
        "manufacturer": "Example",
        "model": "One",
        "os_name": "Linux",
        "os_version": "6.1",
        "supports_encryption": encrypted,
    }


class Phone:
    """A registered phone that talks through a door."""

    def __init__(self, hub, door, name: str, encrypted: bool = True):
        reply = api(hub, "POST", "/api/mobile_app/registrations", registration(name, encrypted))
        assert reply.status_code == 201, reply.text
        self.door = door
        self.webhook_id = reply.json()["webhook_id"]
        self.secret = reply.json()["secret"]

    @property
    def current(self) -> bytes:
        return current_key(self.secret)

    @property
    def legacy(self) -> bytes:
        return legacy_key(self.secret)

    def plain(self, kind: str, data=None) -> Answer:
        body = {"type": kind} if data is None else {"type": kind, "data": data}
        return self.door.post(self.webhook_id, json.dumps(body))

    def sealed(self, key: bytes, kind: str, data=None) -> Answer:
        return self.frame(kind, seal(key, {} if data is None else data))

    def frame(self, kind: str, frame: str) -> Answer:
        body = {"type": kind, "encrypted": True, "encrypted_data": frame}
        return self.door.post(self.webhook_id, json.dumps(body))
