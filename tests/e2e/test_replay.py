"""A file's whole way through the command line: stored, classified, triaged, alerted, once."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import pytest

from desk import outbox
from desk.model.case import CaseId
from desk.model.reply import ReplyState
from desk.store import Store, replies
from tests.e2e.conftest import Answerback
from tests.e2e.support import DEMO_DAY, a_busy_day, contents, first_responses, run_process
from tests.fakes.replay_file import post, write


def test_replay_counts_what_it_did(home: Path, answerback: Answerback) -> None:
    posts = a_busy_day(120)
    write(home / "day.jsonl", posts)
    done = answerback("replay", "day.jsonl", "--db", "a.db", "--every-thread", "--json")
    assert (done.code, done.err) == (0, "")
    figures = done.json
    assert figures["posts_read"] == figures["mentions_new"] == figures["mentions"] == 120
    assert figures["replies_seen"] == sum(p["from_brand"] for p in posts)
    assert figures["cases"] == len(contents(home / "a.db")["cases"]) > 0
    assert figures["alerts"] == len(contents(home / "a.db")["alerts"]) > 0
    verdicts = contents(home / "a.db")["verdicts"]
    assert len(verdicts) == sum(not p["from_brand"] for p in posts)
    assert 0 <= figures["complaints"] <= len(verdicts)
    assert 0 < figures["seconds"] < 60


def test_the_bundled_day_and_a_second_run_that_changes_nothing(home: Path) -> None:
    first = run_process("replay", DEMO_DAY, "--db", "a.db", "--json", cwd=home)
    assert (first.code, first.err) == (0, "")
    before = contents(home / "a.db")
    second = run_process("replay", DEMO_DAY, "--db", "a.db", "--json", cwd=home)
    assert second.code == 0
    assert (second.json["posts_read"], second.json["mentions_new"]) == (0, 0)
    assert contents(home / "a.db") == before
    same = ("mentions", "complaints", "cases", "replies_seen", "alerts", "quarantined")
    assert {k: second.json[k] for k in same} == {k: first.json[k] for k in same}
    with gzip.open(DEMO_DAY, "rt", encoding="utf-8") as lines:
        posts = [json.loads(line) for line in lines]
    assert first.json["mentions"] == len(posts)
    assert first.json["replies_seen"] == sum(p["from_brand"] for p in posts)


def test_a_copy_under_another_name_adds_nothing_either(home: Path, answerback: Answerback) -> None:
    write(home / "one.jsonl", a_busy_day(60))
    write(home / "two.jsonl.gz", a_busy_day(60), packed=True)
    assert answerback("replay", "one.jsonl", "--db", "a.db").code == 0
    kept = ("mentions", "verdicts", "cases", "events", "alerts")
    before = contents(home / "a.db")
    again = answerback("replay", "two.jsonl.gz", "--db", "a.db", "--json")
    assert (again.json["posts_read"], again.json["mentions_new"]) == (60, 0)
    after = contents(home / "a.db")
    assert {table: after[table] for table in kept} == {table: before[table] for table in kept}


def test_lines_added_to_a_file_come_with_the_next_run(home: Path, answerback: Answerback) -> None:
    posts = a_busy_day(60)
    write(home / "day.jsonl", posts[:40])
    answerback("replay", "day.jsonl", "--db", "a.db")
    write(home / "day.jsonl", posts)
    added = answerback("replay", "day.jsonl", "--db", "a.db", "--json")
    assert (added.json["mentions_new"], added.json["mentions"]) == (20, 60)


@pytest.mark.parametrize("source", ["made", "bundled"])
def test_the_median_over_threads_is_the_one_worked_out_by_hand(
    home: Path, answerback: Answerback, source: str
) -> None:
    if source == "made":
        posts = a_busy_day(400)
        file = write(home / "day.jsonl", posts)
    else:
        file = DEMO_DAY
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            posts = [json.loads(line) for line in lines]
    assert answerback("replay", file, "--db", "a.db", "--every-thread").code == 0
    told = answerback("report", "--db", "a.db", "--of", "all", "--format", "json").json["threads"]
    by_hand = first_responses(posts)
    assert told["first_response_seconds"]["n"] == len(by_hand) > 20
    assert told["first_response_seconds"]["p50"] == pytest.approx(median(by_hand), abs=0.1)


def test_times_in_a_replay_are_the_posts_own(home: Path, answerback: Answerback) -> None:
    """Alerts and clocks of a day long ago are what they would have been then."""
    lone = [post(1, text="my parcel never came"), post(200, author={"id": "z", "handle": "zoe"})]
    write(home / "day.jsonl", lone)
    answerback("replay", "day.jsonl", "--db", "a.db", "--every-thread")
    told = answerback("report", "--db", "a.db", "--of", "all", "--format", "json").json
    alerts = contents(home / "a.db")["alerts"]
    assert {row[1] for row in alerts} == {"breach_ahead", "breach"}
    assert told["breaches"][0]["due_at"] == "2024-05-01T09:01:00Z"


def test_without_json_it_speaks_to_a_person(home: Path, answerback: Answerback) -> None:
    write(home / "day.jsonl", a_busy_day(30))
    done = answerback("replay", "day.jsonl", "--db", "a.db")
    assert done.out.startswith("Read 30 posts, 30 of them new")
    assert done.err == ""


def test_a_replay_into_a_working_store_sends_nothing_to_anybody(
    home: Path, tiny_weights: Path, answerback: Answerback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backfill must not ring a chat about last year, nor take a reply that waits for its platform."""
    write(home / "day.jsonl", [post(1, text="never came, fraud!")])
    answerback("replay", "day.jsonl", "--db", "a.db", "--every-thread")
    store = Store(home / "a.db")
    outbox.approve(store, CaseId(1), agent="mia", text="We are sorry.", now=datetime.now(UTC), undo_seconds=0)
    (home / "config.toml").write_text(
        f'[classifier]\nweights = "{tiny_weights}"\ncomplaint_threshold = 0\nlook_threshold = 0\n'
        '[triage]\nurgent_terms = ["fraud"]\n'
        '[[alerts.channels]]\ntype = "webhook"\nname = "ops"\nurl = "https://ops.example/hook"\n'
        'secret_env = "ANSWERBACK_OPS_SECRET"\n'
    )
    monkeypatch.delenv("ANSWERBACK_OPS_SECRET", raising=False)  # not even its secrets are needed
    write(home / "more.jsonl", [post(n, text=f"never came, fraud! {n}") for n in range(2, 9)])
    done = answerback("replay", "more.jsonl", "--db", "a.db", "--every-thread", "--json")
    assert (done.code, done.err) == (0, "")
    assert done.json["alerts"] >= 7
    after = contents(home / "a.db")
    assert after["deliveries"] == []
    with store.read() as db:
        (reply,) = replies.of_case(db, CaseId(1))
    store.close()
    assert reply.state is ReplyState.APPROVED
