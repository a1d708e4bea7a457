"""What the contract suites and the fault matrix need of a platform: its fake, its sources, its sender.

To add a platform, add one module to tests/contracts/platforms/, called as its module in listener/platforms/,
and nothing else: both contract suites and the fault matrix find it by itself. It holds

    FEEDS = ("mentions", …)    # what its sources read; the first is the one that replies answer
    def open_rig(feed: str, folder: Path) -> Iterator[Rig]: …    # a @contextmanager

`open_rig` starts the fake and fills it with 25 good posts and 2 that cannot be read, on more than two pages.
The fake keeps a `ServerClock`, source and sender the `Clock` behind it, so that the two can differ. Where the
platform speaks HTTP, `faults` is an `HttpFaults`, which is told what a page and a publication look like.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from desk.model.reply import Outgoing, ReplyId
from desk.ports import ReplySender, Source
from tests.fakes.clock import START, Clock
from tests.fakes.loopback import Fault
from tests.faults.kinds import Faults

TEXT = "We are sorry & on it: see https://fernway.example/help or fernway.com/status"


def _nothing() -> None:
    pass


@dataclass(frozen=True, kw_only=True)
class Rig:
    """A platform with 25 good posts and 2 bad ones, on more than two pages."""

    platform: str
    """`Mention.source` of its posts."""
    clock: Clock
    """The clock of the fake, the source and the sender."""
    open_source: Callable[[], Source]
    """The source as a new process would make it."""
    expected: set[str]
    """Ids of the mentions that it has to bring."""
    break_it: Callable[[], None]
    """The next fetch fails, each time in another way."""
    mend_it: Callable[[], None] = _nothing

    open_sender: Callable[[], ReplySender] | None = None
    """The sender as a new process would make it, with a time-out of under a second; None without one."""
    post: str = ""
    """`Mention.external_id` of a customer's post that can be answered."""
    public: Callable[[], int] = lambda: 0
    """How many replies the platform shows."""
    order: Callable[[Fault], None] | None = None
    """Have the next publication answered so; None where nothing can go wrong."""
    reads_back: bool = True
    """Whether the platform can be asked if a reply is public."""
    write: Callable[[str], str] | None = None
    """A customer writes this to the brand, now; the id of the mention that it becomes."""
    trace: Callable[[str], str] = lambda mention_id: mention_id.partition(":")[2].partition("@")[0]
    """What of a mention's id stands in the platform's own record of the post."""
    faults: Faults | None = None
    """What can go wrong, for the fault matrix; `HttpFaults` serves every platform that speaks HTTP."""
    handle: str = "fernway"
    """As which the replies are published."""
    brand: str = "fernway"

    def outgoing(self, number: int = 1, text: str = TEXT) -> Outgoing:
        return Outgoing(ReplyId(number), self.brand, self.post, self.post, "ana", text, START)


class RigModule(Protocol):
    """A module of tests/contracts/platforms."""

    FEEDS: tuple[str, ...]

    def open_rig(self, feed: str, folder: Path) -> AbstractContextManager[Rig]: ...
