"""A source that keeps only what a listening query means, where its platform understands less."""

from __future__ import annotations

from dataclasses import replace

from desk.model.query import Query, matches
from desk.ports import Batch, Source


class NarrowedSource:
    """Asks a source whose platform was given a wider search, and leaves out what the query does not mean.

    The brand's own posts always pass: they stop clocks, whatever they say.
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
        kept = [
            mention
            for mention in batch.mentions
            if mention.from_brand
            or matches(self._query, mention.text, mention.author.handle, mention.language)
        ]
        return replace(batch, mentions=kept)
