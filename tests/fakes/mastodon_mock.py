"""The `mastodon-mock` package as a process of its own: a third party's reading of the Mastodon API."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Self

import httpx
from pydantic import SecretStr

from listener.platforms.mastodon.account import MastodonAccount

_CONFIG = """
[streaming]
heartbeat_seconds = 0.2
[seed]
accounts = [
  {username = "fernway", access_token = "fernway-token"},
  {username = "ana", access_token = "ana-token"},
  {username = "ben", domain = "far.example", access_token = "ben-token"},
  {username = "robot", bot = true, access_token = "robot-token"},
]
"""
_START_SECONDS = 60
"""It takes 3 s on an idle machine."""


class MastodonMock:
    """Start it once, and `reset` it for each test."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self._config = folder / "mastodon_mock.toml"
        self._config.write_text(_CONFIG)
        self.url = f"http://127.0.0.1:{self.port}"
        # Kept open, a connection would be used again just as the server closes it, idle for 5 s.
        once = httpx.Limits(max_keepalive_connections=0)
        self._http = httpx.Client(base_url=self.url, timeout=20, limits=once)

    def __enter__(self) -> Self:
        command = ["serve", "--config", str(self._config), "--in-memory", "--host", "127.0.0.1"]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "mastodon_mock", *command, "--port", str(self.port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        ready = threading.Event()
        said: list[str] = []

        def read() -> None:
            for line in self._process.stderr or ():
                said.append(line)
                if "Uvicorn running on" in line:
                    ready.set()
            ready.set()

        threading.Thread(target=read, daemon=True).start()
        if not ready.wait(_START_SECONDS) or self._process.poll() is not None:
            self.__exit__()
            raise RuntimeError(f"mastodon-mock did not start: {''.join(said)[-2_000:]}")
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()

    @property
    def account(self) -> MastodonAccount:
        return MastodonAccount("fernway", self.url, SecretStr("fernway-token"), "fernway")

    def reset(self) -> None:
        self.call("POST", "/api/v1/_mock/reset")
        self.call("DELETE", "/api/v1/_mock/faults")

    def post(self, who: str, text: str, **facts: Any) -> str:
        """Publish as one of the accounts; the status's id."""
        return str(self.call("POST", "/api/v1/statuses", who, json={"status": text, **facts})["id"])

    def call(self, method: str, path: str, who: str = "fernway", **request: Any) -> Any:
        headers = {"Authorization": f"Bearer {who}-token"}
        response = self._http.request(method, path, headers=headers, **request)
        response.raise_for_status()
        return response.json() if response.content else None

    def fault(self, effect: dict[str, Any], path: str, method: str = "GET", count: int = 1) -> None:
        """The next requests for the path go wrong."""
        match = {"methods": [method], "path": path}
        self.call("POST", "/api/v1/_mock/faults", json={"match": match, "effect": effect, "count": count})

    def statuses_of(self, who: str) -> list[Any]:
        account = self.call("GET", "/api/v1/accounts/verify_credentials", who)
        found = self.call("GET", f"/api/v1/accounts/{account['id']}/statuses", who)
        assert isinstance(found, list)
        return found
