"""A network with the brand's account and two customers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fakes.bluesky_api import FakeBluesky
from tests.fakes.bluesky_jetstream import FakeJetstream
from tests.fakes.clock import Clock


@pytest.fixture
def bluesky(clock: Clock) -> Iterator[FakeBluesky]:
    with FakeBluesky(clock) as fake:
        fake.add_person("fernway", me=True)
        fake.add_person("ana")
        fake.add_person("ben")
        yield fake


@pytest.fixture
def ana(bluesky: FakeBluesky) -> str:
    return next(did for did, person in bluesky.people.items() if person["handle"] == "ana.example")


@pytest.fixture
def jetstream(clock: Clock, bluesky: FakeBluesky) -> Iterator[FakeJetstream]:
    with FakeJetstream(clock) as host:
        bluesky.on_event = host.tell
        yield host
