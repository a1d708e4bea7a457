"""Preprocessing: what it promises for any text, and what it does to the ones that posts are made of."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier.text import MAX_CHARS, fingerprint, normalise, without_placeholders

PIECES = st.sampled_from(
    [
        *(
            "@",
            "user",
            "@user",
            "http",
            "://",
            "www.",
            "&",
            "amp;",
            "#38;",
            "&lt;",
            "u/",
            ".bsky.social",
            "RT ",
        ),
        *(
            "\u200b",
            "\u202e",
            "\x00",
            "\n",
            "\ud800",
            "😡",
            "é",
            "я",
            "аa",
            "рp",
            " ",
            ".",
            ";",
            "!!!!!",
            "aaaa",
            "x" * 300,
        ),
    ]
)
TEXTS = st.one_of(st.text(), st.lists(PIECES, max_size=30).map("".join))


@given(TEXTS)
def test_any_text_becomes_one_bounded_printable_line(text: str) -> None:
    cleaned = normalise(text)
    assert len(cleaned) <= MAX_CHARS
    assert not {unicodedata.category(char) for char in cleaned} & {"Cc", "Cf", "Cs", "Co"}
    assert cleaned == " ".join(cleaned.split())


@given(TEXTS)
def test_cleaning_twice_changes_nothing(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        ("", ""),
        ("@VirginAmerica: no wifi", "@user: no wifi"),
        ("@help@mastodon.social and @help.bsky.social hi", "@user and @user hi"),
        ("ask u/some_body or /u/other", "ask @user or @user"),
        ("write to me.too@mail.example.org now", "write to @user now"),
        ("a&amp;amp;b &lt;3 &#128545;", "a&b <3 😡"),
        ("see https://t.co/x?a=1&copy=2, or WWW.Example.com", "see http or http"),
        ("sooooooo late!!!!!!", "sooo late!!!"),
        ("paid 100000 twice", "paid 100000 twice"),
        ("re\u200bfu\u202end\nnow\t!", "refund now !"),
        ("half \ud83d pair", "half pair"),
        ("price is 5@each", "price is 5@each"),
        ("My pаrсel is lаte", "My parcel is late"),  # with Cyrillic а, с
        ("Cбepбaнк опять", "Сбербанк опять"),  # with Latin C, e, p, a
        ("iPhone сломан, МТС и VPNы", "iPhone сломан, МТС и VPNы"),  # ы has no twin
        ("httр://x.example/a", "http"),
    ],
)
def test_handles_links_entities_and_repeats(raw: str, cleaned: str) -> None:
    assert normalise(raw) == cleaned


@pytest.mark.parametrize(
    "piece", ["&amp;", "@a", "a@", "x", "@", "\u200b", "http://", "a.b-c+", "&#38;#38;", "u/ab"]
)
def test_ten_megabytes_of_garbage_cost_what_a_long_post_costs(piece: str) -> None:
    garbage = piece * (10_000_000 // len(piece))
    # Nothing past the cut is looked at, so the result is that of the part before it.
    assert normalise(garbage) == normalise(garbage[:4_000])


def test_a_long_text_is_cut_between_words() -> None:
    cleaned = normalise("refund " * 1_000)
    assert cleaned.endswith("refund")
    assert MAX_CHARS - 7 <= len(cleaned) <= MAX_CHARS


def test_near_identical_texts_share_a_fingerprint() -> None:
    variants = [
        "@Bank my card is BLOCKED!!! https://t.co/abc",
        "RT @someone: my card is blocked",
        "my card is blocked. http",
    ]
    assert len({fingerprint(text) for text in variants}) == 1
    assert fingerprint("my card is not blocked") != fingerprint(variants[0])


def test_a_fingerprint_hangs_on_the_letters_as_they_were_written() -> None:
    """Splits and labels would move else."""
    assert fingerprint("pаrсel") != fingerprint("parcel")


def test_placeholders_do_not_count_as_words() -> None:
    assert without_placeholders("RT @user http").strip() == ""
