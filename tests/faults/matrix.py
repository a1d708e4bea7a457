"""One cell of the matrix: a platform under a fault, while its posts are read and while it is answered."""

from __future__ import annotations

from collections import Counter
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta
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
GIVEN_UP = timedelta(minutes=15)
"""After so long a reply that nobody can look for is left to the agent."""


@dataclass(frozen=True)
class Reading:
    """What became of the posts."""

    posts: int = 0
    """Those that the platform had in the end."""
    lost: int = 0
    """Neither stored nor set aside with their raw payload."""
    aside: int = 0
    """Set aside: the fault had made them unreadable when they were read."""
    doubled: int = 0
    """Stored, or reported as new, more than once."""
    fetches: int = 0
    """While the fault lasted."""
    hasty: int = 0
    """Fetches before the moment that the platform had announced."""
    spun: int = 0
    """Fetches beyond those that a patient reader makes in that time."""


@dataclass(frozen=True)
class Answering:
    """What became of the reply."""

    replies: int = 0
    replies_lost: int = 0
    """The desk says that it is out, or says nothing at all, and it is not public."""
    replies_doubled: int = 0
    untold: int = 0
    """Given back without a reason, or without its words."""
    left_open: int = 0
    """Nobody but a person can tell whether it is out: the desk says so, and does not send it again."""
    early: int = 0
    """Attempts before the moment that the platform had announced."""


@dataclass(frozen=True)
class Cell(Reading, Answering):
    """What was measured."""

    parameter: str = ""
    """Platform and feed: "x-mentions"."""
    kind: Kind = Kind.SLOW
    no_meaning: str = ""
    """Why there is nothing to measure."""

    @property
    def broken_promises(self) -> dict[str, int]:
        names = ("lost", "doubled", "replies_lost", "replies_doubled", "untold", "hasty", "early", "spun")
        return {name: getattr(self, name) for name in names if getattr(self, name)}


def measure(parameter: str, kind: Kind, folder: Path) -> Cell:
    """Run one cell in an empty folder. Replies are tried on the first feed of each platform."""
    with platforms.open_rig(parameter, folder) as rig:
        if rig.faults is None:
            return Cell(parameter=parameter, kind=kind, no_meaning="its fake does not fail")
        no_meaning = rig.faults.meaningless(kind)
        if no_meaning:
            return Cell(parameter=parameter, kind=kind, no_meaning=no_meaning)
        desk = Desk.opened(rig, folder)
        try:
            reading = _read_through(kind, rig, desk)
            answers = rig.open_sender is not None and parameter in platforms.first_feeds()
            answering = _answer_through(kind, rig, desk) if answers else Answering()
        finally:
            rig.faults.end()
            desk.store.close()
    return Cell(parameter=parameter, kind=kind, **vars(reading), **vars(answering))


def _read_through(kind: Kind, rig: Rig, desk: Desk) -> Reading:
    """A page in peace, the fault, then peace again until nothing more comes."""
    assert rig.faults is not None
    expected = set(rig.expected)
    desk.listen(lambda _: True)
    expected |= _write(rig, "before")
    until = rig.faults.begin(kind, FAULT_SECONDS)
    expected |= _write(rig, "during")
    before = desk.fetches
    desk.listen(lambda _: rig.clock() >= until)
    fetches = desk.fetches - before
    rig.faults.end()
    expected |= _write(rig, "after")
    quiet = 0

    def at_the_end(batch: Batch | None) -> bool:
        nonlocal quiet
        quiet = quiet + 1 if batch is not None and not batch.more else 0
        return quiet >= 3

    desk.listen(at_the_end)
    stored = desk.stored()
    missing = expected - set(stored)
    raw = "\n".join(desk.quarantined())
    aside = sum(rig.trace(key) in raw for key in missing)
    again = [count - 1 for count in (*Counter(stored.values()).values(), *desk.news.values())]
    patient = KNOWN_BATCHES + 15 + FAULT_SECONDS / rig.open_source().interval_seconds
    return Reading(
        posts=len(expected),
        lost=len(missing) - aside,
        aside=aside,
        doubled=sum(again) + len(set(stored) - expected),
        fetches=fetches,
        # One fetch hears of the limit, one comes after it.
        hasty=max(0, fetches - 2) if kind in ANNOUNCED else 0,
        spun=max(0, fetches - int(patient)),
    )


def _write(rig: Rig, when: str) -> set[str]:
    written = set()
    for number in range(2 if rig.write is not None else 0):
        assert rig.write is not None
        rig.clock.advance(1)
        written.add(rig.write(f"help, written {when} the fault, number {number}"))
    return written


def _answer_through(kind: Kind, rig: Rig, desk: Desk) -> Answering:
    """Two replies: one while everything is broken, one at whose publication everything breaks."""
    assert rig.faults is not None
    desk.think()
    answerings = []
    for text, with_a_write in (("We are sorry.", False), ("We look into it.", True)):
        until = rig.faults.begin(kind, FAULT_SECONDS, with_a_write=with_a_write)
        answerings.append(_answered(kind, rig, desk, text, until))
        rig.faults.end()
    return Answering(*(sum(figures) for figures in zip(*map(astuple, answerings), strict=True)))


def _answered(kind: Kind, rig: Rig, desk: Desk, text: str, until: datetime) -> Answering:
    """A reply, approved again whenever it was given back."""
    case_id = desk.case_to_answer()
    public_before, own_before = rig.public(), desk.own()
    untold = 0
    for _ in range(4):
        desk.approve(case_id, text)
        reply = desk.send(rig.clock() + (PATIENCE if rig.reads_back else GIVEN_UP))
        if reply.state is not ReplyState.FAILED:
            break
        untold += not reply.error or desk.draft_of(case_id) != text
        rig.clock.advance(max(60.0, (until - rig.clock()).total_seconds()))
    public = rig.public() - public_before
    left_open = reply.state is ReplyState.UNCONFIRMED and not rig.reads_back
    settled = reply.state is ReplyState.SENT or left_open
    return Answering(
        replies=1,
        replies_lost=int(not settled) + int(reply.state is ReplyState.SENT and public < 1),
        replies_doubled=max(0, public - 1) + max(0, desk.own() - own_before - 1),
        untold=untold + int(left_open and not reply.error),
        left_open=int(left_open),
        # One attempt hears of the limit, one comes after it.
        early=max(0, reply.attempts - 2) if kind in ANNOUNCED else 0,
    )
