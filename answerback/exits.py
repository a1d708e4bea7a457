"""What the process says to the shell when it ends."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    OK = 0
    PARTIAL = 1
    """Done, but some records could not be used; they were named."""
    FAILED = 2
    """Not done: a usage, config, store, source or model error, said in one sentence."""
    INTERRUPTED = 130
