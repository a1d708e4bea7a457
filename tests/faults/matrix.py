"""One cell of the matrix: a platform under a fault, while its posts are read and while it is answered."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from desk.model.reply import ReplyState
from desk.ports import Batch
from listener.runner import KNOWN_BATCHES
from tests.contracts import platforms
from tests.contracts.rig import Rig
from tests.faults.drive import Desk
from tests.faults.kinds import ANNOUNCED, Kind

FAULT_SECONDS = 600.0
"""How long a fault lasts, by the cell's own clock."""
PATIENCE = timedelta(hours=4)
"""How long a reply may take in the end."""
PATIENT_FETCHES = KNOWN_BATCHES + 15
"""A fetch a minute and the pages of a backlog; a source in doubt asks less often."""
REPLY = "We are sorry and look into it."


@dataclass(frozen=True)
class Cell:
    """What was measured."""

    platform: str
    kind: Kind
    no_meaning: str = ""
    """Why there is nothing to measure."""
    lost: int = 0
    """Posts that were neither stored nor set aside with their raw payload."""
    aside: int = 0
    """Posts that were set aside: the fault had made them unreadable when they were read."""
    doubled: int = 0
    """Posts that are stored, or were reported as new, more than once."""
    replies_lost: int = 0
    """Replies of which the desk says that they are out, or nothing at all, and which are not public."""
    replies_doubled: int = 0
    untold: int = 0
    """Replies that were given back without a reason or without their words."""
    requests: int = 0
    """While the fault lasted and posts were read."""
    fetches: int = 0
    hasty: int = 0
    """Fetches, and attempts to reply, before the moment that the platform had announced."""
    spun: int = 0
    """Fetches beyond those that a patient reader makes in that time."""

    @property
    def is_kept(self) -> bool:
        return not (
            self.lost
            or self.doubled
            or self.replies_lost
            or self.replies_doubled
            or self.untold
            or self.hasty
            or self.spun
        )

    @property
    def figures(self) -> str:
        if self.no_meaning:
            return "–"
        if self.is_kept:
            return "✓*" if self.aside else "✓"
        return f"{self.lost}/{self.doubled}/{self.replies_doubled}"


def measure(parameter: str, kind: Kind, folder: Path) -> Cell:
    """Run one cell in an empty folder. `parameter` names platform and feed: "x-mentions"."""
    with platforms.open_rig(parameter, folder) as rig:
        if rig.faults is None:
            return Cell(parameter, kind, "it has no faults yet")
        no_meaning = rig.faults.meaningless(kind)
        if no_meaning:
            return Cell(parameter, kind, no_meaning)
        desk = Desk.opened(rig, folder)
        try:
            return _measured(parameter, kind, rig, desk)
        finally:
            rig.faults.end()
            desk.store.close()


def _measured(parameter: str, kind: Kind, rig: Rig, desk: Desk) -> Cell:
    expected = set(rig.expected)
    requests, fetches, hasty = _read_through(kind, rig, desk, expected)
    stored = desk.stored()
    missing = expected - set(stored)
    raw = "\n".join(desk.quarantined())
    aside = sum(_local(key) in raw for key in missing)
    texts = Counter(stored.values())
    doubled = sum(count - 1 for count in texts.values()) + sum(count - 1 for count in desk.news.values())
    doubled += len(set(stored) - expected)
    replies_lost = replies_doubled = untold = early = 0
    if rig.open_sender is not None and parameter in platforms.first_feeds():
        replies_lost, replies_doubled, untold, early = _answer_through(kind, rig, desk)
    return Cell(
        parameter,
        kind,
        lost=len(missing) - aside,
        aside=aside,
        doubled=doubled,
        replies_lost=replies_lost,
        replies_doubled=replies_doubled,
        untold=untold,
        requests=requests,
        fetches=fetches,
        hasty=hasty + early,
        spun=max(0, fetches - PATIENT_FETCHES),
    )


def _local(mention_id: str) -> str:
    """The part of an id that the platform itself wrote into the post."""
    return mention_id.partition(":")[2].partition("@")[0]


def _read_through(kind: Kind, rig: Rig, desk: Desk, expected: set[str]) -> tuple[int, int, int]:
    """A page in peace, the fault, then peace again until nothing more comes."""
    assert rig.faults is not None
    desk.listen(lambda _: True)
    _write(rig, expected, "before")
    before = rig.faults.requests
    until = rig.faults.begin(kind, FAULT_SECONDS)
    first, asked = desk.fetches, 0
    wrote = False

    def over(_: Batch | None) -> bool:
        nonlocal wrote, asked
        asked = desk.fetches - first
        if not wrote:
            wrote = True
            _write(rig, expected, "during")
        return rig.clock() >= until

    desk.listen(over)
    requests = rig.faults.requests - before
    # The last fetch of that loop was the first one after the fault.
    hasty = max(0, asked - 2) if kind in ANNOUNCED else 0
    rig.faults.end()
    _write(rig, expected, "after")
    quiet = 0

    def done(batch: Batch | None) -> bool:
        nonlocal quiet
        at_the_end = batch is not None and not batch.more
        quiet = quiet + 1 if at_the_end else 0
        return quiet >= 3

    desk.listen(done)
    return requests, asked, hasty


def _write(rig: Rig, expected: set[str], when: str) -> None:
    if rig.write is None:
        return
    for number in range(2):
        rig.clock.advance(1)
        expected.add(rig.write(f"help, written {when} the fault, number {number}"))


def _answer_through(kind: Kind, rig: Rig, desk: Desk) -> tuple[int, int, int, int]:
    """A reply that meets the fault, and is approved again wherever it was given back."""
    assert rig.faults is not None
    desk.think()
    case_id = desk.case_to_answer()
    public_before, own_before = rig.public(), desk.own()
    until = rig.faults.begin(kind, FAULT_SECONDS)
    untold = 0
    for _ in range(4):
        desk.approve(case_id, REPLY)
        reply = desk.send(rig.clock() + PATIENCE)
        if reply.state is not ReplyState.FAILED:
            break
        untold += not reply.error or desk.draft_of(case_id) != REPLY
        rig.clock.advance(max(60.0, (until - rig.clock()).total_seconds()))
    public = rig.public() - public_before
    told_sent = desk.sent()
    lost = int(reply.state is not ReplyState.SENT) + int(told_sent > public)
    doubled = max(0, public - 1) + max(0, desk.own() - own_before - 1)
    # One attempt hears of the limit, one comes after it.
    early = max(0, reply.attempts - 2) if kind in ANNOUNCED else 0
    return lost, doubled, untold, early
