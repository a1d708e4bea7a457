"""What `answerback desk` hands from the config to the interface."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from answerback import cli
from answerback.commands import desk as command
from desk.outbox import UNDO_SECONDS
from desk.store import Store
from tests.kernel import NOON, Desk, post
from tui import acts
from tui.app import DeskApp


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[DeskApp]:
    """The interfaces that were started; none takes the test's terminal."""
    apps: list[DeskApp] = []
    monkeypatch.setattr(DeskApp, "run", lambda self: apps.append(self))  # noqa: PLW0108 -- binds self
    monkeypatch.setattr(command, "need_terminal", lambda: None)
    return apps


def start(*args: str) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["desk", *args])
    assert not ended.value.code


def test_settings_and_options_reach_the_interface(
    tmp_path: Path, opened: list[DeskApp], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Store(tmp_path / "a.db").close()
    start("--db", "a.db", "--agent", "anna")
    monkeypatch.setenv("ANSWERBACK_AGENT", "ben")
    (tmp_path / "config.toml").write_text('store = "a.db"\n[replies]\nundo = "1m"\n')
    start()
    assert [(app.agent, app.undo_seconds) for app in opened] == [("anna", UNDO_SECONDS), ("ben", 60.0)]
    assert all(app.store.path.name == "a.db" for app in opened)


def test_a_user_without_a_name_is_an_agent_all_the_same(
    tmp_path: Path, opened: list[DeskApp], monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody() -> Any:
        raise KeyError("getpwuid(): uid not found: 1000670000")

    monkeypatch.delenv("ANSWERBACK_AGENT", raising=False)
    monkeypatch.setattr(command.getpass, "getuser", nobody)
    Store(tmp_path / "a.db").close()
    start("--db", str(tmp_path / "a.db"))
    assert opened[0].agent == "agent"


def test_the_time_to_undo_is_kept_by_the_outbox(desk: Desk) -> None:
    desk.take(post("1"))
    acts.approve(desk.case(), "anna", "We are sorry", 60.0).run(desk.store, NOON)
    assert desk.reply().send_after == NOON + timedelta(seconds=60)
