"""What the tests of the listener share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fakes.clock import Clock
from tests.fakes.webhook_receiver import WebhookReceiver
from tests.fakes.x_api import FakeX


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def x(clock: Clock) -> Iterator[FakeX]:
    with FakeX(clock) as fake:
        fake.add_user("10", "Fernway", me=True)
        fake.add_user("20", "ana")
        fake.add_user("30", "ben")
        yield fake


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as fake:
        yield fake
