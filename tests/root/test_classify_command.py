"""`answerback classify` where the classifier fails on one of the lines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from answerback import bootstrap
from answerback.cli import main
from answerback.exits import Exit
from desk.model.verdict import Sentiment, Verdict

POISON = "a text that the model cannot read"


class Picky:
    """Fails on every batch that holds the poison."""

    version = "picky"

    def predict(self, texts: Sequence[str], langs: Sequence[str | None] | None = None) -> list[Verdict]:
        if POISON in texts:
            raise RuntimeError("Non-zero status code returned while running MatMul node")
        return [Verdict(0.9, True, False, Sentiment(1, 0, 0), "en", "picky", b"") for _ in texts]


def test_a_line_that_the_model_fails_on_is_named_and_the_others_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "posts.jsonl"
    rows = [{"id": "1", "text": "late"}, {"id": "2", "text": POISON}, {"id": "3", "text": "broken"}]
    file.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(bootstrap, "make_predictor", lambda _: Picky())
    with pytest.raises(SystemExit) as ended:
        main(["classify", "posts.jsonl", "--json"])
    said = capsys.readouterr()
    assert ended.value.code == Exit.PARTIAL
    assert [json.loads(line)["id"] for line in said.out.splitlines()] == ["1", "3"]
    assert "posts.jsonl, line 2: " in said.err
    assert "Traceback" not in said.err
