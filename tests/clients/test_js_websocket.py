"""home-assistant-js-websocket does its round trip."""

import subprocess
from pathlib import Path

from conftest import NAME, PASSWORD

HERE = Path(__file__).parent


def test_the_library_of_the_web_frontend_works_unmodified(hub):
    run = subprocess.run(
        ["node", "js_websocket.mjs", f"http://{hub.address}", NAME, PASSWORD],
        cwd=HERE, capture_output=True, text=True, timeout=120,
    )
    assert run.returncode == 0, run.stdout + run.stderr
