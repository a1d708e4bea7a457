"""How long a reply is on its platform, against the platforms' documented rules."""

from __future__ import annotations

import pytest

from desk.model.platform import count_graphemes, count_mastodon, count_x, measure_reply, platform_of, written
from desk.model.reply import same_words

FAMILY = "👨‍👩‍👧‍👦"


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("", 0),
        ("hello", 5),
        ("café", 4),
        ("cafe\u0301", 4),  # NFC first: one character
        ("Привет", 6),
        ("شكرا", 4),
        ("धन्यवाद", 7),  # code points, not graphemes
        ("你好世界", 8),  # CJK counts 2
        ("ありがとう", 10),
        ("한국어", 6),
        ("“quoted” – dash", 15),  # typographic punctuation counts 1
        ("…", 2),  # U+2026 lies outside the light ranges, as does the next
        ("€", 2),
        ("😀", 2),
        (FAMILY, 2),  # however many code points
        ("👍🏽", 2),
        ("🇩🇪", 2),
        ("1️⃣", 2),
        ("❤️", 2),
        ("© 2026", 6),  # a sign, no emoji, unless a variation selector makes it one
        ("®", 1),
        ("©️", 2),
        ("https://example.com", 23),
        ("https://example.com/" + "a" * 300, 23),
        ("see https://a.io now", 4 + 23 + 4),
        ("https://a.io https://b.io", 47),
        ("@fernway hello", 5),  # a reply's leading handles are free
        ("@a @b hello", 5),
        ("hello @fernway", 14),  # later ones are not
    ],
)
def test_x_weights(text: str, length: int) -> None:
    assert count_x(text) == length


@pytest.mark.parametrize(
    ("text", "length"),
    [("hello", 5), ("😀", 1), (FAMILY, 1), ("cafe\u0301", 4), ("你好", 2), ("https://example.com", 19)],
)
def test_bluesky_counts_graphemes(text: str, length: int) -> None:
    assert count_graphemes(text) == length


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("hello", 5),
        ("https://example.com/" + "a" * 300, 23),
        ("@anna@mastodon.example hi", len("@anna hi")),
        ("@anna hi", 8),
        ("mail me@example.com", 19),
        (FAMILY, 1),
    ],
)
def test_mastodon_counts_links_23_and_handles_without_their_server(text: str, length: int) -> None:
    assert count_mastodon(text) == length


@pytest.mark.parametrize(
    ("source", "fits", "over"),
    [
        ("x", "a" * 280, "a" * 281),
        ("x", "你" * 140, "你" * 140 + "a"),
        ("bluesky", FAMILY * 120, FAMILY * 121),  # 25 bytes each: the 3,000 bytes are reached first
        ("bluesky", "a" * 300, "a" * 301),
        ("mastodon", "a" * 500, "a" * 501),
        ("reddit", "a" * 10_000, "a" * 10_001),
        ("elsewhere", "a" * 500, "a" * 501),
    ],
)
def test_a_reply_at_the_limit_fits_and_one_more_does_not(source: str, fits: str, over: str) -> None:
    assert measure_reply(source, fits).problem == ""
    assert measure_reply(source, over).problem
    assert measure_reply(source, fits).limit == platform_of(source).limit


def test_a_problem_says_how_much_is_too_much() -> None:
    assert measure_reply("x", "a" * 290).problem == "10 over X's limit of 280."
    assert measure_reply("bluesky", FAMILY * 200).problem == "Over Bluesky's limit of 3000 bytes."
    assert measure_reply("x", " \n ").problem == "The reply is empty."


@pytest.mark.parametrize(("source", "may"), [("x", False), ("reddit", False), ("bluesky", True)])
def test_whose_text_may_train_a_model(source: str, may: bool) -> None:
    assert platform_of(source).trainable is may
    assert not platform_of("unheard-of").trainable


@pytest.mark.parametrize(
    ("ours", "theirs", "same"),
    [
        ("We are sorry", "@anna We are sorry", True),
        ("See https://fernway.example/help now", "See https://t.co/x1 now", True),
        ("We  are\nsorry ", "We are sorry", True),
        ("@anna We are sorry", "@anna@mastodon.example @bob We are sorry", True),
        ("We are sorry", "We are very sorry", False),
        ("We are sorry", "", False),
    ],
)
def test_the_same_words_are_known_again(ours: str, theirs: str, same: bool) -> None:
    assert same_words(ours, theirs) is same


@pytest.mark.parametrize(
    ("source", "handle", "seen"),
    [
        ("x", "ana", "@ana"),
        ("bluesky", "ana.example", "@ana.example"),
        ("mastodon", "ana@social.example", "@ana@social.example"),
        ("telegram", "@ana", "@ana"),
        ("reddit", "ana", "u/ana"),
        ("reddit", "u/umar", "u/umar"),
        ("email", "ana@mail.example", "ana@mail.example"),
        ("rss", "Ana Berg", "Ana Berg"),
        ("vk", "id17", "id17"),
        ("youtube", "Ana Berg", "Ana Berg"),
        ("youtube", "@ana", "@ana"),
        ("anywhere", "ana", "@ana"),
        ("x", "", "@?"),
    ],
)
def test_an_account_is_written_as_its_platform_writes_it(source: str, handle: str, seen: str) -> None:
    assert written(source, handle) == seen
