"""Bluesky's reference implementation as a child process, and people who write there."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import httpx
from pydantic import SecretStr

from listener.platforms.bluesky.account import BlueskyAccount
from listener.platforms.bluesky.api import BlueskyClient
from listener.platforms.bluesky.session import Session

POSTS = "app.bsky.feed.post"
HERE = Path(__file__).parent / "bluesky"
BUILD = Path(__file__).parents[2] / "build" / "platforms" / "bluesky"
"""Ignored by git: some 360 MB of packages."""
INSTALL_SECONDS, START_SECONDS, PATIENCE_SECONDS = 900, 120, 20
T = TypeVar("T")


def now() -> datetime:
    return datetime.now(UTC)


def installed() -> Path:
    """Install the exact packages of the lock file, unless they are there."""
    lock = (HERE / "package-lock.json").read_bytes()
    stamp, mark = BUILD / "installed", hashlib.sha256(lock).hexdigest()
    if not stamp.exists() or stamp.read_text() != mark:
        BUILD.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, BUILD / name)
        command = ["npm", "ci", "--no-audit", "--no-fund"]
        subprocess.run(command, cwd=BUILD, check=True, timeout=INSTALL_SECONDS)
        stamp.write_text(mark)
    return BUILD


@dataclass(frozen=True, slots=True)
class Network:
    server: str
    accounts: Mapping[str, Mapping[str, str]]

    def account(self, name: str, password: str | None = None) -> BlueskyAccount:
        facts = self.accounts[name]
        secret = SecretStr(password or facts["password"])
        return BlueskyAccount("fernway", facts["handle"], secret, self.server)

    def client(self, name: str = "fernway", password: str | None = None) -> BlueskyClient:
        return BlueskyClient(Session(self.account(name, password), now=now), now=now)

    def person(self, name: str) -> Person:
        return Person(self, name)


class Person:
    """Somebody who uses the network by another program than ours."""

    def __init__(self, network: Network, name: str) -> None:
        facts = network.accounts[name]
        self.did, self.handle = facts["did"], facts["handle"]
        self._http = httpx.Client(base_url=f"{network.server}/xrpc/", timeout=20, trust_env=False)
        secrets = {"identifier": facts["handle"], "password": facts["password"]}
        session = self._http.post("com.atproto.server.createSession", json=secrets).raise_for_status().json()
        self._http.headers["Authorization"] = f"Bearer {session['accessJwt']}"

    def post(self, text: str, **facts: Any) -> dict[str, str]:
        """Address and version of a new post."""
        return self.put("createRecord", POSTS, _record(text, facts))

    def mention(self, other: Person, text: str, **facts: Any) -> dict[str, str]:
        handle = f"@{other.handle}"
        feature = {"$type": "app.bsky.richtext.facet#mention", "did": other.did}
        index = {"byteStart": 0, "byteEnd": len(handle)}
        return self.post(f"{handle} {text}", facets=[{"index": index, "features": [feature]}], **facts)

    def reply(self, parent: Mapping[str, str], text: str) -> dict[str, str]:
        return self.post(text, reply={"root": dict(parent), "parent": dict(parent)})

    def edit(self, uri: str, text: str) -> None:
        self.put("putRecord", POSTS, _record(text, {}), uri.rpartition("/")[2])

    def close_to_replies(self, uri: str) -> None:
        gate = {"$type": "app.bsky.feed.threadgate", "post": uri, "allow": [], "createdAt": _stamp()}
        self.put("createRecord", "app.bsky.feed.threadgate", gate, uri.rpartition("/")[2])

    def delete(self, uri: str) -> None:
        where = {"repo": self.did, "collection": POSTS, "rkey": uri.rpartition("/")[2]}
        self._http.post("com.atproto.repo.deleteRecord", json=where).raise_for_status()

    def put(self, method: str, collection: str, record: Any, key: str | None = None) -> dict[str, str]:
        body = {"repo": self.did, "collection": collection, "record": record}
        body |= {} if key is None else {"rkey": key}
        data = self._http.post(f"com.atproto.repo.{method}", json=body).raise_for_status().json()
        return {"uri": data["uri"], "cid": data["cid"]}

    def thread(self, uri: str) -> list[dict[str, Any]]:
        """The replies to a post, as everybody is shown them."""
        answer = self._http.get("app.bsky.feed.getPostThread", params={"uri": uri})
        replies: Sequence[Any] = answer.raise_for_status().json()["thread"].get("replies", [])
        return [reply["post"] for reply in replies]


def eventually(look: Callable[[], T | None]) -> T:
    """What `look` finds in the end: the view follows the servers with some delay."""
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < until, "it never came"
        time.sleep(0.2)


@contextmanager
def started(packages: Path, accounts: Sequence[str], **facts: object) -> Iterator[Network]:
    """A network of its own, with these accounts; facts as start.mjs takes them."""
    wanted = json.dumps({"accounts": accounts, **facts})
    server = subprocess.Popen(
        [shutil.which("node") or "node", str(HERE / "start.mjs"), wanted],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"NODE_FOLDER": str(packages)},
        text=True,
    )
    try:
        assert server.stdout is not None
        ready = json.loads(server.stdout.readline() or "null")
        assert ready is not None, "the network did not start; what it said is below"
        yield Network(ready["server"], ready["accounts"])
    finally:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _record(text: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    return {"$type": POSTS, "text": text, "createdAt": _stamp(), "langs": ["en"], **facts}


def _stamp() -> str:
    return now().isoformat().replace("+00:00", "Z")
