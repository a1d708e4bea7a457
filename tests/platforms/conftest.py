"""Other projects' servers, started for a run and ended with it. Collected by `make test-platforms` alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.platforms.network import Network, installed, started
from tests.platforms.services import lacking, postgres, redis

collect_ignore_glob = [] if os.environ.get("ANSWERBACK_TEST_PLATFORMS") else ["test_*.py"]


@pytest.fixture(scope="session")
def packages() -> Path:
    """Folder of the installed reference implementation."""
    if missing := lacking("node", "npm"):
        pytest.skip(f"{missing} is not installed; it runs Bluesky's own servers")
    return installed()


@pytest.fixture(scope="session")
def network(packages: Path) -> Iterator[Network]:
    """Personal data server, directory, and the view over both, with three accounts."""
    if missing := lacking("initdb", "redis-server"):
        pytest.skip(f"{missing} is not installed; Bluesky's view of the network keeps its posts there")
    with ExitStack() as stack:
        database = stack.enter_context(postgres())
        cache = stack.enter_context(redis())
        facts = {"postgres": database, "redis": cache, "schema": "view"}
        yield stack.enter_context(started(packages, ["fernway", "ana", "ben"], **facts))


@pytest.fixture(scope="session")
def limited(packages: Path) -> Iterator[Network]:
    """A personal data server that counts requests as the public ones do."""
    with started(packages, ["fernway"], limits=True) as network:
        yield network
