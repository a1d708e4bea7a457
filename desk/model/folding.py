"""Spelling made comparable: two words that a reader takes for one fold to the same characters.

What is folded, and by whose rule:

- compatibility forms and case: Unicode NFKC and case folding (UAX #15; the Unicode Standard, 3.13), so
  full-width letters become plain ones, German ß becomes ss, Greek final sigma becomes sigma;
- the four Turkish i's: İ, I, ı and i are one letter. A capital I is read as ı by a Turk and as i by an
  Englishman, so both small letters must be equal for "KIYAFET" to find "kıyafet" and "IADE" to find
  "İade". English loses nothing by it, it has no word with ı;
- accents of Latin and Greek letters are optional (ş = s, é = e); the ligatures œ and æ are two letters;
- Cyrillic: ё = е, stress marks go; й, ї and ў are letters of their own and stay;
- Arabic: vowel signs and tatweel go, alef is one letter whatever it carries, and the letters that writers
  and keyboards interchange are one (ى ی ي, ة ه, ک ك), as Lucene's ArabicNormalizer and PersianNormalizer do;
- Devanagari and all other scripts keep their marks: there they are vowels, not ornaments;
- invisible characters (soft hyphen, joiners, direction marks, variation selectors) go.

German ä is a, never ae: who writes "ae" is found only by who searches for "ae".
"""

from __future__ import annotations

import unicodedata

import regex

_LETTERS = str.maketrans({"ı": "i", "æ": "ae", "œ": "oe", "ٱ": "ا", "ى": "ي", "ی": "ي", "ة": "ه", "ک": "ك"})
_INVISIBLE = regex.compile(r"[\p{Cf}\uFE00-\uFE0F\u20E3]+")
_ARABIC_SIGNS = (
    r"\u0610-\u061A\u0640\u064B-\u0652\u0656-\u065F\u0670"
    r"\u06D6-\u06DC\u06DF-\u06E4\u06E7\u06E8\u06EA-\u06ED"
)
"""Vowel and Koranic signs, tatweel. Hamza over waw or yeh (U+0654) is no vowel and stays."""
_MARKS = regex.compile(
    r"(?<=[\p{Latin}\p{Greek}])\p{Mn}+"
    r"|(?<=е)[\u0300\u0301\u0308]+"
    r"|(?<=[аиоуыэюяіє])[\u0300\u0301]+"
    r"|(?<=ا)[\u0653-\u0655]+"
    rf"|[{_ARABIC_SIGNS}]+"
)
_LOOSE_MARK = regex.compile(
    rf"[\u0300-\u036F\u0653-\u0655\u1AB0-\u1AFF\u1DC0-\u1DFF\u20D0-\u20F0{_ARABIC_SIGNS}]"
)
"""A mark that stands beside its letter instead of being a part of it: what it means depends on the letter."""
_MOST_ROUNDS = 4
"""Removing one mark can let its neighbours compose anew; two rounds settle every text that was met."""


class _Folded(dict[int, str]):
    """What each character folds to by itself, found once."""

    def __missing__(self, code: int) -> str:
        folded = self[code] = _fold_with_marks(chr(code))
        return folded


def fold(text: str) -> str:
    """The text with spelling differences that do not matter removed. Idempotent; linear in its length."""
    if text.isascii():
        return text.lower()
    text = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text))
    if _LOOSE_MARK.search(text) is None:
        return text.translate(_FOLDED)
    for _ in range(_MOST_ROUNDS):
        folded = _fold_with_marks(text)
        if folded == text:
            break
        text = folded
    return text


def tidy(text: str) -> str:
    """The text as typed, less what nobody can see: compatibility forms plain, invisible characters gone."""
    return unicodedata.normalize("NFKC", _INVISIBLE.sub("", text))


def without_accents(text: str) -> str:
    """Lower case and without combining marks of any script: the least that a search engine does."""
    decomposed = unicodedata.normalize("NFD", text.lower())
    return "".join(char for char in decomposed if unicodedata.category(char) != "Mn")


def _fold_with_marks(text: str) -> str:
    text = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text)).casefold()
    text = _MARKS.sub("", unicodedata.normalize("NFD", text))
    return unicodedata.normalize("NFC", text).translate(_LETTERS)


_FOLDED = _Folded()
