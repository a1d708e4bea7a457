"""A campaign on the desk: one row with a count, who wrote the same, and one of them taken out."""

from __future__ import annotations

from desk.store.queue_view import QueueFilter, page
from tests.kernel import Desk, after, post
from tests.tui.drive import at_desk

CALL = (
    "Fernway closes the only depot in our valley and sends a hundred people home before winter. "
    "Share this until they talk to us."
)


def campaign(desk: Desk) -> Desk:
    desk.take(post("1", CALL, after(-50), by="anna", thread="a"))
    desk.take(*(post(f"c{n}", CALL, after(-40 + n), by=f"u{n}", thread=f"c{n}") for n in range(1, 8)))
    desk.take(post("n", CALL + " [bold]#now", after(-20), by="zoe[/]", thread="n"))
    return desk


async def test_a_campaign_is_one_row_with_a_count(desk: Desk) -> None:
    async with at_desk(campaign(desk).store) as agent:
        assert agent.lines[1].rstrip().endswith("×9")
        assert "8 others wrote the same" in agent.words("#case-head")
        assert "@zoe[/], @u7, @u6, @u5, @u4 and 3 more." in agent.blocks[-1]


async def test_a_copy_is_opened_as_a_case_of_its_own(desk: Desk) -> None:
    async with at_desk(campaign(desk).store, keys=["v", "2"]) as agent:
        assert agent.said[-1] == "@u7’s post is a case of its own now."
        assert agent.lines[1].rstrip().endswith("×8")
    rows = page(desk.store, QueueFilter()).rows
    assert [(row.handle, row.copies) for row in rows] == [("anna", 7), ("u7", 0)]


async def test_a_case_without_copies_offers_none(desk: Desk) -> None:
    desk.take(post("1"))
    async with at_desk(desk.store) as agent:
        assert not agent.app.desk.is_possible("copies")
        assert "wrote the same" not in agent.words("#case-head")
