"""A second look at posts that are held, on platforms whose feeds tell of no deletion."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from desk.model.mention import Mention
from desk.ports import Looked
from listener.api_errors import ApiError, source_error

LookUp = Callable[[Sequence[Mention]], Mapping[str, str | None]]
"""From posts to their words as they are now, by external id; None for one that is gone, and no entry for
one of which the platform did not tell. Raises ApiError."""

_TOO_MANY = 5


class HeldCheck:
    """Looks posts of one platform up by their ids."""

    def __init__(
        self, source: str, look_up: LookUp, *, batch_size: int, rights: str, posts_per_day: int | None = None
    ) -> None:
        self._source, self._look_up, self._rights = source, look_up, rights
        self._batch_size, self._posts_per_day = batch_size, posts_per_day

    @property
    def name(self) -> str:
        return f"{self._source}:deletions"

    @property
    def source(self) -> str:
        return self._source

    @property
    def batch_size(self) -> int:
        return self._batch_size

    @property
    def posts_per_day(self) -> int | None:
        return self._posts_per_day

    def look(self, held: Sequence[Mention]) -> Looked:
        try:
            found = self._look_up(held)
        except ApiError as error:
            raise source_error(
                self.name, error, rights=self._rights, address="It is looked up later."
            ) from error
        if len(held) >= _TOO_MANY and not any(found.values()):
            # A platform that shows none of so many has sooner lost its index, or taken a right away.
            return Looked(undecided=[mention.id for mention in held])
        told = [mention for mention in held if mention.external_id in found]
        words = {mention.id: found[mention.external_id] for mention in told}
        return Looked(
            deleted=[mention.id for mention in told if words[mention.id] is None],
            edited=[
                replace(mention, text=text)
                for mention in told
                if (text := words[mention.id]) is not None and text != mention.text
            ],
            undecided=[mention.id for mention in held if mention.external_id not in found],
        )
