"""A recorded file, packed, with two lines in it that cannot be read; replies go to a stage in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from listener.platforms.replay.source import ReplaySource
from listener.platforms.replay.stage import ReplaySender, ReplayStage
from tests.contracts.rig import Rig
from tests.fakes.clock import Clock
from tests.fakes.replay_file import post, write
from tests.faults.file import FileFaults

FEEDS = ("file",)


@contextmanager
def open_rig(feed: str, folder: Path) -> Iterator[Rig]:
    lines = [json.dumps(post(n)).encode() for n in range(25)]
    lines[4:4] = [b'{"id": "4",']
    lines[20:20] = [b"\xff\xfe"]
    path, away = write(folder / "posts.jsonl", lines, packed=True), folder / "away"
    stage, clock = ReplayStage(), Clock()
    yield Rig(
        platform="x",
        clock=clock,
        open_source=lambda: ReplaySource(path, now=clock, batch_size=10),
        expected={f"x:{n}" for n in range(25)},
        break_it=lambda: path.rename(away) and None,
        mend_it=lambda: away.rename(path) and None,
        open_sender=lambda: ReplaySender("x", stage, clock),
        post="1",
        public=lambda: len(stage.arrived(after=0, now=clock())),
        faults=FileFaults(path, lines, read=10, clock=clock),
    )
