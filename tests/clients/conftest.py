"""A running hub with the demo home and somebody who can sign in."""

import pytest

from hub_process import Hub

NAME = "anna"
PASSWORD = "a horse in the hall"


@pytest.fixture
def hub(tmp_path, request):
    started = Hub(tmp_path)
    started.add_user(NAME, PASSWORD, "--admin")
    started.start()
    yield started
    started.kill()
    if request.session.testsfailed:
        print("".join(started.log[-60:]))
