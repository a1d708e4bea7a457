"""What a training tells of itself while it goes."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[dict[str, object]], None]
"""Is told each record. Of several runs, each record of one says by `run` and `runs` which of how many it is.
Its `kind` is one of these:

- "step": batch `step` of `steps` is learned; `posts_per_second` and each part of the loss.
- "vectors": an encoder has been asked for its vectors of `texts` of `of` texts.
- "answers": a teacher has answered `texts` of `of` texts.
- "stage": what begins, in words, under `stage`.
- "calibrated": the thresholds `threshold` and `look`.
"""


def silent(_record: dict[str, object]) -> None:
    """Tell nobody."""
