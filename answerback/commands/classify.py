"""answerback classify"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import click

from answerback import bootstrap
from answerback.commands.options import config_option, example, json_option, print_json
from answerback.config import load_config
from answerback.exits import Exit
from answerback.terminal import one_line, tell
from desk.classification import Unread, read
from desk.errors import InputError
from desk.model.explanation import Explanation, quoted
from desk.model.verdict import Verdict
from listener.lines import Line, read_lines

_CHUNK = 512
_SHOWN = 84
"""Characters of a post in the table."""
_REASON = 15
_INDENT = " " * 23


@click.command()
@click.argument("file", default="-")
@config_option
@json_option
@click.option("--explain", "explained", is_flag=True, help="Also the words that moved each verdict; slower.")
@example(
    """echo '{"id": "1", "text": "Three weeks and still no parcel!"}' | answerback classify --json""",
    "answerback classify posts.jsonl --json > verdicts.jsonl",
    "answerback classify posts.jsonl --explain",
)
def classify(*, file: str, config_path: Path | None, as_json: bool, explained: bool) -> int:
    """Classify JSON lines: `text`, and where known `id` and `lang`.

    Verdicts come in the order of the lines. A line that cannot be read is named on stderr, the rest still
    come, and the exit code is 1.
    """
    predictor = bootstrap.make_predictor(load_config(config_path).classifier)
    explain = bootstrap.make_explain(predictor) if explained else None
    failed = False
    with _lines_of(file) as lines:
        while chunk := list(islice(lines, _CHUNK)):
            records, places = [], []
            for line in chunk:
                try:
                    record = _parse(line)
                except InputError as error:
                    failed = True
                    tell(f"{file}, line {line.number}: {error}")
                    continue
                if record is not None:
                    records.append(record)
                    places.append(line.number)
            verdicts = read(predictor, [r["text"] for r in records], [r.get("lang") for r in records])
            for record, number, verdict in zip(records, places, verdicts, strict=True):
                if isinstance(verdict, Unread):
                    failed = True
                    tell(f"{file}, line {number}: {verdict.reason}")
                    continue
                why = explain(record["text"], record.get("lang")) if explain else None
                if as_json:
                    print_json(_as_json(record, verdict) | (_why_as_json(record["text"], why) if why else {}))
                else:
                    click.echo(_as_row(record, verdict))
                    if why:
                        click.echo(_why_as_row(record["text"], why))
    return Exit.PARTIAL if failed else Exit.OK


@contextmanager
def _lines_of(file: str) -> Iterator[Iterator[Line]]:
    """Lines of a file, plain or gzipped, or of a pipe. Raises SourceError or InputError."""
    path = Path(file)
    if file != "-" and not path.exists():
        raise InputError(f"There is no file {file}. Name one of JSON lines, or - for the standard input.")
    if file != "-" and (path.is_file() or path.is_dir()):
        yield read_lines(path)
        return
    try:
        stream = click.open_file(file, "rb")
    except OSError as error:
        raise InputError(f"Cannot read {file}: {error.strerror}.") from error
    with stream:
        yield (Line(number, data) for number, data in enumerate(stream, start=1))


def _parse(line: Line) -> dict[str, Any] | None:
    """The record of a line; None of an empty one."""
    if line.problem:
        raise InputError(f"{line.problem}.")
    try:
        text = line.data.decode("utf-8-sig")
        record = json.loads(text, parse_constant=_no_number) if text.strip() else None
    except UnicodeDecodeError as error:
        raise InputError(f"not UTF-8 (byte {error.start}).") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"not JSON ({error}).") from error
    if record is None and not text.strip():
        return None
    if not isinstance(record, dict) or not isinstance(record.get("text"), str):
        raise InputError('not an object with a "text" of type string.')
    if not isinstance(record.get("lang"), str | None):
        raise InputError('"lang" must be a string such as "en".')
    return record


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _as_json(record: Mapping[str, Any], verdict: Verdict) -> dict[str, Any]:
    return {
        "id": record.get("id"),
        "complaint": round(verdict.complaint, 4),
        "is_complaint": verdict.is_complaint,
        "needs_look": verdict.needs_look,
        "sentiment": {
            "negative": round(verdict.sentiment.negative, 4),
            "neutral": round(verdict.sentiment.neutral, 4),
            "positive": round(verdict.sentiment.positive, 4),
        },
        "anger": round(verdict.anger, 4),
        "abuse": round(verdict.abuse, 4),
        "reason": verdict.reason,
        "language": verdict.language,
        "model": verdict.model,
    }


def _why_as_json(text: str, why: Explanation) -> dict[str, Any]:
    telling = why.telling
    return {
        "explanation": [
            {"start": word.start, "end": word.end, "text": said, "weight": word.weight}
            for word, said in zip(telling, quoted(text, telling), strict=True)
        ]
    }


def _why_as_row(text: str, why: Explanation) -> str:
    telling = why.telling
    words = [
        f"{word.weight:+.1f} {one_line(said, _SHOWN)}"
        for word, said in zip(telling, quoted(text, telling), strict=True)
    ]
    return f"{_INDENT}{', '.join(words) or 'no word stands out'}"


def _as_row(record: Mapping[str, Any], verdict: Verdict) -> str:
    word = "complaint" if verdict.is_complaint else "look" if verdict.needs_look else "-"
    text = one_line(record["text"], _SHOWN)
    about = verdict.reason if verdict.is_complaint or verdict.needs_look else ""
    about = one_line(about, _REASON)
    return f"{verdict.complaint:5.2f}  {word:<9}  {verdict.language:<3}  {about:<{_REASON}}  {text}"
