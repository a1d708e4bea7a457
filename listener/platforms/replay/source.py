"""A recorded file of posts as a source: all at once, at its own pace, or as if it happened now."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from desk.errors import InputError, SourceError
from desk.model.mention import Mention
from desk.ports import BadRecord, Batch, Now
from listener.lines import Line, read_lines
from listener.platforms.replay.records import Record, RecordError, parse_record
from listener.platforms.replay.stage import ReplayStage

_RAW_LIMIT = 10_000
"""Characters of a bad line that are kept for the operator."""
_INTERVAL_SECONDS = 1.0
_ANY_TIME = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Cursor:
    """How far the file was read. The times are set by the first good post and stay."""

    line: int = 0
    """Lines passed, good and bad."""
    anchor: datetime | None = None
    """The moment of the first fetch."""
    start: datetime | None = None
    """The time in the file that falls on the anchor."""
    stage: str = ""
    staged: int = 0
    """Posts taken from that stage. A stage lives as long as the process, so another one begins at 0."""

    @classmethod
    def parse(cls, text: str | None, source: str) -> _Cursor:
        if text is None:
            return cls()
        try:
            data = json.loads(text)
            return cls(
                line=int(data["line"]),
                anchor=_moment(data.get("anchor")),
                start=_moment(data.get("start")),
                stage=str(data.get("stage", "")),
                staged=int(data.get("staged", 0)),
            )
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise SourceError(
                f"The cursor of source {source} is not one that a replay wrote ({text[:80]!r}). "
                "Give the replay a name of its own, or remove that cursor.",
                permanent=True,
            ) from error

    def dump(self) -> str:
        data: dict[str, object] = {"line": self.line}
        if self.anchor is not None and self.start is not None:
            data |= {"anchor": self.anchor.isoformat(), "start": self.start.isoformat()}
        if self.staged:
            data |= {"stage": self.stage, "staged": self.staged}
        return json.dumps(data)


def _moment(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)


class ReplaySource:
    """Posts of a JSON-lines file, plain or gzipped, in the order of its lines.

    `speed` 0: everything at once, times as they are. `speed` above 0: a post comes when the file's
    time reaches it, `speed` times faster than it passed. With `rebase` the file's time `live_from`
    (default: its first post) falls on the first fetch: what is before it comes at once, and every
    `created_at` is moved so that the file seems to happen now. Lines should be sorted by time; a
    line that is not due holds back those after it.

    Batches end at the same lines whenever the run is killed and resumed. A line that cannot be read
    becomes a BadRecord; empty lines are nothing. With a `stage`, replies published on it and its
    scripted customers' answers come as posts, too. Not to be fetched from by two threads.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        now: Now,
        name: str | None = None,
        speed: float = 0,
        rebase: bool = False,
        live_from: datetime | None = None,
        batch_size: int = 100,
        stage: ReplayStage | None = None,
    ) -> None:
        """Raises InputError where the settings contradict each other. The file is opened by `fetch`."""
        self._path = Path(path)
        self._name = name or f"replay:{self._path.name}"
        if not 0 <= speed < float("inf"):
            raise InputError(f"Replay {self._name}: speed must be 0 (all at once) or above, not {speed}.")
        if rebase and not speed:
            raise InputError(
                f"Replay {self._name}: rebase moves posts to now and needs a speed above 0; 1 is real time."
            )
        if live_from is not None and (not rebase or live_from.tzinfo is None):
            raise InputError(f"Replay {self._name}: live_from needs rebase, and a time with its timezone.")
        if batch_size < 1:
            raise InputError(f"Replay {self._name}: batch_size must be at least 1, not {batch_size}.")
        self._now, self._speed, self._rebase, self._live_from = now, speed, rebase, live_from
        self._batch_size, self._stage = batch_size, stage
        self._lines: Generator[Line, None, None] | None = None
        self._position = 0
        """Lines that `_lines` has given."""
        self._ahead: Line | None = None
        """Read, but not passed on: not yet due."""
        self._ended = False

    @property
    def name(self) -> str:
        return self._name

    @property
    def interval_seconds(self) -> float:
        return _INTERVAL_SECONDS

    @property
    def ended(self) -> bool:
        """The last fetch passed the file's last line; a stage may still have something to say."""
        return self._ended

    def fetch(self, cursor: str | None) -> Batch:
        """The next lines that are due, and what the stage has. Raises SourceError."""
        now = self._now()
        at = _Cursor.parse(cursor, self._name)
        mentions: list[Mention] = []
        bad: list[BadRecord] = []
        more = False
        passed = at.line
        for line in self._lines_after(at.line, now):
            if line.number > at.line + self._batch_size:
                more = True
                self._ahead = line
                break
            parsed = self._parse(line, now)
            if isinstance(parsed, Record):
                if at.anchor is None or at.start is None:
                    at = replace(at, anchor=now, start=self._live_from or parsed.mention.created_at)
                if not self._is_due(parsed.mention, at, now):
                    self._ahead = line
                    break
                mentions.append(self._deliver(parsed, at))
            elif parsed is not None:
                bad.append(parsed)
            passed = line.number
        else:
            self._ended = True
            self._close()
        at = replace(at, line=passed)
        if self._stage is not None:
            taken = at.staged if at.stage == self._stage.id else 0
            staged = self._stage.arrived(after=taken, now=now)
            mentions += staged
            at = replace(at, stage=self._stage.id, staged=taken + len(staged))
        return Batch(mentions, bad=bad, cursor=at.dump(), more=more)

    def _lines_after(self, line: int, now: datetime) -> Iterator[Line]:
        """Lines after number `line`, from where the last fetch stopped where that fits."""
        held = 0 if self._ahead is None else 1
        if self._ended and self._position == line:
            return
        try:
            if self._lines is None or self._position - held != line:
                self._close()
                self._ended = False
                self._lines = read_lines(self._path)
                self._skip(self._lines, line, now)
            if self._ahead is not None:
                ahead, self._ahead = self._ahead, None
                yield ahead
            for following in self._lines:
                self._position = following.number
                yield following
        except SourceError:
            self._close()
            raise

    def _skip(self, lines: Iterator[Line], line: int, now: datetime) -> None:
        """Pass what an earlier run delivered; the stage must still learn its scripts and accounts."""
        self._position = 0
        while self._position < line:
            passed = next(lines, None)
            if passed is None:
                raise SourceError(
                    f"{self._path} has {self._position} lines, but {line} were read before: it was replaced. "
                    "Put the old file back, or give the replay of the new one a name of its own.",
                    permanent=True,
                )
            self._position = passed.number
            if self._stage is not None:
                parsed = self._parse(passed, now)
                if isinstance(parsed, Record):
                    self._teach(parsed)

    def _parse(self, line: Line, now: datetime) -> Record | BadRecord | None:
        reason = line.problem
        if not reason:
            if not line.data.strip():
                return None
            try:
                return parse_record(line.data, now)
            except RecordError as error:
                reason = str(error)
        # Cut before decoding: a line can be megabytes long.
        raw = line.data[: _RAW_LIMIT * 4].decode("utf-8", errors="replace")
        return BadRecord(f"line {line.number}", raw[:_RAW_LIMIT].replace("\0", "\ufffd"), reason)

    def _is_due(self, mention: Mention, at: _Cursor, now: datetime) -> bool:
        if not self._speed or at.anchor is None or at.start is None:
            return True
        # In seconds: at a very low speed the due time itself would lie beyond the calendar's end.
        passed = (mention.created_at - at.start).total_seconds()
        return passed <= 0 if now <= at.anchor else passed <= (now - at.anchor).total_seconds() * self._speed

    def _deliver(self, record: Record, at: _Cursor) -> Mention:
        self._teach(record)
        mention = record.mention
        if not self._rebase or at.anchor is None or at.start is None:
            return mention
        passed = mention.created_at - at.start
        moved = at.anchor + (passed if passed < timedelta() else passed / self._speed)
        return replace(mention, created_at=moved)

    def _teach(self, record: Record) -> None:
        if self._stage is not None:
            pace = self._speed or 1.0
            self._stage.learn(record.mention, [(a.after_seconds / pace, a.text) for a in record.answers])

    def _close(self) -> None:
        if self._lines is not None:
            self._lines.close()
        self._lines, self._ahead = None, None


def sources_in(path: Path | str) -> tuple[str, ...]:
    """The platform keys that a file's good lines name, sorted: one ReplaySender is needed for each.

    Reads the whole file once, in bounded memory. Raises SourceError as `ReplaySource.fetch` does.
    """
    keys: set[str] = set()
    for line in read_lines(Path(path)):
        if line.problem:
            continue
        try:
            keys.add(parse_record(line.data, _ANY_TIME).mention.source)
        except RecordError:
            continue  # The replay reports it; here only the keys matter.
    return tuple(sorted(keys))
