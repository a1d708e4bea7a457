"""What a training tells of itself while it goes."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[dict[str, object]], None]
"""Is told each record. Its `kind` is one of these:

- "step": batch `step` of `steps` is learned; `posts_per_second` and each head's loss. Of several runs `run`
  says which of `runs` it is.
- "answers": a teacher has answered `texts` of `of` texts.
- "stage": what begins, in words, under `stage`.
- "calibrated": the thresholds `threshold` and `look`.
"""


def silent(_record: dict[str, object]) -> None:
    """Tell nobody."""
