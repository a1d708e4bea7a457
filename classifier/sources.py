"""The data sets that the weights learn from: what a row of each teaches, and how often each is shown."""

from __future__ import annotations

import random
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from classifier.annotation import COMPLAINT_GRADES, NEAR, PLAIN, POSTS, SENTIMENT_GRADES, TWEETS
from classifier.data import LABELLED, Example, Row, Source
from classifier.fields import must_be_one_of
from classifier.labels import REASONS, SENTIMENT_INDEX


def _complaint(blank: Example, row: Row, _: random.Random) -> Example:
    # Whoever complains is not content, however calm the words; whoever does not may feel anything.
    known = replace(blank, complaint=float(row["complaint"]))
    return replace(known, sentiment=0, sentiment_weight=0.3) if row["complaint"] else known


def _only_annotated(_blank: Example, _row: Row, _: random.Random) -> None:
    return None


def _own_post(blank: Example, row: Row, _: random.Random) -> Example:
    return replace(
        blank,
        complaint=float(row["complaint"]),
        sentiment=SENTIMENT_INDEX[row["sentiment"]],
        anger=float(row["anger"]),
        abuse=float(row["abuse"]),
        reason=_reason_index(row["reason"]) if "reason" in row else None,
    )


def _reason_index(name: str) -> int:
    if name not in REASONS:
        raise ValueError(must_be_one_of("reason", REASONS, name))
    return REASONS.index(name)


def _own_tweet(blank: Example, row: Row, _: random.Random) -> Example:
    return replace(
        blank,
        complaint=COMPLAINT_GRADES.get(row.get("complaint_grade", "")),
        feeling=SENTIMENT_GRADES.get(row.get("sentiment_grade", "")),
    )


def _sentiment(blank: Example, row: Row, _: random.Random) -> Example:
    return replace(blank, sentiment=SENTIMENT_INDEX[row["sentiment"]])


def _multilingual_sentiment(blank: Example, row: Row, chance: random.Random) -> Example:
    # The Hindi labels are hardly better than chance (annotations/README.md); what readers say stands instead.
    return blank if row.get("lang") == "hi" else _sentiment(blank, row, chance)


def _turkish_sentiment(blank: Example, row: Row, _: random.Random) -> Example:
    # Happy texts are no complaints; angry ones may or may not be.
    happy = row["sentiment"] == 1
    polar = replace(blank, sentiment=SENTIMENT_INDEX[row["sentiment"]], polar=True)
    return replace(polar, complaint=0.0, complaint_weight=0.5) if happy else polar


def _turkish_emotion(blank: Example, row: Row, _: random.Random) -> Example:
    # Fear, grief, joy and surprise over private matters are no complaints; anger may be one.
    angry, happy = row["emotion"] == "kızgın", row["emotion"] == "mutlu"
    known = replace(blank, anger=float(angry))
    known = replace(known, sentiment=2 if happy else 0, polar=True) if angry or happy else known
    return known if angry else replace(known, complaint=0.0, complaint_weight=0.5)


def _emotion(blank: Example, row: Row, _: random.Random) -> Example:
    return replace(blank, anger=float(row["emotion"] == "anger"))


def _offence(blank: Example, row: Row, _: random.Random) -> Example:
    return replace(blank, abuse=float(row["offensive"] == "offensive"))


_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


def _turkish_complaint(blank: Example, row: Row, chance: random.Random) -> Example:
    # A complaint site's texts are ten times as long as a post. Titles and a few sentences in a row keep the
    # head from taking length for a complaint.
    sentences = _SENTENCE_END.split(row["text"].strip())
    start = chance.randrange(len(sentences))
    excerpt = " ".join(sentences[start : start + chance.randint(1, 3)])
    text = chance.choice((row["title"], excerpt, excerpt, row["text"][:300]))
    return replace(blank, text=text, complaint=1.0, complaint_weight=0.5)


