"""How long `answerback replay` takes for 1,205 posts, as a process with the shipped weights.

    python -m benchmarks.bench_replay [FILE]

1,205 is what a year of one brand's mentions came to in the real data. Without a FILE the bundled demo day is
repeated with new ids, a day later each time, so lengths, languages, threads and answers are a real day's.
Beside it the same file with a predictor that always says the same, in this process: what is left then is
reading, storing, deciding, alerting.
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

from answerback import bootstrap, clock, pipeline
from answerback.config import Config
from desk.model.verdict import Sentiment, Verdict
from desk.store import Store
from desk.watch import AlertRules
from listener.platforms.replay.source import ReplaySource

POSTS = 1_205
LIMIT_SECONDS = 60.0


class ConstantPredictor:
    """Calls every text the same mild complaint, at no cost."""

    version = "constant"

    def predict(
        self,
        texts: Sequence[str],
        langs: Sequence[str | None] | None = None,  # noqa: ARG002
    ) -> list[Verdict]:
        verdict = Verdict(
            complaint=0.8,
            is_complaint=True,
            needs_look=False,
            sentiment=Sentiment(0.6, 0.3, 0.1),
            language="en",
            model=self.version,
            embedding=bytes(768),
        )
        return [verdict] * len(texts)


def main() -> None:
    """Print the table; about a quarter of a minute."""
    with tempfile.TemporaryDirectory(prefix="answerback-bench-") as name:
        folder = Path(name)
        given = [Path(arg) for arg in sys.argv[1:] if Path(arg).is_file()]
        file = given[0] if given else _write(folder / "posts.jsonl.gz")
        figures, wall, cpu, peak_mib = _as_process(file, folder)
        bare = _timed(lambda: _without_classification(file, folder / "bare.db"))
    read = figures["posts_read"]
    judged = figures["mentions"] - figures["replies_seen"]
    print(f"replay of {read:,} posts ({judged:,} classified), limit {LIMIT_SECONDS:.0f} s")
    print(f"  whole process       {wall:6.2f} s   {read / wall:7.0f} posts/s   peak {peak_mib:.0f} MiB")
    print(f"  processor time      {cpu:6.2f} s   on a machine with other work, this is the figure to compare")
    print(f"  of it the replay    {figures['seconds']:6.2f} s   {read / figures['seconds']:7.0f} posts/s")
    print(f"  without the model   {bare:6.2f} s   {read / bare:7.0f} posts/s")
    print(f"  {'within' if wall <= LIMIT_SECONDS else 'OVER'} the limit: {wall / LIMIT_SECONDS:.0%} of it")


def _as_process(file: Path, folder: Path) -> tuple[dict[str, Any], float, float, float]:
    """What it printed, its wall and processor seconds, and its peak of memory in MiB."""
    begin = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "answerback", "replay", str(file), "--db", str(folder / "a.db"), "--json"],
        stdout=subprocess.PIPE,
        cwd=folder,
    )
    assert process.stdout is not None
    with process.stdout as stdout:
        printed = stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode in {0, 1}, "the replay failed; see above"
    return json.loads(printed), wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def _without_classification(file: Path, db: Path) -> None:
    source = ReplaySource(file, now=clock.now)
    made = pipeline.Pipeline(
        store=Store(db),
        predictor=ConstantPredictor(),
        rules=bootstrap.make_rules(Config()),
        alert_rules=AlertRules(),
        senders={},
        channels={},
        now=clock.now,
    )
    pipeline.replay(made, source, finished=lambda: source.ended, wait=time.sleep)
    made.store.close()


def _timed(task: Callable[[], object]) -> float:
    begin = time.perf_counter()
    task()
    return time.perf_counter() - begin


def _write(path: Path) -> Path:
    with gzip.open(path, "wt", encoding="utf-8") as out:
        for post in _posts():
            out.write(json.dumps(post, ensure_ascii=False) + "\n")
    return path


def _posts() -> Iterator[dict[str, Any]]:
    day = files("answerback").joinpath("demo", "day.jsonl.gz").read_bytes()
    posts = [json.loads(line) for line in gzip.decompress(day).splitlines()]
    for number in range(POSTS):
        again, place = divmod(number, len(posts))
        post = dict(posts[place])
        for key in ("id", "conversation_id", "in_reply_to"):
            if post[key] is not None:
                post[key] = f"{post[key]}-{again}"
        at = datetime.fromisoformat(post["created_at"]) + timedelta(days=again)
        yield post | {
            "created_at": at.isoformat(),
            "text": f"{post['text']} {again}" if again else post["text"],
        }


if __name__ == "__main__":
    main()
