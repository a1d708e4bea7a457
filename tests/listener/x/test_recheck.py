"""What is gone on X goes here, what was edited changes, and a blind app erases nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from desk.errors import SourceError
from desk.model.mention import Mention
from desk.model.spending import Budget, Charge, Spent
from listener.platforms.x.meter import Meter
from listener.platforms.x.recheck import XDeletionCheck
from listener.platforms.x.source import XAccount, XFeed, XSource
from tests.fakes.clock import START, Clock
from tests.fakes.ledger import open_ledger
from tests.fakes.loopback import PATIENCE_SECONDS, Answer, Hang, Reset
from tests.fakes.x_api import KEYS, FakeX

ACCOUNT = XAccount("fernway", "Fernway", "10")


def check_of(x: FakeX, **settings: Any) -> XDeletionCheck:
    accounts = settings.pop("accounts", {ACCOUNT: KEYS})
    defaults: dict[str, Any] = {"posts_per_day": 500, "timeout_seconds": PATIENCE_SECONDS}
    return XDeletionCheck(accounts, now=x.clock, base_url=x.url, **(defaults | settings))


def held(x: FakeX) -> list[Mention]:
    """Everything that mentions the account, as the feed brought it, oldest first."""
    source = XSource(ACCOUNT, KEYS, feed=XFeed.MENTIONS, now=x.clock, base_url=x.url)
    return sorted(source.fetch(None).mentions, key=lambda mention: int(mention.external_id))


def test_what_x_no_longer_shows_is_gone_and_the_rest_is_as_it_was(x: FakeX) -> None:
    for number in range(5):
        x.add_post("20", f"@Fernway {number}")
    posts = held(x)
    x.gone = {
        posts[0].external_id: "resource-not-found",
        posts[1].external_id: "not-authorized-for-resource",
        posts[2].external_id: "resource-unavailable",
        posts[3].external_id: "internal-error",
    }

    looked = check_of(x).look(posts)

    assert list(looked.deleted) == [post.id for post in posts[:3]]
    assert list(looked.undecided) == [posts[3].id]
    assert not looked.edited


@pytest.mark.parametrize(
    ("withheld", "gone"),
    [
        ({"copyright": True}, True),
        ({"copyright": False, "country_codes": ["XX"]}, True),
        ({"copyright": False, "country_codes": ["DE", "TR"]}, False),
        ("odd", False),
    ],
)
def test_a_post_withheld_everywhere_is_gone(x: FakeX, withheld: Any, gone: bool) -> None:
    x.add_post("20", "@Fernway help")
    posts = held(x)
    x.posts[posts[0].external_id].extra["withheld"] = withheld

    assert (list(check_of(x).look(posts).deleted) == [posts[0].id]) is gone


def test_an_edit_is_told_under_the_first_id_with_the_author_that_is_known(x: FakeX, clock: Clock) -> None:
    first = x.add_post("20", "@Fernway it brok")
    posts = held(x)
    clock.advance(60)
    x.edit(first, "@Fernway it broke")

    looked = check_of(x).look(posts)

    [edited] = looked.edited
    assert (edited.id, edited.text) == (posts[0].id, "@Fernway it broke")
    assert edited == replace(posts[0], text="@Fernway it broke")
    assert not looked.deleted


def test_an_edited_post_whose_newest_version_cannot_be_seen_is_looked_at_again(
    x: FakeX, clock: Clock
) -> None:
    first = x.add_post("20", "@Fernway it brok")
    posts = held(x)
    newer = x.edit(first, "@Fernway it broke")
    x.gone = {newer: "internal-error"}

    looked = check_of(x).look(posts)

    assert list(looked.undecided) == [posts[0].id]


def test_an_app_that_sees_nothing_any_more_erases_nothing(x: FakeX) -> None:
    for number in range(6):
        x.add_post("20", f"@Fernway {number}")
    posts = held(x)
    x.gone = {post.external_id: "not-authorized-for-resource" for post in posts}

    with pytest.raises(SourceError, match="nothing was erased") as caught:
        check_of(x).look(posts)
    assert caught.value.permanent


@pytest.mark.parametrize(
    "fault",
    [Answer(503, {}), Answer(429, {}), Answer(401, {}), Answer(200, b'{"da'), Reset(), Hang()],
)
def test_a_failed_look_decides_nothing(x: FakeX, fault: Any) -> None:
    x.add_post("20", "@Fernway help")
    posts = held(x)
    x.fail("/2/tweets?", fault)

    with pytest.raises(SourceError, match="x:deletions"):
        check_of(x).look(posts)


@pytest.mark.parametrize(
    "page", [{}, {"data": 7, "errors": 7}, {"data": [7], "errors": [7]}, {"errors": [{}]}]
)
def test_an_answer_that_says_nothing_of_a_post_decides_nothing(x: FakeX, page: Any) -> None:
    x.add_post("20", "@Fernway help")
    posts = held(x)
    x.fail("/2/tweets?", Answer(200, page))

    looked = check_of(x).look(posts)

    assert (list(looked.deleted), list(looked.undecided)) == ([], [posts[0].id])


def test_private_messages_are_not_asked_for(x: FakeX) -> None:
    x.add_post("20", "@Fernway help")
    message = replace(held(x)[0], external_id="dm:77")
    asked = len(x.requests)

    looked = check_of(x).look([message])

    assert not (looked.deleted or looked.undecided)
    assert len(x.requests) == asked


def test_each_brands_posts_are_looked_up_on_its_own_bill(x: FakeX, tmp_path: Path) -> None:
    x.add_post("20", "@Fernway help")
    post = held(x)[0]
    ledger = open_ledger(tmp_path)
    meters = {brand: Meter(Budget(brand), ledger=ledger, now=x.clock) for brand in ("fernway", "other")}
    check = check_of(x, accounts={ACCOUNT: KEYS, XAccount("other", "Ben", "30"): KEYS}, meters=meters)

    check.look([post, replace(post, brand="other"), replace(post, brand="unknown")])

    for brand in ("fernway", "other"):
        assert ledger.spent(brand, START) == Spent(5_000, 1)


def test_looks_stop_with_the_budget_and_leave_the_feeds_what_is_left(x: FakeX, tmp_path: Path) -> None:
    for number in range(20):
        x.add_post("20", f"@Fernway {number}")
    posts = held(x)
    ledger = open_ledger(tmp_path)
    ledger.add("x", [Charge("post", 1, 40_000, 1)], START)
    meter = Meter(Budget("x", 100_000), ledger=ledger, now=x.clock, bill_included=False)

    with pytest.raises(SourceError, match="deleted posts are not looked for"):
        check_of(x, meters={"fernway": meter}).look(posts)

    source = XSource(ACCOUNT, KEYS, feed=XFeed.MENTIONS, now=x.clock, base_url=x.url, meter=meter)
    assert source.fetch(None).mentions


def test_it_says_how_much_it_takes(x: FakeX) -> None:
    check = check_of(x)

    assert (check.name, check.source) == ("x:deletions", "x")
    assert (check.batch_size, check.posts_per_day) == (100, 500)
