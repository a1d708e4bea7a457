"""Fixtures: a folder with a config that names a tiny model, and the command line on it."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from answerback.cli import main
from tests.classifier.tiny import write_tiny_folder
from tests.e2e.support import Result

Answerback = Callable[..., Result]


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_folder(tmp_path_factory.mktemp("weights"))


@pytest.fixture
def home(tmp_path: Path, tiny_weights: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: a config.toml with the tiny model, nothing else."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.toml").write_text(f'[classifier]\nweights = "{tiny_weights}"\n', encoding="utf-8")
    return tmp_path


@pytest.fixture
def answerback(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Answerback:
    """The command line's own entry point, in this process: for what a process adds nothing to."""

    def call(*args: object, stdin: bytes = b"") -> Result:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(arg) for arg in args])
        said = capsys.readouterr()
        return Result(int(ended.value.code or 0), said.out, said.err)

    return call
