"""Recognises copies: retweets, quotes and campaigns that paste one text with small changes.

A text is reduced to its words: folded (`desk.model.folding`), without handles, links, digits and a leading
"RT @name:". Equal words are an exact copy. Near copies are found with SimHash (M. Charikar, "Similarity
estimation techniques from rounding algorithms", STOC 2002) over words and pairs of neighbours: texts that
share most of these differ in few bits. For finding candidates by equality, 64 bits are cut into bands
(G. Manku, A. Jain, A. Das Sarma, "Detecting near-duplicates for web crawling", WWW 2007).

A post has some thirty such features, so that 64 bits are noisy: near enough for 80 % of one-word changes,
they also join one pair of unrelated posts in a million. Therefore 64 more bits check what the first found.

Copies are for grouping, never for dropping: two customers can have the same trouble in the same words.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import regex

from desk.model.folding import fold

NEAR_BITS = 28
"""Most bits of the 128 in which near copies differ.

Measured on 14,569 distinct public posts of five words and more (English, Turkish, French and others): 89 of
their 106 million pairs are near, nearly all of them real copies. Of 2,400 edited posts found: a changed
handle or link, a leading RT 100 %, an added hashtag 100 %, a word less 99 %, two words more 99 %, one typing
error 95 %, another word 93 %, two typing errors 77 %."""
SHORT_WORDS = 4
"""Up to so many words a text says too little to be a copy of anything: "thanks" is no campaign."""
_BANDS = 8
_BAND_BITS = 64 // _BANDS
_MASK = (1 << 64) - 1

_COPY = regex.compile(r"\A(?:\s*+(?:rt|mt)\b\s*+:?\s*+(?=@))?")
_NOISE = regex.compile(
    r"https?:\S*+|\bwww\.\S++|(?<![\w.+-])[\w.+-]{1,64}+@[\w.-]++|@[\w.@-]++"
    r"|(?<![\p{L}\p{M}])[\p{L}\p{M}]++(?=\.\.\.\s*+\Z)"
)
"""Handles, links, mail addresses, and a last word that was cut off."""
_WORD = regex.compile(r"[\p{L}\p{M}]++")

_MOST_WORDS = 2_000
"""What is read of a text; the counters would overflow beyond 65,535 features."""
_HASH_BYTES = 16
_COUNTERS = struct.Struct(f">{8 * _HASH_BYTES}H")
_SPREAD = tuple(
    b"".join((byte >> bit & 1).to_bytes(2, "big") for bit in range(7, -1, -1)) for byte in range(256)
)
"""A byte's bits as sixteen-bit counters, so that the bits of many features add up in one addition each."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What is kept of a text in order to recognise its copies; the text cannot be read back from it."""

    exact: str
    """Digest of the words: copies that differ in handles, links, digits and punctuation share it."""
    simhash: int
    """64 bits, unsigned: what `bands` cuts up."""
    check: int
    """64 more, so that two texts are not near by chance."""
    words: int

    @property
    def short(self) -> bool:
        return self.words <= SHORT_WORDS


def fingerprint(text: str) -> Fingerprint:
    """Reduce a text. The same on every machine and in every release that keeps the rules above."""
    words = words_of(text)
    digest = hashlib.blake2b(" ".join(words).encode(), digest_size=16).hexdigest()
    bits = _simhash(words)
    return Fingerprint(digest, bits >> 64, bits & _MASK, len(words))


def words_of(text: str) -> list[str]:
    """The words that a text is compared by, in order."""
    words: list[str] = _WORD.findall(_NOISE.sub(" ", _COPY.sub("", fold(text))))
    return words[:_MOST_WORDS]


def beginning(text: str) -> int | None:
    """A key that texts share which begin with the same words; none for a short one, and none of `bands`."""
    words = words_of(text)[: SHORT_WORDS + 1]
    if len(words) <= SHORT_WORDS:
        return None
    digest = hashlib.blake2b(" ".join(words).encode(), digest_size=7).digest()
    return 1 << 56 | int.from_bytes(digest, "big")


def is_near(a: Fingerprint, b: Fingerprint, *, same_conversation: bool = False) -> bool:
    """Whether two posts are copies, exact or near.

    Short texts must be equal, and in one conversation: many people say "still no answer" by themselves.
    """
    if a.short or b.short:
        return same_conversation and a.words > 0 and a.exact == b.exact
    if a.exact == b.exact:
        return True
    return (a.simhash ^ b.simhash).bit_count() + (a.check ^ b.check).bit_count() <= NEAR_BITS


def bands(fp: Fingerprint) -> tuple[int, ...]:
    """Keys of which near copies share one: store them beside the post, and compare those that share any.

    A key holds its band's number, so all fit one indexed column. Of the near copies above, 90 to 100 % share
    a key; of unrelated posts 3 %. A short text has no keys: look it up by `exact` in its conversation.
    """
    if fp.short:
        return ()
    mask = (1 << _BAND_BITS) - 1
    return tuple(band << _BAND_BITS | fp.simhash >> band * _BAND_BITS & mask for band in range(_BANDS))


def _simhash(words: Sequence[str]) -> int:
    features = {*words, *(f"{one} {other}" for one, other in pairwise(words))}
    total = sum(map(_counters_of, features))
    half = len(features) / 2
    bits = 0
    for counter in _COUNTERS.unpack(total.to_bytes(_COUNTERS.size, "big")):
        bits = bits << 1 | (counter > half)
    return bits


@lru_cache(maxsize=20_000)
def _counters_of(feature: str) -> int:
    digest = hashlib.blake2b(feature.encode(), digest_size=_HASH_BYTES).digest()
    return int.from_bytes(b"".join(_SPREAD[byte] for byte in digest), "big")
