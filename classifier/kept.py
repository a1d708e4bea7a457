"""Keeps what takes minutes to ask a model, so that a training that was interrupted need not ask again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[np.floating]]

_KEY = "key"


def kept_arrays(path: Path, key: str, make: Callable[[], Arrays]) -> Arrays:
    """Return the arrays that the file holds under this key, a digest of all that they follow from.

    Where it holds none, they are made and written.
    """
    if path.is_file():
        with np.load(path, allow_pickle=False) as stored:
            if str(stored[_KEY]) == key:
                return {name: stored[name] for name in stored.files if name != _KEY}
    made = make()
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"partial.{path.name}")
    np.savez(partial, allow_pickle=False, **{_KEY: np.array(key)}, **made)
    # An atomic swap, so a crash leaves none or a whole one.
    partial.replace(path)
    return made
