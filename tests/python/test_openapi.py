"""The API answers as its own document says: schemathesis makes requests from `/api/openapi.json`."""

import json
import subprocess
import sys
from pathlib import Path

import requests

# Streams do not end by themselves.
STREAMS = ["/api/stream", "/api/websocket"]

# Whether a request that fits its schema is accepted depends on what is there: most made-up
# entities, services and flows are not.
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
    "allow_header_conformance",
    "ignored_auth",
]


def test_the_api_does_as_its_document_says(hub, tmp_path):
    arguments = [
        Path(sys.executable).with_name("st"), "run", f"http://{hub.address}/api/openapi.json",
        "--header", f"Authorization: Bearer {hub.token}",
        "--checks", ",".join(CHECKS),
        "--phases", "examples,coverage,fuzzing",
        "--max-examples", "50",
        "--generation-deterministic",
        "--request-timeout", "20",
        "--continue-on-failure",
        "--no-color",
    ]
    for path in STREAMS:
        arguments += ["--exclude-path", path]
    run = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True, timeout=110)
    assert run.returncode == 0, run.stdout[-20_000:] + run.stderr[-2_000:]
    assert hub.process.poll() is None, "the hub ended"


def test_the_document_is_for_those_who_are_signed_in(hub):
    url = f"http://{hub.address}/api/openapi.json"
    assert requests.get(url, timeout=20).status_code == 401
    document = requests.get(url, headers={"Authorization": f"Bearer {hub.token}"}, timeout=20).json()
    assert document["openapi"] == "3.1.0"
    # The views of integrations are in it too.
    assert "post" in document["paths"]["/api/mobile_app/registrations"], json.dumps(sorted(document["paths"]))
