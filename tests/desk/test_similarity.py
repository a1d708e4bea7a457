"""Copies are recognised, different posts are not, and short ones never across conversations."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.model.similarity import Fingerprint, bands, fingerprint, is_near

POSTS = [
    "@FernwayHelp my parcel was due on Monday and the tracking page has said nothing new for five days now",
    "Fernway charged my card twice for one order and the chat bot keeps sending me the same useless article",
    "Third time this week that the Fernway app logs me out while I am in the middle of paying for something",
    "Fernway'den aldığım montun fermuarı ikinci gün bozuldu, değişim için kimse telefona cevap vermiyor",
    "Заказала у вас куртку две недели назад, статус не меняется, поддержка молчит, деньги уже списали",
    "Seit drei Wochen warte ich auf die Erstattung für meine Schuhe, und niemand antwortet auf meine Mails",
    "J'ai renvoyé le colis il y a un mois et toujours aucun remboursement malgré quatre appels au service",
    "طلبت معطفا من المتجر قبل اسبوعين ولم يصل حتى الان ولا احد يرد على رسائلي في التطبيق",
]


def near(one: str, other: str, *, same_conversation: bool = False) -> bool:
    return is_near(fingerprint(one), fingerprint(other), same_conversation=same_conversation)


@pytest.mark.parametrize("post", POSTS)
@pytest.mark.parametrize(
    "copy",
    [
        "RT @someone: {}",
        "{} https://t.co/Ab3dE5",
        "@FernwayCEO @press {}",
        "“{}”",
        "{} 4711",
        "{}!!! 😡😡",
    ],
)
def test_handles_links_numbers_and_a_retweet_mark_make_no_difference(post: str, copy: str) -> None:
    one, other = fingerprint(post), fingerprint(copy.format(post))
    assert one.exact == other.exact
    assert is_near(one, other)
    assert bands(one) == bands(other)


@pytest.mark.parametrize("post", POSTS)
@pytest.mark.parametrize("change", ["{} #shame", "{} #fix #now", "please read: {}", "{} thanks"])
def test_small_changes_stay_near(post: str, change: str) -> None:
    assert near(post, change.format(post))


def test_case_accents_and_a_cut_off_end_make_no_difference() -> None:
    assert near(POSTS[3], POSTS[3].replace("ı", "i").replace("ş", "s").title())
    assert near(POSTS[1], "RT @anna: " + POSTS[1][:-6] + "…")


def test_most_typing_errors_stay_near() -> None:
    chance = random.Random(7)  # noqa: S311
    found = shared = 0
    for _ in range(40):
        for post in POSTS:
            place = chance.choice([at for at, char in enumerate(post) if char.isalpha() and at > 12])
            one, other = fingerprint(post), fingerprint(post[:place] + "x" + post[place + 1 :])
            if is_near(one, other):
                found += 1
                shared += bool(set(bands(one)) & set(bands(other)))
    assert found >= 0.9 * 40 * len(POSTS)
    assert shared >= 0.9 * found  # what a store looks up by equality


def test_different_posts_are_not_near() -> None:
    assert not any(near(a, b) for a in POSTS for b in POSTS if a != b)
    assert not near(
        "The courier left my parcel in the rain and it is ruined, please send me a new one",
        "The courier left my parcel at the wrong house and they say they never saw it at all",
    )


@pytest.mark.parametrize("text", ["thanks", "still no answer", "@a any news yet?", "kargom nerede kaldı"])
def test_short_texts_match_exactly_and_within_one_conversation_only(text: str) -> None:
    assert fingerprint(text).short
    assert not near(text, text)
    assert near(text, f"{text.upper()}!", same_conversation=True)
    assert not near(text, f"{text} now", same_conversation=True)
    assert bands(fingerprint(text)) == ()


def test_texts_without_words_are_no_copies() -> None:
    assert not near("😡😡😡", "https://t.co/a", same_conversation=True)


def test_a_fingerprint_is_the_same_on_every_machine() -> None:
    """Stores keep them: a change of the rules needs all of them computed anew."""
    assert fingerprint(POSTS[0]) == Fingerprint(
        exact="61aff16da593d1d3efe39b75bb481a66",
        simhash=5745292392890040867,
        check=11971042384691233523,
        words=18,
    )
    assert len(set(bands(fingerprint(POSTS[0])))) == 8


@given(st.text(max_size=200), st.text(max_size=200))
def test_nearness_is_symmetric_and_bits_fit(one: str, other: str) -> None:
    a, b = fingerprint(one), fingerprint(other)
    assert is_near(a, b, same_conversation=True) is is_near(b, a, same_conversation=True)
    assert a.short or is_near(a, a)
    assert 0 <= a.simhash < 2**64
    assert 0 <= a.check < 2**64
    assert all(0 <= band < 2**15 for band in bands(a))


@pytest.mark.parametrize("unit", ["a", "a.", "a@", "@a", "a...", "www.", "rt @", "\u0301", "1", "1 руб"])
def test_no_text_takes_long(unit: str) -> None:
    started = time.process_time()
    fingerprint(unit * 50_000)
    assert time.process_time() - started < 2
