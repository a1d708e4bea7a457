"""Posts that are made to break things: the desk stays up, keeps its lines, and obeys none of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from desk import casework, identity
from desk.model.case import CaseId
from desk.model.mention import Author, Replyable
from desk.store.queue_view import QueueRow
from tests.kernel import NOON, Desk, after, post
from tests.tui.drive import LOW, NARROW, at_desk
from tui.widgets.queue_row import RowPainter

HOSTILE = {
    "markup": "[/nope] [b]bold[/] [@click=app.quit]click[/] [red",
    "escapes": "\x1b[2J\x1b]0;owned\x07\x1b[31mred\x9b5n \x00\x08\x7f",
    "bidi": "safe \u202egnp.exe\u202c \u2066isolated\u2069 \u200f",
    "long": "word " * 4_000,
    "one word": "x" * 20_000,
    "lines": "a\n\n\r\n\t\v\f\x85\u2028b" * 50,
    "arabic": "طلبي FW-47850 متأخر منذ خمسة أيام ولا أحد يرد على الرسائل",
    "cjk": "注文した商品がまだ届きません。どうなっていますか？" * 10,
    "emoji": "👨‍👩‍👧‍👦👩🏽‍🚒🏳️‍🌈❤️‍🔥1️⃣🇩🇪" * 30,
    "zalgo": "".join(c + "\u0301\u0489\u0360" * 20 for c in "he comes"),
    "formula": '=HYPERLINK("http://example.com","x")\t@SUM(1+1)',
    "blank": "\u200b\u2060",
    "half an address": "https://[x",
}


@pytest.mark.parametrize("size", [LOW, NARROW], ids=["wide", "narrow"])
async def test_hostile_posts_names_and_notes(desk: Desk, size: tuple[int, int]) -> None:
    for number, words in enumerate(HOSTILE.values()):
        hostile = replace(
            post(str(number), words or "?", after(-number), thread=f"t{number}"),
            author=Author(f"id{number}", words[:80].replace("\n", " "), words[:300]),
            replyable=Replyable(number % 2 == 0, words[:200]),
            url=words[:100],
            language=None,
        )
        desk.take(hostile, now=NOON)
        casework.note(desk.store, CaseId(number + 1), agent=words[:30] or "bob", text=words, now=NOON)
    async with at_desk(desk.store, size=size) as agent:
        for _ in HOSTILE:
            for line in agent.lines:
                assert cell_len(line) == agent.queue.scrollable_content_region.width
                assert not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 for c in line)
            await agent.press("j")
        picture = agent.app.export_screenshot()
        assert "\u202e" not in picture
        assert "\x1b" not in picture
        assert agent.shown == agent.order[-1]
        assert agent.app.is_running


async def test_no_words_become_mark_up(desk: Desk) -> None:
    desk.take(post("1", HOSTILE["markup"], by="[/x]", name="[b]Bob[/b]"))
    async with at_desk(desk.store) as agent:
        assert "[b]Bob[/b]  @[/x] · " in agent.blocks[0]
        assert HOSTILE["markup"] in agent.blocks[0]
        assert str(agent.app.desk.query_one("#conversation-pane").border_title).endswith("[/x]")
        assert "[b]Bob[/b]" in agent.words("#profile")


async def test_long_posts_are_folded_and_unfolded(desk: Desk) -> None:
    desk.take(post("1", "word " * 4_000))
    async with at_desk(desk.store) as agent:
        assert "18,800 more characters: x shows them" in agent.blocks[0]
        await agent.press("x")
        assert len(agent.blocks[0]) > 20_000
        await agent.press("x")
        assert len(agent.blocks[0]) < 2_000


async def test_hostile_records_of_the_operator(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "[b]evil\u202e.csv"
    file.write_text(
        'platform,handle,[/col],notes\nbluesky,anna,[/nope],"\x1b[31m=1+1 ' + "z" * 3_000 + '"\n',
        encoding="utf-8",
    )
    identity.import_customers(desk.store, file, NOON)
    desk.take(post("1"))
    async with at_desk(desk.store) as agent:
        profile = agent.words("#profile")
        assert "From [b]evil.csv" in profile
        assert "[/nope]" in profile
        assert "␛[31m=1+1" in profile


@given(words=st.text(max_size=120), width=st.integers(24, 90))
@settings(max_examples=40)
def test_a_row_is_exactly_as_wide_as_the_queue(
    tmp_path_factory: pytest.TempPathFactory, words: str, width: int
) -> None:
    row = _row(tmp_path_factory)
    from rich.style import Style

    painter = RowPainter(lambda *_, **__: Style(), "ada", NOON, width)
    odd = replace(row, handle=words, excerpt=words, case=replace(row.case, assignee=words))
    for part in (0, 1):
        strip = painter.line(odd, part, cursor=part == 0, guest=False)
        assert strip.cell_length == width == cell_len(strip.text)


_ROWS: list[QueueRow] = []


def _row(factory: pytest.TempPathFactory) -> QueueRow:
    """A real row, read once."""
    if not _ROWS:
        from desk.store import queue_view

        desk = Desk(factory.mktemp("row") / "row.db")
        desk.take(post("1"))
        _ROWS.extend(queue_view.page(desk.store, queue_view.QueueFilter()).rows)
        desk.store.close()
    return _ROWS[0]
