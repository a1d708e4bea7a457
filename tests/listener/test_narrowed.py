"""What a platform's wider search brings, narrowed to what the query means."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from desk.model.mention import Author, Mention, mention_id
from desk.model.query import parse
from desk.ports import BadRecord, Batch
from listener.narrowed import NarrowedSource

AT = datetime(2026, 3, 10, 9, tzinfo=UTC)


def mention(external_id: str, text: str) -> Mention:
    return Mention("x", external_id, external_id, None, "Fernway", Author("1", "ana"), False, AT, AT, text)


@dataclass
class Canned:
    batch: Batch
    name: str = "x:search"
    interval_seconds: float = 60

    def fetch(self, cursor: str | None) -> Batch:
        assert cursor == "before"
        return self.batch


def test_only_what_the_query_means_comes_through_and_nothing_else_is_lost() -> None:
    near, far = (
        mention("1", "fernway lost my parcel"),
        mention("2", "parcel from somewhere, I like fernway"),
    )
    own = replace(mention("3", "We are sorry"), from_brand=True)
    bad = BadRecord("page 1", "{}", "no id")
    batch = Batch([near, far, own], deleted=[mention_id("x", "9")], bad=[bad], cursor="after", more=True)
    source = NarrowedSource(Canned(batch), parse("fernway near/3 parcel"))

    got = source.fetch("before")

    assert [each.external_id for each in got.mentions] == ["1", "3"]
    assert [each.external_id for each in got.aside] == ["2"]
    assert (got.deleted, got.bad, got.cursor, got.more) == (batch.deleted, batch.bad, "after", True)
    assert (source.name, source.interval_seconds) == ("x:search", 60)