def _russian_brand(blank: Example, row: Row, _: random.Random) -> Example:
    # Sentiment towards the named brand stands in for a complaint about it; bad press is in there too.
    negative = row["sentiment"] == -1
    return replace(
        blank,
        sentiment=SENTIMENT_INDEX[row["sentiment"]],
        complaint=0.8 if negative else 0.0,
        complaint_weight=0.3,
    )


SOURCES = (
    Source("complaints_en", _complaint, repeat=5),
    Source("posts", _only_annotated, repeat=4),
    Source("own_posts", _own_post, repeat=2, file=POSTS, tested_elsewhere=True),
    Source("plain_posts", _own_post, repeat=5, file=PLAIN, tested_elsewhere=True),
    Source("own_tweets", _own_tweet, file=TWEETS, tested_elsewhere=True, limit=6_000),
    Source("near_tweets", _own_tweet, file=NEAR, tested_elsewhere=True, repeat=0),
    Source("complaints_tr_bank", _turkish_complaint, limit=1_000),
    Source("sentiment_en_semeval", _sentiment, limit=20_000, balance=1.0),
    Source("sentiment_xlmt", _multilingual_sentiment),
    Source("brands_ru", _russian_brand, repeat=3, balance=0.4),
    Source("sentiment_tr", _turkish_sentiment, limit=4_000),
    Source("emotion_tr", _turkish_emotion),
    Source("emotion_en", _emotion),
    Source("offensive_en", _offence, limit=5_000),
    Source("irony_en", _only_annotated),
)
"""What the shipped weights learn from. `airlines_en` is not among them: its licence bars commercial use."""


def in_full(sources: Iterable[Source]) -> tuple[Source, ...]:
    """The same sources with all their texts."""
    return tuple(replace(source, limit=None) for source in sources)


def _shown(repeats: Mapping[str, int], full: Collection[str]) -> tuple[Source, ...]:
    """Every source as often as said, else once if at all, not at all at 0; those of `full` in full."""
    times = {source.name: repeats.get(source.name, min(source.repeat, 1)) for source in SOURCES}
    return tuple(
        replace(source, repeat=times[source.name], limit=None if source.name in full else source.limit)
        for source in SOURCES
        if times[source.name]
    )


_TWEETS = "sentiment_en_semeval"
_ALIKE = "complaints_tr_bank"
"""Complaints all of them, in one tone; more would outweigh those of other kinds."""
FURTHER_SOURCES = (
    _shown({"complaints_en": 3, "posts": 2, "sentiment_xlmt": 2}, full={_TWEETS}),
    _shown({}, full={source.name for source in SOURCES} - {_ALIKE}),
    _shown({"complaints_en": 2, "posts": 2, "own_posts": 2}, full={_TWEETS}),
    _shown({"complaints_en": 2, "posts": 2, "plain_posts": 5, "brands_ru": 3}, full=()),
    _shown({"own_tweets": 0}, full={_TWEETS}),
    _shown({"complaints_en": 2, "posts": 2, "plain_posts": 3, "brands_ru": 3}, full={"own_tweets"}),
    _shown(
        {"near_tweets": 1, "complaints_en": 2, "posts": 2, "plain_posts": 3, "brands_ru": 2, "irony_en": 0},
        full=(),
    ),
)
"""What they learn from in each further pass over the data. Small sets are nearly known by heart by then, and
of the large ones of sentiment not much has been learned. The second of them shows each text once, of those
that are alike some; the third complaints twice, so that they keep their place while it weighs sentiments
anew; the fourth plain posts five times, which twice had not taught anything. The fifth takes the sets as
readers graded them, the sixth our own tweets as well, and the last those that were written beside texts of
the sets."""
PUBLIC = tuple(source.name for source in SOURCES if source.file is None)
"""Of others' writing: nobody has read all of them for complaints, and those who did agree in nine of ten."""
UNREAD = tuple(name for name in PUBLIC if name != LABELLED)
"""Those of them of which not each text to a brand was graded by a reader beside its label."""
