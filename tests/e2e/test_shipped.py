"""With the weights that ship: the bundled day, and texts that leave no doubt."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from classifier.artifact import SHIPPED, read_manifest
from tests.e2e.support import DEMO_DAY, run_process

COMPLAINTS = [
    "@FernwayHelp three weeks and still no parcel, nobody answers my emails. This is a disgrace!",
    "My card was charged twice and your support hung up on me. I want my money back.",
    "the app crashes every single time i try to log in, fix it already",
    "Посылка так и не пришла. Третий день никто не отвечает, ужасный сервис, верните деньги!",
    "Kargom iki haftadır gelmedi, müşteri hizmetleri telefonu açmıyor. Rezalet!",
]
OTHERS = [
    "@FernwayHelp thank you so much, the new lockers are wonderful!",
    "good morning everyone, have a lovely day",
    "just watched the game, what a goal",
    "Does the shop open on Sundays?",
]


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """A folder without a config: everything is as it comes."""
    return tmp_path


def test_plain_complaints_are_found_and_plain_others_are_left(empty: Path) -> None:
    texts = COMPLAINTS + OTHERS
    stdin = b"".join(json.dumps({"id": n, "text": text}).encode() + b"\n" for n, text in enumerate(texts))
    done = run_process("classify", "--json", cwd=empty, stdin=stdin)
    assert (done.code, done.err) == (0, "")
    assert {line["model"] for line in done.lines} == {read_manifest(SHIPPED).version}
    told = [line["is_complaint"] for line in done.lines]
    # Beyond doubt for a person; one slip among nine is what a model of its size may make.
    wanted = [True] * len(COMPLAINTS) + [False] * len(OTHERS)
    assert sum(a != b for a, b in zip(told, wanted, strict=True)) <= 1, done.lines
    assert [line["language"] for line in done.lines[:5]] == ["en", "en", "en", "ru", "tr"]


def test_the_bundled_day_goes_through_well_within_its_minute(empty: Path) -> None:
    done = run_process("replay", DEMO_DAY, "--db", "a.db", "--json", cwd=empty)
    assert (done.code, done.err) == (0, "")
    assert done.json["mentions"] == 234
    # The day was written so that most customers complain, and some only chat or praise.
    assert 60 <= done.json["complaints"] <= 170
    assert 40 <= done.json["cases"] <= 150
    assert done.json["seconds"] < 60
    told = run_process("report", "--db", "a.db", "--format", "json", cwd=empty).json
    assert 0 < told["answered"] < told["cases"]


def test_doctor_finds_the_model(empty: Path) -> None:
    done = run_process("doctor", cwd=empty)
    assert done.code == 0, done.out
    assert f"{read_manifest(SHIPPED).version} answers." in done.out
