"""What `answerback doctor` says of a store in trouble."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from answerback import bootstrap, clock
from answerback.cli import main
from desk import deliveries, watch
from desk.errors import DeliveryError
from desk.model.spending import Budget, Charge
from desk.model.verdict import Verdict
from desk.ports import Batch, Gap, Headroom
from desk.store import sources
from desk.store.spending import StoreLedger
from desk.watch import AlertRules
from tests.kernel import NOON, Desk, FakeChannel, WordPredictor, after, post


@pytest.fixture
def said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[str]:
    """Findings about a store with an alert that no chat takes, a source that is down, and a gap."""
    monkeypatch.chdir(tmp_path)
    desk = Desk(tmp_path / "a.db")
    desk.take(post("1"))
    watch.raise_alerts(desk.store, AlertRules(), ["chat"], after(minutes=59))
    chat = FakeChannel("chat", DeliveryError("chat answered 500."))
    deliveries.deliver_due(desk.store, {"chat": chat}, after(minutes=59))
    gap = Gap(NOON, NOON + timedelta(hours=2), "X keeps 7 days.")
    with desk.store.write() as db:
        sources.save_fetch(db, "x:search", Batch(gaps=(gap,)), NOON)
        sources.save_failure(db, sources.SourceStatus("x:own", "backing_off", None, "No \x1b[31mright."))
    desk.store.close()
    with pytest.raises(SystemExit) as ended:
        main(["doctor", "--db", "a.db"])
    assert ended.value.code == 1
    yield capsys.readouterr().out


def test_an_alert_that_no_chat_takes_is_told_before_it_is_given_up(said: str) -> None:
    assert "✗ alerts     chat: 1 wait and are tried again. chat answered 500." in said


def test_a_source_that_is_down_and_what_may_be_missing(said: str) -> None:
    assert "✗ source     x:own: backing_off, last success never. No  [31mright." in said
    assert "x:search: posts may be missing from 2026-11-17 12:00 to 2026-11-17 14:00 UTC. X keeps 7" in said


def test_a_model_that_fails_on_plain_words(
    desk: Desk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(WordPredictor):
        def predict(self, texts: Sequence[str], langs: Sequence[str | None] | None = None) -> list[Verdict]:
            raise MemoryError

    monkeypatch.setattr(bootstrap, "make_predictor", lambda _: Broken())
    with pytest.raises(SystemExit) as ended:
        main(["doctor", "--db", str(desk.store.path)])
    assert ended.value.code == 1
    assert "✗ model      The classifier test-1 fails even on plain words" in capsys.readouterr().out


def source_lines(desk: Desk, capsys: pytest.CaptureFixture[str]) -> list[str]:
    with pytest.raises(SystemExit):
        main(["doctor", "--db", str(desk.store.path)])
    return [line for line in capsys.readouterr().out.splitlines() if " source " in line]


def test_how_each_source_is(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """State, lag, what the limit allows; and that nothing comes where the source itself says nothing."""
    now = clock.now().replace(microsecond=0)
    moments = [now - timedelta(minutes=8), now - timedelta(minutes=40), now - timedelta(days=9)]
    with desk.store.write() as db:
        room = Headroom(12, 450, now + timedelta(minutes=5))
        sources.listen(db, {"a": 60.0, "b": 300.0, "c": 60.0}, moments[1])
        sources.save_fetch(db, "a", Batch([post("1", at=moments[1])], headroom=room), moments[0])
        sources.save_fetch(db, "b", Batch(), moments[0])
        sources.listen(db, {"c": 60.0}, moments[2])
        for minutes in range(40, -1, -1):
            sources.listen(db, {"a": 60.0, "b": 300.0}, now - timedelta(minutes=minutes))

    a, b, c = source_lines(desk, capsys)

    assert a.startswith(f"✗ source     a: silent, last success {moments[0]:%Y-%m-%d %H:%M} UTC (8 min ")
    assert f"newest post {moments[1]:%Y-%m-%d %H:%M} UTC, 12 of 450 requests left until" in a
    assert b.startswith(f"✓ source     b: ok, last success {moments[0]:%Y-%m-%d %H:%M} UTC (8 min ")
    assert c.startswith(
        f"• source     c: not listened to since {moments[2]:%Y-%m-%d %H:%M} UTC, last success never"
    )


def test_the_configured_patience_counts(
    desk: Desk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    now = clock.now()
    with desk.store.write() as db:
        for minutes in range(20, -1, -1):
            sources.listen(db, {"a": 60.0}, now - timedelta(minutes=minutes))
    monkeypatch.chdir(tmp_path)
    assert source_lines(desk, capsys)[0].startswith("✗ source     a: silent")
    Path("config.toml").write_text('[alerts]\nsilent_after = "30m"\n', encoding="utf-8")
    assert source_lines(desk, capsys)[0].startswith("✓ source     a: ok")


@pytest.mark.parametrize(
    ("cap", "spent_micro", "stopped", "sign", "words"),
    [
        (
            "monthly_budget_usd = 1_000_000",
            12_345_678,
            False,
            "✓",
            "x has used $12.35 of $1,000,000.00, 7 reads;",
        ),
        ("monthly_reads = 7", 12_345_678, False, "•", "7 of 7 reads"),
        (
            "monthly_budget_usd = 50",
            50_000_000,
            True,
            "✗",
            "x has used up its budget: nothing is read until 1 ",
        ),
        ("", 0, False, "•", "Set monthly_budget_usd: there is no cap."),
    ],
)
def test_what_x_has_cost_this_month_and_comes_to(
    tmp_path: Path,
    desk: Desk,
    capsys: pytest.CaptureFixture[str],
    cap: str,
    spent_micro: int,
    stopped: bool,
    sign: str,
    words: str,
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(f'[[sources]]\ntype = "x"\nbrand = "b"\nhandle = "h"\n{cap}\n')
    ledger, now = StoreLedger(desk.store), clock.now()
    ledger.add("x", [Charge("post", 7, spent_micro, 7)], now)
    if stopped:
        ledger.stop(Budget("x", 50_000_000), now)

    with pytest.raises(SystemExit):
        main(["doctor", "--config", str(config), "--db", str(desk.store.path)])

    [line] = [line for line in capsys.readouterr().out.splitlines() if " budget " in line]
    assert line.startswith(f"{sign} budget     x has used $")
    assert words in line
    assert f"by the end of {now:%B}." in line


def test_a_platform_that_is_only_read_is_said_to_be(
    tmp_path: Path, desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[[sources]]\ntype = "rss"\nbrand = "b"\nurl = "https://reviews.example/b.atom"\n')
    with pytest.raises(SystemExit):
        main(["doctor", "--config", str(config), "--db", str(desk.store.path)])
    [line] = [line for line in capsys.readouterr().out.splitlines() if " sources " in line]
    assert line.endswith(" reads; replies are not possible there.")


FERNWAY = '[[sources]]\ntype = "rss"\nbrand = "Fernway"\nurl = "https://reviews.example/f.atom"\n'
REPLAY = '[[sources]]\ntype = "replay"\npath = "day.jsonl"\n'
OWN = '[[classifier.brands]]\nbrand = "Fernway"\ncomplaint_threshold = 0.6\n'
MISSPELT = OWN.replace("Fernway", "fernway")
POLICY = '[[sla.policies]]\nname = "fast"\nfirst_response = "1h"\n'
RULE = POLICY + '[[sla.rules]]\npolicy = "fast"\nbrand = "Fernwy"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            FERNWAY + MISSPELT,
            [
                '• brands     [[classifier.brands]] "fernway": no source listens for this brand, so that its '
                'thresholds decide nothing. Write it as a source does: "Fernway".'
            ],
        ),
        (
            FERNWAY + RULE,
            [
                '• brands     [[sla.rules]] "Fernwy": no source listens for this brand, so that the rule '
                'decides nothing. Write it as a source does: "Fernway".'
            ],
        ),
        (FERNWAY + OWN, []),
        (FERNWAY + REPLAY + MISSPELT, []),  # the file may hold posts about it
        (MISSPELT, []),
    ],
)
def test_a_brand_with_settings_of_its_own_that_no_source_listens_for(
    tmp_path: Path,
    desk: Desk,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    said: list[str],
) -> None:
    monkeypatch.setattr(bootstrap, "make_predictor", lambda _: WordPredictor())
    config = tmp_path / "config.toml"
    config.write_text(text)
    with pytest.raises(SystemExit):
        main(["doctor", "--config", str(config), "--db", str(desk.store.path)])
    assert [line for line in capsys.readouterr().out.splitlines() if " brands " in line] == said


def test_thresholds_that_leave_nothing_to_look_at(
    tmp_path: Path, desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.toml"
    config.write_text("[classifier]\nlook_threshold = 0.9\n")
    with pytest.raises(SystemExit) as ended:
        main(["doctor", "--config", str(config), "--db", str(desk.store.path)])
    assert ended.value.code == 1
    assert f"✗ model      {config}: classifier: look_threshold is 0.9, above" in capsys.readouterr().out
