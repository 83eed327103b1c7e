"""Starts the real `hearth` binary for the Python peers, on port 0 with a data folder of its own."""

import json
import os
import queue
import subprocess
import threading
from pathlib import Path

import pytest
import requests

ROOT = Path(__file__).resolve().parents[2]
START_S = 30

BASE_CONFIG = """
[hub]
name = "Test home"
latitude = 52.3731
longitude = 4.8903
time_zone = "Europe/Amsterdam"
"""


def binary() -> Path:
    """HEARTH_BIN, else the one that was built last of `ci` and `debug`; fails if there is none."""
    named = os.environ.get("HEARTH_BIN")
    if named:
        assert Path(named).is_file(), f"HEARTH_BIN is {named}, which is not a file"
        return Path(named)
    target = os.environ.get("CARGO_TARGET_DIR")
    if target is None:
        metadata = subprocess.run(
            ["cargo", "metadata", "--format-version", "1", "--no-deps"],
            cwd=ROOT, check=True, capture_output=True, text=True,
        )
        target = json.loads(metadata.stdout)["target_directory"]
    found = [path for path in (Path(target) / "ci/hearth", Path(target) / "debug/hearth") if path.is_file()]
    assert found, f"no hearth binary in {target}: build one with `cargo build -p hearth`"
    return max(found, key=lambda path: path.stat().st_mtime)


class Hub:
    """The binary under test."""

    def __init__(self, home: Path, config: str = ""):
        self.home = home
        self.data_dir = home / "data"
        self.config = home / "test.toml"
        self.config.write_text(BASE_CONFIG + config)
        self.process: subprocess.Popen | None = None
        self.address = ""
        self.log: list[str] = []
        self.threads: list[threading.Thread] = []
        created = self.cli("token", "create", "--data-dir", str(self.data_dir), "--user", "Paul", "--name", "tests")
        assert created.returncode == 0, created.stderr
        self.token = created.stdout.strip()

    def cli(self, *args: str, stdin: str | None = None) -> subprocess.CompletedProcess:
        return subprocess.run(
            [binary(), *args], cwd=self.home, capture_output=True, text=True, timeout=60, input=stdin,
        )

    def add_user(self, name: str, password: str, *flags: str) -> None:
        """A user who can sign in."""
        args = ["user", "add", "--data-dir", str(self.data_dir), "--name", name, "--password-stdin", *flags]
        added = self.cli(*args, stdin=password + "\n")
        assert added.returncode == 0, added.stderr

    def start(self) -> None:
        """Starts and waits for the one line on stdout."""
        self.process = subprocess.Popen(
            [binary(), "run", "--config", self.config, "--data-dir", self.data_dir, "--listen", "127.0.0.1:0"],
            cwd=self.home, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        lines: queue.Queue[str] = queue.Queue()
        self.threads = [
            threading.Thread(target=lambda: [lines.put(line) for line in self.process.stdout]),
            threading.Thread(target=lambda: [self.log.append(line) for line in self.process.stderr]),
        ]
        for thread in self.threads:
            thread.start()
        try:
            line = lines.get(timeout=START_S)
        except queue.Empty:
            self.kill()
            pytest.fail("the hub did not get ready:\n" + "".join(self.log))
        assert line.startswith("ready http://"), line
        self.address = line.removeprefix("ready http://").strip()

    def kill(self) -> None:
        """Ends the process as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            for thread in self.threads:
                thread.join()
            self.process.stdout.close()
            self.process.stderr.close()
            self.process = None

    def stop(self) -> int:
        """Asks the process to stop in good order and gives its exit status."""
        self.process.terminate()
        status = self.process.wait(timeout=START_S)
        self.kill()
        return status

    def restart(self) -> None:
        self.kill()
        self.start()

    def state(self, entity_id: str):
        headers = {"Authorization": f"Bearer {self.token}"}
        return requests.get(f"http://{self.address}/api/states/{entity_id}", headers=headers, timeout=START_S)
