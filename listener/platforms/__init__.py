"""One module for each platform; its name is what `type` says in config.toml."""

from __future__ import annotations

import pkgutil
from importlib import import_module

from listener.platform import Platform


def names() -> tuple[str, ...]:
    """All platforms, in alphabetical order."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def load(name: str) -> Platform:
    """The platform of that name. Raises LookupError where there is none."""
    if name not in names():
        raise LookupError(name)
    platform: Platform = import_module(f"{__name__}.{name}").PLATFORM
    return platform
