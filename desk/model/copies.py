"""Which posts are mere copies of a complaint: retweets and pasted campaigns, and nobody's own matter.

Stricter than `desk.model.similarity`, because a copy gets no clock of its own. Twelve words that are equal
are seldom equal by chance; "where is my parcel, it has been two weeks now" may be. A number that the first
post does not have, an order's or an address's, makes a post its writer's own, however alike the rest.

What repeats the brand's own words is nobody's complaint at all. There one word more is its writer's: an
announcement with "Liars" behind it is near, and no mere repetition. Fewer words are one, where a marked
retweet is cut off.
"""

from __future__ import annotations

from dataclasses import dataclass

import regex

from desk.model.case import Case
from desk.model.folding import fold
from desk.model.mention import Mention
from desk.model.similarity import SHORT_WORDS, Fingerprint, fingerprint, is_near, words_of

EXACT_WORDS = 12
"""So many words, without handles and links, and all of them the same. A marked retweet may be shorter."""
NEAR_WORDS = 16
"""So many words in each of two texts that are nearly the same: in fewer, one other word is another matter."""
SAID_WORDS = 8
"""So many words are not the brand's by chance: fewer are needed than among customers, who all speak as "I" of
the same troubles. A retweet that is marked as the brand's may be shorter."""

_PASSED_ON = regex.compile(r"\A\s*+(?:rt|mt)\b\s*+:?\s*+@(?P<whose>[\w.@-]*+)", regex.IGNORECASE)
_CUT_OFF = regex.compile(r"(?:…|\.\.\.)\s{0,9}+(?:https?:\S{0,200}+\s{0,9}+)?\Z")
_FRAGMENT = regex.compile(r"(?<!\S)\S{1,100}\Z")
_LINKS_AND_HANDLES = regex.compile(r"https?:\S*+|\bwww\.\S++|(?<![\w.+-])@[\w.@-]++")
_OWN = regex.compile(
    r"[\w.+-]{1,64}+@[\w-]++(?:\.[\w-]++)++|[\p{L}\p{M}\p{Nd}_-]*\p{Nd}[\p{L}\p{M}\p{Nd}_-]*+"
)
"""A mail address, or a word with a digit: order, telephone and house numbers, dates, sums."""


@dataclass(frozen=True, slots=True)
class Original:
    """A post that has opened a case, and of which another is a copy."""

    mention: Mention
    case: Case


@dataclass(frozen=True, slots=True)
class Wording:
    """A text with what is needed to tell its copies."""

    text: str
    fingerprint: Fingerprint

    @classmethod
    def of(cls, text: str) -> Wording:
        return cls(text, fingerprint(text))

    @property
    def can_be_copy(self) -> bool:
        """Whether it is long enough to be one: the rest need not be compared with anything."""
        words = self.fingerprint.words
        return words >= EXACT_WORDS or (not self.fingerprint.short and is_passed_on(self.text))


def is_copy(later: Wording, first: Wording) -> bool:
    """Whether `later` only repeats `first`, word for word or nearly so, and adds nothing of its own."""
    if not later.can_be_copy or not own_details(later.text) <= own_details(first.text):
        return False
    if later.fingerprint.exact == first.fingerprint.exact:
        return True
    words = min(later.fingerprint.words, first.fingerprint.words)
    return words >= NEAR_WORDS and is_near(later.fingerprint, first.fingerprint)


def only_repeats(later: Wording, first: Mention) -> bool:
    """Whether `later` has all words of `first`, a post for the brand, and none of its writer's own.

    A marked retweet may leave off the end. What `first` itself passed on are another's words.
    """
    if _PASSED_ON.match(first.text) or not own_details(_whole_words(later.text)) <= own_details(first.text):
        return False
    mark, handle = _PASSED_ON.match(later.text), first.author.handle.lower()
    # A Mastodon handle may be written without its server.
    is_marked = mark is not None and mark["whose"].lower() in {handle, handle.partition("@")[0]}
    least = SHORT_WORDS + 1 if is_marked else SAID_WORDS
    if later.fingerprint.words < least:
        return False
    return word_for_word(later.text, first.text) or (is_marked and _begins(later.text, first.text))


def is_passed_on(text: str) -> bool:
    """Whether a text is marked as a retweet."""
    return _PASSED_ON.match(text) is not None


def _begins(later: str, first: str) -> bool:
    """Whether `later` has nothing but the first words of `first`; an ellipsis may end it inside a word."""
    cut = _CUT_OFF.search(later)
    if cut is not None:
        return " ".join(words_of(first)).startswith(" ".join(words_of(later[: cut.start()])))
    words = words_of(later)
    return words == words_of(first)[: len(words)]


def _whole_words(text: str) -> str:
    """The text, less the word in which it was cut off: what is left of a number is no number of its own."""
    cut = _CUT_OFF.search(text)
    return text if cut is None else _FRAGMENT.sub("", text[: cut.start()])


def word_for_word(one: str, other: str) -> bool:
    """Whether two texts are equal but for handles, links, digits and punctuation."""
    return fingerprint(one).exact == fingerprint(other).exact


def own_details(text: str) -> frozenset[str]:
    """Numbers and mail addresses: what makes a matter somebody's own. Links and handles are none."""
    return frozenset(_OWN.findall(_LINKS_AND_HANDLES.sub(" ", fold(text))))
