"""Draws docs/images/desk.svg from the demo day: `python docs/images/make_screenshot.py`.

Verdicts come from a word list and not from the model, so that the picture is the same on every machine.
`--store FILE` keeps the filled store to look around in, and draws nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import re
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from desk import casework, outbox  # noqa: E402
from desk.classification import classify_pending  # noqa: E402
from desk.identity import import_customers  # noqa: E402
from desk.intake import record  # noqa: E402
from desk.model.mention import Author, Mention, Replyable  # noqa: E402
from desk.model.sla import PolicyRule, SlaPolicy  # noqa: E402
from desk.model.verdict import Sentiment, Verdict  # noqa: E402
from desk.ports import Batch  # noqa: E402
from desk.store import Store, health_view, queue_view  # noqa: E402
from desk.store.queue_view import QueueFilter, Shelf  # noqa: E402
from desk.threads import triage_pending  # noqa: E402
from desk.triage import Rules, TriagePolicy  # noqa: E402
from tui.app import DeskApp  # noqa: E402

DEMO = ROOT / "answerback" / "demo"
NOW = datetime(2026, 3, 10, 13, 12, tzinfo=UTC)
AGENT = "ada"
SIZE = (160, 44)

_FRIENDLY = (
    "thank",
    "shoutout",
    "love",
    "amazing",
    "made my",
    "💚",
    "волшебники",
    "credit",
    "delighted",
    "cheers",
)
_NOISE = (
    "fernway (n.)",
    "fernway behind",
    "app icon",
    "rt @",
    "verify now",
    "kids have already",
    "last chance",
)
_QUESTION = (
    "does anyone",
    "how do i",
    "do you ",
    "is the",
    "is login",
    "kann ich",
    "هل ",
    "hiring",
    "giveaway",
)
_RULES = Rules(
    TriagePolicy(
        urgent_terms=("fire", "caught fire", "reporter", "someone got into my account", "hearing aid")
    ),
    (
        PolicyRule(
            SlaPolicy("urgent", first_response_seconds=1_800, next_response_seconds=3_600), severity="urgent"
        ),
        PolicyRule(SlaPolicy("standard", first_response_seconds=7_200, next_response_seconds=7_200)),
    ),
)


class WordList:
    """Stands for the model: what sounds friendly or asks is no complaint."""

    version = "words"

    def predict(self, texts: Sequence[str], langs: Sequence[str | None] | None = None) -> list[Verdict]:
        return [_verdict(text, lang) for text, lang in zip(texts, langs or [None] * len(texts), strict=True)]


def _verdict(text: str, lang: str | None) -> Verdict:
    low = text.lower()
    spread = sum(map(ord, text)) % 23 / 100
    if any(word in low for word in _FRIENDLY):
        return Verdict(0.04, False, False, Sentiment(0.03, 0.15, 0.82), lang or "en", "words", b"")
    if "fernway" not in low or any(word in low for word in _NOISE) or any(word in low for word in _QUESTION):
        unsure = "?" in text
        return Verdict(
            0.34 if unsure else 0.12, False, unsure, Sentiment(0.2, 0.7, 0.1), lang or "en", "words", b""
        )
    return Verdict(
        0.98 - spread, True, False, Sentiment(0.97 - spread, 0.02 + spread, 0.01), lang or "en", "words", b""
    )


def fill(store: Store, until: datetime) -> None:
    """The demo day up to a moment, post by post as it came, and a few acts of two agents."""
    import_customers(store, DEMO / "customers.csv", until)
    with gzip.open(DEMO / "day.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            mention = _mention(json.loads(line))
            if mention.created_at > until:
                break
            record(store, "demo", Batch([mention]), mention.received_at)
            classify_pending(store, WordList())
            triage_pending(store, _RULES, mention.received_at)


def _mention(data: dict[str, object]) -> Mention:
    author = data["author"]
    assert isinstance(author, dict)  # noqa: S101
    at = datetime.fromisoformat(str(data["created_at"]))
    return Mention(
        source=str(data["source"]),
        external_id=str(data["id"]),
        conversation_id=str(data["conversation_id"]),
        in_reply_to=str(data["in_reply_to"]) if data["in_reply_to"] else None,
        brand=str(data["brand"]),
        author=Author(author["id"], author["handle"], author["name"]),
        from_brand=bool(data["from_brand"]),
        created_at=at,
        received_at=at + timedelta(seconds=20),
        text=str(data["text"]),
        language=str(data["lang"]) if data.get("lang") else None,
        replyable=Replyable(bool(data.get("replyable", True)), str(data.get("replyable_reason", ""))),
        url=f"https://example.com/{data['source']}/{data['id']}",
    )


def work(store: Store) -> int:
    """What the agents did so far; the case to show."""
    page = queue_view.page(store, QueueFilter(Shelf.TODO, AGENT))
    by_handle = {row.handle: row.case.id for row in page.rows}
    shown = by_handle["dev_okandor"]
    earlier = NOW - timedelta(minutes=9)
    until = NOW + timedelta(hours=3)
    casework.snooze(store, by_handle["rahul_vanmali_"], agent="jonte", until=until, now=earlier)
    for handle in ("olga_tihomirna", "marievaltourne"):
        casework.claim(store, by_handle[handle], agent="jonte", now=earlier)
    casework.claim(store, by_handle["tom_ferrimore"], agent=AGENT, now=earlier)
    casework.claim(store, shown, agent=AGENT, now=earlier)
    casework.note(
        store,
        shown,
        agent="jonte",
        text="Billing sees both charges. Plus is off since 12:50, the money is on its way.",
        now=earlier + timedelta(minutes=4),
    )
    outbox.save_draft(
        store,
        shown,
        agent=AGENT,
        text="@dev_okandor Dev, you should not have been charged at all, let alone twice. Plus is cancelled, "
        "both 39.99 are refunded and reach you by Friday. The button gets a plain price tag. ^Ada",
        now=NOW,
    )
    return shown


async def draw(store: Store, shown: int, target: Path) -> None:
    app = DeskApp(store, agent=AGENT, now=lambda: NOW, brands=["Fernway"], zone=UTC)
    async with app.run_test(size=SIZE) as pilot:
        await _settled(app, pilot)
        while app.desk.view is None or app.desk.view.case.id != shown:
            await pilot.press("j")
            await _settled(app, pilot)
        await pilot.press("r")
        await _settled(app, pilot)
        picture = app.export_screenshot(title="answerback desk")
        # A picture loads nothing from anywhere: the viewer's own monospaced font will do.
        target.write_text(re.sub(r"@font-face \{.*?\}", "", picture, flags=re.S), encoding="utf-8")


async def _settled(app: DeskApp, pilot: object) -> None:
    for _ in range(2):
        while any(not worker.is_finished for worker in app.workers):
            await pilot.pause()  # type: ignore[attr-defined]
        await pilot.pause()  # type: ignore[attr-defined]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", type=Path)
    arguments = parser.parse_args()
    if arguments.store is not None:
        store = Store(arguments.store)
        fill(store, NOW)
        work(store)
        return
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "demo.db")
        fill(store, NOW)
        health_view.beat(store, NOW)
        asyncio.run(draw(store, work(store), Path(__file__).with_name("desk.svg")))


if __name__ == "__main__":
    main()
