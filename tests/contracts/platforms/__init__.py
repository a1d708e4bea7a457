"""One module for each platform that has a fake; see tests/contracts/rig.py for what it holds."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import cast

from tests.contracts.rig import Rig, RigModule


def names() -> tuple[str, ...]:
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def load(name: str) -> RigModule:
    return cast(RigModule, import_module(f"{__name__}.{name}"))


def every_feed() -> list[str]:
    """ "x-mentions", "x-own", …: a parameter for each source."""
    return [f"{name}-{feed}" for name in names() for feed in load(name).FEEDS]


def first_feeds() -> list[str]:
    """The feed of each platform that replies answer."""
    return [f"{name}-{load(name).FEEDS[0]}" for name in names()]


@contextmanager
def open_rig(parameter: str, folder: Path) -> Iterator[Rig]:
    name, _, feed = parameter.partition("-")
    with load(name).open_rig(feed, folder) as rig:
        yield rig
