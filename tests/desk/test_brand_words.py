"""Who only passes on what the brand has said has said nothing; one word of their own makes a post theirs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.model.copies import Wording, only_repeats
from desk.model.mention import Mention
from desk.triage import Action, Ally, Rules, TriagePolicy
from tests.kernel import Desk, FakeSender, after, brand_post, post

SAID = "Our app is down, we are sorry, we work on it"
"""An announcement by @fernway, 11 words: by itself the classifier takes it for a complaint."""
SHORT = "Our app is down again"


def stranger(text: str, *, external_id: str = "2", by: str = "ben", source: str = "bluesky") -> Mention:
    return post(external_id, text, after(5), by=by, thread="t2", source=source)


def announce(desk: Desk, text: str = SAID) -> None:
    desk.take(brand_post("b", text))


def reasons(desk: Desk, mention_id: str) -> str:
    with desk.store.read() as db:
        row = db.execute("SELECT reasons FROM mentions WHERE id = ?", (mention_id,)).fetchone()
    return str(row[0])


@pytest.mark.parametrize(
    "text",
    [
        SAID,
        f"RT @fernway: {SAID}",
        f"@someone {SAID.upper()}!!! https://t.co/x1y2z3",
        f"“{SAID}”",
    ],
)
def test_the_brands_own_words_open_no_case(desk: Desk, text: str) -> None:
    announce(desk)
    desk.take(stranger(text))
    assert desk.case_ids() == []
    assert desk.decision("bluesky:2") == (Action.NOISE, None)
    assert "Only the words of @fernway" in reasons(desk, "bluesky:2")


def test_not_even_where_every_thread_is_to_have_a_case(desk: Desk) -> None:
    desk.rules = Rules(TriagePolicy(open_every_thread=True), desk.rules.sla)
    proud = "We love our new shoes and hope that you will, too"
    announce(desk, proud)
    desk.take(stranger(proud), stranger("I love them", external_id="3", by="cem"))
    assert desk.decision("bluesky:2") == (Action.NOISE, None)
    assert desk.decision("bluesky:3") == (Action.OPEN, 1)


def test_nor_when_both_are_read_at_once_or_on_another_platform(desk: Desk) -> None:
    desk.take(stranger(SAID), stranger(SAID, source="telegram"), brand_post("b", SAID))
    assert desk.case_ids() == []


@pytest.mark.parametrize(
    "text",
    [
        f"{SAID} Liars",
        f"When will it be up? {SAID}",
        f"Still down here. RT @fernway: {SAID}",
        f"{SAID} Order 4711",
        SAID.replace("sorry", "not sorry"),
        "Our app is down",
        f"RT @fernway: {SHORT}",
    ],
)
def test_a_quote_with_words_of_the_customers_own_is_the_customers(desk: Desk, text: str) -> None:
    announce(desk)
    desk.take(stranger(text))
    assert desk.decision("bluesky:2") == (Action.OPEN, 1)


def test_few_words_are_the_brands_only_where_the_post_says_so(desk: Desk) -> None:
    announce(desk, SHORT)
    desk.take(stranger(f"RT @Fernway {SHORT}"))
    desk.take(stranger(SHORT, external_id="3", by="cem"))
    desk.take(stranger(f"RT @anna: {SHORT}", external_id="4", by="dan", source="mastodon"))
    assert desk.decision("bluesky:2") == (Action.NOISE, None)
    assert desk.decision("bluesky:3") == (Action.OPEN, 1), "anybody may say as much by themselves"
    assert desk.decision("mastodon:4") == (Action.OPEN, 2), "they are anna's"


def test_a_mark_may_leave_out_the_server_of_a_handle(desk: Desk) -> None:
    said = brand_post("b", SHORT, source="mastodon")
    desk.take(replace(said, author=replace(said.author, handle="fernway@social.example")))
    desk.take(stranger(f"RT @fernway: {SHORT}", source="mastodon"))
    assert desk.case_ids() == []


def test_an_allys_words_are_the_brands(desk: Desk) -> None:
    desk.rules = Rules(TriagePolicy(allies=frozenset({Ally.of("bluesky", "agency")})), desk.rules.sla)
    desk.take(post("a", SAID, by="agency"))
    desk.take(stranger(f"RT @agency: {SAID}"))
    assert desk.case_ids() == []
    assert "Only the words of @agency" in reasons(desk, "bluesky:2")


def test_another_brands_words_are_not_this_brands(desk: Desk) -> None:
    desk.take(brand_post("b", SAID, brand="acme"))
    desk.take(stranger(SAID))
    assert desk.case_ids() == [1]


def test_a_reply_of_this_desk_is_the_brands_words_too(desk: Desk) -> None:
    desk.take(post("1"))
    desk.answer(FakeSender(), f"@anna {SAID}", now=after(2))
    desk.take(stranger(f"RT @fernway: @anna {SAID}"))
    assert desk.case_ids() == [1]


def test_the_words_are_theirs_who_wrote_them_first(desk: Desk) -> None:
    """The brand quotes its customers."""
    words = "My new phone is broken already and nobody at Fernway picks up"
    desk.take(post("1", words), brand_post("b", words, after(2), thread="t9"))
    desk.take(stranger(words, source="mastodon"))
    assert desk.case_ids() == [1, 2]


def test_what_the_brand_itself_passed_on_is_not_its_own(desk: Desk) -> None:
    words = "My new phone is broken already and nobody at Fernway picks up"
    desk.take(brand_post("b", f"RT @anna: {words}"))
    desk.take(stranger(words))
    assert desk.case_ids() == [1]


def test_who_is_known_in_a_thread_is_heard_whatever_they_write(desk: Desk) -> None:
    desk.take(post("1"), brand_post("b", SAID, after(2), reply_to="1"))
    desk.take(post("2", SAID, after(5), reply_to="b"))
    assert desk.decision("bluesky:2") == (Action.JOIN, 1)


def test_who_sends_the_brand_its_words_in_private_wants_to_be_asked_why(desk: Desk) -> None:
    announce(desk)
    desk.take(replace(stranger(SAID), private=True))
    assert desk.case_ids() == [1]


def test_who_makes_a_private_answer_public_complains_of_it(desk: Desk) -> None:
    desk.take(replace(brand_post("b", "We will not pay you back and this is our last word"), private=True))
    desk.take(stranger("We will not pay you back and this is our last word"))
    assert desk.case_ids() == [1]


def test_what_is_read_too_late_counts_from_then_on(desk: Desk) -> None:
    """What was not known could not be compared."""
    desk.take(stranger(SAID))
    announce(desk)
    desk.take(stranger(SAID, external_id="3", by="cem"))
    assert desk.decision("bluesky:2") == (Action.OPEN, 1)
    assert desk.decision("bluesky:3") == (Action.NOISE, None)


def test_what_the_brand_took_back_is_not_known_any_more(desk: Desk) -> None:
    announce(desk)
    desk.take(deleted=["bluesky:b"], now=after(1))
    desk.take(stranger(SAID))
    assert desk.case_ids() == [1]


WORDS = st.lists(st.text("abcdefghijäçşжю", min_size=2, max_size=8), min_size=8, max_size=30)


@given(
    words=WORDS,
    mark=st.sampled_from(["", "RT @fernway: ", "rt @Fernway ", "@press ", "“"]),
    end=st.sampled_from(["", "!!!", " https://t.co/a1b2", " @press", " 😡"]),
    loud=st.booleans(),
)
def test_law_what_adds_no_word_repeats(words: list[str], mark: str, end: str, loud: bool) -> None:
    said = " ".join(words)
    again = f"{mark}{said.title() if loud else said}{end}"
    assert only_repeats(Wording.of(again), brand_post("b", said))


@given(words=WORDS, own=st.sampled_from(["liars", "нет", "4711", "me@example.org"]), data=st.data())
def test_law_one_word_more_or_less_is_the_writers_unless_a_retweet_leaves_off_the_last(
    words: list[str], own: str, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(words)))
    more = [*words[:at], own, *words[at:]]
    less = [*words[: min(at, len(words) - 1)], *words[min(at, len(words) - 1) + 1 :]]
    for mark in ("", "RT @fernway: "):
        for text in (more, less):
            later = Wording.of(mark + " ".join(text))
            left_off = bool(mark) and text == words[: len(text)]
            assert only_repeats(later, brand_post("b", " ".join(words))) is left_off


CUT = "RT @fernway: Our app is down, we are sorry, we wo…"


@pytest.mark.parametrize(
    "text",
    [
        CUT,
        CUT.replace("…", "..."),
        f"{CUT} https://t.co/x1y2z3",
        "RT @fernway: Our app is down, we are sorry",
    ],
)
def test_a_retweet_that_was_cut_off_is_still_the_brands(desk: Desk, text: str) -> None:
    announce(desk)
    desk.take(stranger(text))
    assert desk.case_ids() == []
    assert "Only the words of @fernway" in reasons(desk, "bluesky:2")


@pytest.mark.parametrize(
    "text",
    [
        CUT.replace("RT @fernway: ", ""),
        CUT.replace("@fernway", "@anna"),
        CUT.replace("wo…", "wo"),
        CUT.replace("we wo…", "we are"),
        CUT.replace("sorry", "not sorry"),
        f"Still down! {CUT}",
        f"{CUT} liars",
        "RT @fernway: Our app is do…",
    ],
)
def test_what_goes_on_otherwise_or_is_not_marked_is_its_writers(desk: Desk, text: str) -> None:
    announce(desk)
    desk.take(stranger(text))
    assert desk.decision("bluesky:2") == (Action.OPEN, 1)


def test_a_cut_off_retweet_is_of_the_post_that_goes_on_as_it_does(desk: Desk) -> None:
    announce(desk)
    desk.take(brand_post("c", "Our app is down for everybody in Spain, we are sorry", after(2)))
    desk.take(stranger(CUT), stranger("RT @fernway: Our app is down for nob…", external_id="3", by="cem"))
    assert desk.decision("bluesky:2") == (Action.NOISE, None)
    assert desk.decision("bluesky:3") == (Action.OPEN, 1)


def test_a_number_that_was_cut_off_is_no_number_of_the_writers(desk: Desk) -> None:
    announce(desk, "Our shop in Bonn is closed until 18:00 on Monday")
    desk.take(stranger("RT @fernway: Our shop in Bonn is closed until 18:0…"))
    assert desk.decision("bluesky:2") == (Action.NOISE, None)


def test_of_posts_that_begin_alike_the_one_that_was_passed_on_is_found(desk: Desk) -> None:
    announce(desk, "Our app has been down since 8:00, we are sorry and work on it")
    desk.take(brand_post("c", "Our app has been down since 14:00, we are sorry and work on it", after(2)))
    desk.take(stranger("RT @fernway: Our app has been down since 8:00, we are so…"))
    assert desk.decision("bluesky:2") == (Action.NOISE, None)


def test_the_first_who_passed_it_on_does_not_hide_the_brand(desk: Desk) -> None:
    desk.take(stranger(CUT))
    announce(desk)
    desk.take(stranger(CUT, external_id="3", by="cem"))
    assert desk.decision("bluesky:2") == (Action.OPEN, 1)
    assert desk.decision("bluesky:3") == (Action.NOISE, None)
