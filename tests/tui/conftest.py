"""A desk with a morning's worth of cases."""

from __future__ import annotations

import pytest

from desk import identity
from desk.model.mention import Replyable
from tests.kernel import Desk, after, brand_post, post


@pytest.fixture(autouse=True)
def by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """The desk looks and ticks when a test says so, and nothing blinks."""
    monkeypatch.setattr("tui.screens.desk.LOOK_SECONDS", 3_600)
    monkeypatch.setattr("tui.screens.desk.TICK_SECONDS", 3_600)
    monkeypatch.setattr("textual.widgets.TextArea.cursor_blink", False)
    monkeypatch.setattr("textual.widgets.Input.cursor_blink", False)


@pytest.fixture
def morning(desk: Desk) -> Desk:
    """Five customers since eleven; at noon cases 1 and 2 are overdue; case 5 cannot be answered."""
    desk.take(post("1", "My parcel never came. Where is FW-1?", after(-75), by="anna", thread="a"))
    desk.take(post("2", "You charged me twice", after(-40), by="boris", thread="b", source="mastodon"))
    desk.take(post("3", "I am furious, the vase is broken", after(-20), by="chen", thread="c"))
    desk.take(post("4", "Hmm, is the locker closed", after(-10), by="dora", thread="d", source="x"))
    closed = Replyable(False, "X lets us answer only posts that mention the brand.")
    desk.take(
        post("5", "Their app ate my wishlist", after(-5), by="emil", thread="e", source="x", replyable=closed)
    )
    desk.take(
        brand_post("a1", "@boris Which order is it?", after(-35), thread="b", source="mastodon", reply_to="2")
    )
    desk.take(
        post(
            "b2",
            "FW-2, and it is still wrong",
            after(-34),
            by="boris",
            thread="b",
            source="mastodon",
            reply_to="a1",
        )
    )
    return desk


@pytest.fixture
def crm(morning: Desk, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """The same, with records of two customers."""
    file = tmp_path_factory.mktemp("crm") / "customers.csv"
    file.write_text(
        "platform,handle,name,segment,lifetime_value_eur,notes\n"
        'bluesky,anna,Anna Berg,vip,4310.20,"Fourth floor, no lift."\n'
        "mastodon,boris,Boris K,regular,80,\n",
        encoding="utf-8",
    )
    identity.import_customers(morning.store, file, after(-90))
    return morning
