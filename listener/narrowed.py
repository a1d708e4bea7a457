"""A source that keeps only what a listening query means, where its platform understands less."""

from __future__ import annotations

from dataclasses import replace

from desk.model.mention import Mention
from desk.model.query import Query, matches
from desk.ports import Batch, Source


class NarrowedSource:
    """Asks a source whose platform was given a wider search, and sets aside what the query does not mean.

    The brand's own posts always pass: they stop clocks, whatever they say. So may what is set aside, where it
    belongs to what is stored: "still nothing" below one's own complaint says no word of a query.
    """

    def __init__(self, source: Source, query: Query) -> None:
        self._source, self._query = source, query

    @property
    def name(self) -> str:
        return self._source.name

    @property
    def interval_seconds(self) -> float:
        return self._source.interval_seconds

    def fetch(self, cursor: str | None) -> Batch:
        """What the source brings, narrowed; its cursor, deletions and bad records as they are."""
        batch = self._source.fetch(cursor)
        meant: list[Mention] = []
        aside: list[Mention] = []
        for mention in batch.mentions:
            passes = mention.from_brand or matches(
                self._query, mention.text, mention.author.handle, mention.language
            )
            (meant if passes else aside).append(mention)
        return replace(batch, mentions=meant, aside=[*batch.aside, *aside])
