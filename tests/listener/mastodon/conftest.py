"""A server with the brand's account and two customers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fakes.clock import Clock
from tests.fakes.mastodon_api import FakeMastodon
from tests.fakes.mastodon_reading import peopled


@pytest.fixture
def server(clock: Clock) -> Iterator[FakeMastodon]:
    with FakeMastodon(clock) as fake:
        yield peopled(fake)
