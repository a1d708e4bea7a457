"""How long the desk takes to show its first cases, and in how much memory, on a store of a busy year.

    python -m benchmarks.bench_desk [--mentions 100000] [--store FILE]

Fills a store in a temporary folder (`--store` keeps it), then opens the desk headless, each time in a process
of its own as `answerback desk` would be. The clock runs from the start of that process to the first frame
that shows the queue's rows; the best of several starts, because a shared machine disturbs now and then.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from desk.model.case import Case, CaseId, CaseState, Opening, Severity
from desk.model.customer import CustomerId
from desk.model.event import Event, EventKind
from desk.model.mention import Author, Mention
from desk.model.sla import Clock, SlaPolicy
from desk.model.verdict import Sentiment, Verdict
from desk.store import Store, cases, customers, events, mentions

NOW = datetime(2026, 11, 17, 12, tzinfo=UTC)
LIMIT_SECONDS = 1.0
LIMIT_MEGABYTES = 120
STARTS = 5
_STATES = (CaseState.RESOLVED,) * 7 + (CaseState.WAITING, CaseState.NEW, CaseState.ASSIGNED)
_WORDS = [
    "parcel",
    "refund",
    "invoice",
    "locker",
    "driver",
    "app",
    "login",
    "broken",
    "late",
    "twice",
    "wrong",
]
_VERDICT = Verdict(0.9, True, False, Sentiment(0.8, 0.15, 0.05), "en", "bench", b"")
_POLICY = SlaPolicy("bench", first_response_seconds=3_600)


def fill(store: Store, count: int) -> int:
    """`count` mentions in two fifths as many cases, in one transaction; the number of cases."""
    opened = CaseId(0)
    with store.write() as db:
        events.save_policy(db, _POLICY)
        for number in range(count):
            at = NOW - timedelta(minutes=5 * (count - number))
            new = number * 2 % 5 < 2
            opened = CaseId(opened + new)
            mention = _mention(number, opened, at)
            customer = customers.of_author(db, mention.source, mention.author)
            mentions.insert(db, mention, customer)
            mentions.save_verdicts(db, [(mention, _VERDICT)])
            if new:
                case = _case(opened, mention, customer)
                cases.save(db, case)
                events.append(db, case.id, _log(case), at)
            mentions.decide(db, mention.id, "open", ("A complaint with 90%.",), opened)
    return opened


def _mention(number: int, thread: int, at: datetime) -> Mention:
    words = " ".join(_WORDS[(number * step) % len(_WORDS)] for step in range(1, 18))
    person = thread % 15_000
    return Mention(
        source=("x", "bluesky", "mastodon")[thread % 3],
        external_id=str(number),
        conversation_id=f"t{thread}",
        in_reply_to=None,
        brand="Fernway",
        author=Author(f"p{person}", f"person_{person}", f"Person {person}"),
        from_brand=False,
        created_at=at,
        received_at=at,
        text=f"@FernwayHelp {words} FW-{number}",
        language="en",
    )


def _case(case_id: CaseId, mention: Mention, customer: CustomerId) -> Case:
    state = _STATES[case_id % len(_STATES)]
    ours = state in (CaseState.NEW, CaseState.ASSIGNED)
    at = mention.created_at
    return Case(
        id=case_id,
        conversation=mention.conversation,
        source=mention.source,
        brand=mention.brand,
        customer_id=customer,
        opening=Opening.COMPLAINT,
        language="en",
        state=state,
        severity=Severity(case_id % 4),
        assignee="ada" if state is CaseState.ASSIGNED else None,
        policy_id=_POLICY.id,
        opened_at=at,
        due_at=at + timedelta(hours=1) if ours else None,
        due_clock=Clock.FIRST_RESPONSE if ours else None,
        snoozed_until=None,
        first_response_at=None,
        closed_at=at if state is CaseState.RESOLVED else None,
        last_mention_id=mention.id,
        last_customer_at=at,
        unanswered=int(ours),
        linked_case_id=None,
        version=1,
    )


def _log(case: Case) -> list[Event]:
    opened = {
        "conversation": case.conversation,
        "source": case.source,
        "brand": case.brand,
        "customer": case.customer_id,
        "opening": case.opening,
        "severity": case.severity.word,
        "language": case.language,
        "reasons": [],
        "linked_case": None,
    }
    at, post = case.opened_at, case.last_mention_id
    return [
        Event(EventKind.OPENED, at, mention_id=post, data=opened),
        Event(EventKind.POLICY_CHOSEN, at, data={"policy": case.policy_id}),
        Event(EventKind.CUSTOMER_WROTE, at, mention_id=post, data={"awaits_answer": True}),
    ]


_DESK = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from desk.store import Store
from tui.app import DeskApp

def main(path, began):
    import asyncio, json
    noon = datetime(2026, 11, 17, 12, tzinfo=UTC)
    app = DeskApp(Store(Path(path), create=False), agent="ada", now=lambda: noon)
    figures = {}

    def painted(_):
        # After a refresh whose frame holds the rows: what an agent would call "there".
        if "seconds" not in figures and app.desk.queue.rows and app.desk.view is not None:
            figures["seconds"] = time.time() - began
            figures["processor"] = time.process_time()

    async def run():
        async with app.run_test(size=(160, 45)) as pilot:
            app.desk.screen_layout_refresh_signal.subscribe(app.desk, painted)
            while "seconds" not in figures:
                painted(None)
                await asyncio.sleep(0.002)
            for key in ["j"] * 20 + ["pagedown"] * 20 + ["slash", *"parcel", "escape"]:
                await pilot.press(key)
    asyncio.run(run())
    # The process's own peak: ru_maxrss would count the parent's pages from before exec.
    status = Path("/proc/self/status").read_text()
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    figures["megabytes"] = int(peak.split()[1]) / 1024
    figures["torch"] = "torch" in sys.modules
    print(json.dumps(figures))

main(sys.argv[1], float(sys.argv[2]))
"""


def measure(path: Path) -> dict[str, float]:
    """One start of the desk, then forty moves and a search; seconds, peak megabytes, whether torch came."""
    done = subprocess.run(
        [sys.executable, "-c", _DESK, str(path), str(time.time())], capture_output=True, text=True, check=True
    )
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mentions", type=int, default=100_000)
    parser.add_argument("--store", type=Path, help="use this store, and keep it; filled where it is missing")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = arguments.store or Path(folder) / "year.db"
        if not path.exists():
            store = Store(path)
            print(f"Filling a store with {arguments.mentions:,} mentions …", flush=True)
            print(f"  {fill(store, arguments.mentions):,} cases, {path.stat().st_size / 1e6:.0f} MB")
            store.close()
        runs = [measure(path) for _ in range(STARTS)]
    seconds = min(run["seconds"] for run in runs)
    processor = min(run["processor"] for run in runs)
    megabytes = max(run["megabytes"] for run in runs)
    torch = any(run["torch"] for run in runs)
    print(f"{'The desk':<34}{'measured':>10}{'limit':>10}")
    print(f"{'start to first cases, seconds':<34}{seconds:>10.2f}{LIMIT_SECONDS:>10.2f}")
    print(f"{'  of it on the processor':<34}{processor:>10.2f}")
    print(f"{'peak memory, MB':<34}{megabytes:>10.0f}{LIMIT_MEGABYTES:>10}")
    print(f"{'torch loaded':<34}{'yes' if torch else 'no':>10}{'no':>10}")


if __name__ == "__main__":
    main()
