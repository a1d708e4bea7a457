"""Two processes on one outbox: each reply goes out once."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

from desk.model.reply import ReplyState
from tests.kernel import NOON, Desk, post

SENDER = """
import sys, time
from pathlib import Path
from desk import outbox
from desk.store import Store
from tests.kernel import FakeSender, after

class Told(FakeSender):
    def send(self, outgoing):
        with open("published", "a") as log:
            log.write(f"{outgoing.reply_id}\\n")
        return super().send(outgoing)

store = Store(Path(sys.argv[1]))
Path(sys.argv[2]).touch()
while not Path("go").exists():
    time.sleep(0.001)
for _ in range(40):
    outbox.send_due(store, {"bluesky": Told()}, after(1))
"""
"""Waits until it is let go, so that both begin together."""


def test_two_processes_on_one_outbox_publish_each_reply_once(desk: Desk, tmp_path: Path) -> None:
    for number in range(1, 21):
        desk.take(post(str(number), thread=f"t{number}", by=f"u{number}"))
        desk.approve(now=NOON, case=number)
    root = Path(__file__).parents[2]
    senders = [
        subprocess.Popen(
            [sys.executable, "-c", SENDER, desk.store.path, name],
            cwd=tmp_path,
            env={"PYTHONPATH": str(root)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in ("one", "two")
    ]
    try:
        while not all((tmp_path / name).exists() for name in ("one", "two")):
            assert all(sender.poll() is None for sender in senders), "it did not start"
        (tmp_path / "go").touch()
        for sender in senders:
            _, said = sender.communicate(timeout=120)
            assert sender.returncode == 0, said
    finally:
        for sender in senders:
            sender.kill()
    published = Counter((tmp_path / "published").read_text().split())
    assert published == Counter(str(number) for number in range(1, 21))
    assert all(desk.reply(number).state is ReplyState.SENT for number in range(1, 21))
