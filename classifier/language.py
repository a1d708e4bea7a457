"""Which language a text is in: script first, then the model's head, then an honest "und".

The head knows `LANGUAGES` alone. A text in another language of the same script (Ukrainian, Dutch, Urdu) gets
the nearest of them or, where the head is unsure, "und"; the model card says so.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import regex

from classifier.labels import LANGUAGES, UNDETERMINED
from classifier.quantise import Floats
from classifier.text import without_placeholders

_SCRIPTS = (
    "Latin",
    "Cyrillic",
    "Arabic",
    "Devanagari",
    "Greek",
    "Hebrew",
    "Hangul",
    "Hiragana",
    "Katakana",
    "Han",
    "Thai",
    "Georgian",
    "Armenian",
)
_LETTERS = regex.compile("|".join(rf"(?P<{script}>\p{{{script}}}+)" for script in _SCRIPTS))

_ONE_LANGUAGE = {
    "Greek": "el",
    "Hebrew": "he",
    "Hangul": "ko",
    "Hiragana": "ja",
    "Katakana": "ja",
    "Han": "zh",
    "Thai": "th",
    "Georgian": "ka",
    "Armenian": "hy",
}
"""Scripts that the head has never seen, written by one language nearly always."""

_SPOKEN = {"Cyrillic": {"ru"}, "Arabic": {"ar"}, "Devanagari": {"hi"}}
"""What the head may answer for a script; for Latin whatever is not written in another one, and Hindi too."""

_LATIN = set(LANGUAGES) - {"ru", "ar"}

_RENAMED = {"iw": "he", "in": "id", "ji": "yi"}
"""Codes withdrawn from ISO 639-1 that platforms still send."""


def declared_language(code: str | None) -> str | None:
    """Return the two-letter code of what a platform declared, or None where that says nothing.

    Platforms send `en-GB` and `pt_BR` as well as codes for "no language": und, zxx, qme, qht.
    """
    if not code:
        return None
    short = regex.split("[-_]", code.strip().lower())[0]
    return _RENAMED.get(short, short) if regex.fullmatch("[a-z]{2}", short) else None


def language_of(text: str, probabilities: Floats, floor: float) -> str:
    """Return the language of a normalised text, given the head's probabilities [len(LANGUAGES)].

    "und" where there are no letters, an unknown script, or less than `floor` probability for the best.
    """
    counts: Counter[str] = Counter()
    for found in _LETTERS.finditer(without_placeholders(text)):
        counts[found.lastgroup or ""] += len(found.group())
    if not counts:
        return UNDETERMINED
    if counts["Hiragana"] + counts["Katakana"] > 0 and counts["Han"] > 0:
        # Japanese mixes its own letters with Chinese ones.
        counts["Hiragana"] += counts.pop("Han")
    script = counts.most_common(1)[0][0]
    if script in _ONE_LANGUAGE:
        return _ONE_LANGUAGE[script]
    spoken = _SPOKEN.get(script, _LATIN)
    allowed = np.array([code in spoken for code in LANGUAGES])
    shares = np.where(allowed, probabilities, 0.0)
    best = int(shares.argmax())
    return LANGUAGES[best] if shares[best] >= floor * shares.sum() > 0 else UNDETERMINED
