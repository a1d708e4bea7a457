"""One picture a screen, a question and a layout. What they show is asserted elsewhere, as state."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from textual.pilot import Pilot

from desk import casework, outbox
from desk.model.case import CaseId
from tests.kernel import Desk, after
from tests.tui.drive import MEDIUM, NARROW, make_app, settle
from tests.tui.test_copies import campaign
from tests.tui.test_settling import in_doubt

Compare = Callable[..., bool]
SIZE = (150, 36)


@pytest.fixture
def busy(crm: Desk) -> Desk:
    """A colleague at work, a note, a reply on its way, a draft."""
    casework.claim(crm.store, CaseId(2), agent="bob", now=after(-4))
    casework.note(crm.store, CaseId(2), agent="bob", text="Billing sees [both] charges.", now=after(-3))
    outbox.approve(crm.store, CaseId(2), agent="bob", text="Your money is on its way.", now=after(0))
    casework.claim(crm.store, CaseId(1), agent="ada", now=after(-2))
    draft = "Anna, your parcel is at the depot. It reaches you today."
    outbox.save_draft(crm.store, CaseId(1), agent="ada", text=draft, now=after(-1))
    return crm


def pressing(*keys: str) -> Callable[[Pilot[Any]], Awaitable[None]]:
    async def press(pilot: Pilot[Any]) -> None:
        await settle(pilot)
        for key in keys:
            pilot.app.simulate_key(key)
            await settle(pilot)

    return press


@pytest.mark.parametrize(
    ("keys", "size"),
    [
        pytest.param((), SIZE, id="desk"),
        pytest.param(("r",), SIZE, id="composer"),
        pytest.param(("j",), SIZE, id="colleague"),
        pytest.param(("end",), SIZE, id="no_reply"),
        pytest.param(("left", "left"), SIZE, id="closed_shelf_empty"),
        pytest.param(("slash",), SIZE, id="search"),
        pytest.param(("z",), SIZE, id="snooze"),
        pytest.param(("d",), SIZE, id="dismiss"),
        pytest.param(("s",), SIZE, id="severity"),
        pytest.param(("m",), SIZE, id="correct"),
        pytest.param(("n",), SIZE, id="note"),
        pytest.param(("f",), SIZE, id="filter"),
        pytest.param(("t",), SIZE, id="theme"),
        pytest.param(("question_mark",), SIZE, id="help"),
        pytest.param((), MEDIUM, id="medium"),
        pytest.param(("p",), MEDIUM, id="medium_customer"),
        pytest.param((), NARROW, id="narrow_queue"),
        pytest.param(("j", "enter"), NARROW, id="narrow_conversation"),
        pytest.param(("r",), NARROW, id="narrow_composer"),
        pytest.param(("3",), NARROW, id="narrow_customer"),
    ],
)
def test_picture(busy: Desk, snap_compare: Compare, keys: tuple[str, ...], size: tuple[int, int]) -> None:
    assert snap_compare(make_app(busy.store), run_before=pressing(*keys), terminal_size=size)


@pytest.mark.parametrize("theme", ["answerback-light", "high-contrast"])
def test_theme(busy: Desk, snap_compare: Compare, theme: str) -> None:
    assert snap_compare(make_app(busy.store, theme=theme), run_before=pressing(), terminal_size=SIZE)


def test_without_colours(busy: Desk, snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(make_app(busy.store), run_before=pressing(), terminal_size=SIZE)


def test_empty(desk: Desk, snap_compare: Compare) -> None:
    assert snap_compare(make_app(desk.store), run_before=pressing(), terminal_size=SIZE)


@pytest.mark.parametrize("keys", [pytest.param((), id="shown"), pytest.param(("v",), id="listed")])
def test_campaign(desk: Desk, snap_compare: Compare, keys: tuple[str, ...]) -> None:
    assert snap_compare(make_app(campaign(desk).store), run_before=pressing(*keys), terminal_size=SIZE)


@pytest.mark.parametrize("keys", [pytest.param((), id="shown"), pytest.param(("a",), id="asked")])
def test_doubt(morning: Desk, snap_compare: Compare, keys: tuple[str, ...]) -> None:
    in_doubt(morning.store, agent="bob")
    assert snap_compare(make_app(morning.store), run_before=pressing(*keys), terminal_size=SIZE)
