"""answerback classify"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

import click

from answerback import bootstrap
from answerback.commands.options import config_option, example, json_option
from answerback.config import load_config
from answerback.exits import Exit
from desk.errors import InputError
from desk.model.verdict import Verdict

_CHUNK = 512


@click.command()
@click.argument("file", default="-")
@config_option
@json_option
@example(
    """echo '{"id": "1", "text": "Three weeks and still no parcel!"}' | answerback classify --json""",
    "answerback classify posts.jsonl --json > verdicts.jsonl",
)
def classify(*, file: str, config_path: Path | None, as_json: bool) -> int:
    """Classify JSON lines: `text`, and where known `id` and `lang`.

    Verdicts come in the order of the lines. A line that cannot be read is named on stderr, the rest still
    come, and the exit code is 1.
    """
    predictor = bootstrap.make_predictor(load_config(config_path).classifier)
    failed = False
    with _open(file) as stream:
        lines = enumerate(stream, start=1)
        while chunk := list(islice(lines, _CHUNK)):
            records = []
            for number, line in chunk:
                try:
                    record = _parse(line)
                except InputError as error:
                    failed = True
                    click.echo(f"{file}, line {number}: {error}", err=True)
                    continue
                if record is not None:
                    records.append(record)
            verdicts = predictor.predict([r["text"] for r in records], [r.get("lang") for r in records])
            _print(zip(records, verdicts, strict=True), as_json=as_json)
    return Exit.PARTIAL if failed else Exit.OK


def _open(file: str) -> TextIO:
    try:
        return click.open_file(file, encoding="utf-8", errors="replace")  # type: ignore[return-value]
    except OSError as error:
        raise InputError(f"Cannot read {file}: {error.strerror}.") from error


def _parse(line: str) -> dict[str, Any] | None:
    if not line.strip():
        return None
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"not JSON ({error}).") from error
    if not isinstance(record, dict) or not isinstance(record.get("text"), str):
        raise InputError('not an object with a "text" of type string.')
    if not isinstance(record.get("lang"), str | None):
        raise InputError('"lang" must be a string such as "en".')
    return record


def _print(pairs: Iterable[tuple[dict[str, Any], Verdict]], *, as_json: bool) -> None:
    for line in _lines(pairs, as_json=as_json):
        click.echo(line)


def _lines(pairs: Iterable[tuple[dict[str, Any], Verdict]], *, as_json: bool) -> Iterator[str]:
    for record, verdict in pairs:
        if as_json:
            yield json.dumps(
                {
                    "id": record.get("id"),
                    "complaint": round(verdict.complaint, 4),
                    "is_complaint": verdict.is_complaint,
                    "needs_look": verdict.needs_look,
                    "sentiment": {
                        "negative": round(verdict.sentiment.negative, 4),
                        "neutral": round(verdict.sentiment.neutral, 4),
                        "positive": round(verdict.sentiment.positive, 4),
                    },
                    "language": verdict.language,
                    "model": verdict.model,
                },
                ensure_ascii=False,
            )
        else:
            word = "complaint" if verdict.is_complaint else "look" if verdict.needs_look else "-"
            text = " ".join("".join(c if c.isprintable() else " " for c in record["text"]).split())
            yield f"{verdict.complaint:5.2f}  {word:<9}  {verdict.language:<3}  {text[:100]}"
