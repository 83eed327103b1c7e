"""What the tests share: a running hub, and the doors to its webhooks."""

import pytest

import phone as phones
from hub_process import Hub


@pytest.fixture
def hub(tmp_path, request):
    """A running hub; `@pytest.mark.parametrize("hub", [config], indirect=True)` adds settings."""
    started = Hub(tmp_path, getattr(request, "param", ""))
    started.start()
    yield started
    started.kill()
    if request.session.testsfailed:
        print("".join(started.log[-60:]))


@pytest.fixture(params=["http", "websocket"])
def door(hub, request):
    """A way to the webhooks of a running hub."""
    opened = phones.HttpDoor(hub) if request.param == "http" else phones.WebSocketDoor(hub)
    yield opened
    opened.close()
