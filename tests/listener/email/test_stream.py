"""News by IDLE: it ends waits, and never stands in the way of a stop."""

from __future__ import annotations

import threading
import time

from desk.ports import Batch
from listener.platforms.email.source import EmailFeed, EmailSource
from listener.platforms.email.stream import EmailStream
from listener.runner import SourceState, run_source
from tests.fakes.email_server import MailServer, mail
from tests.fakes.tcp_proxy import TcpProxy


class Running:
    """A source and its stream, each in a thread, as a run has them."""

    def __init__(self, server: MailServer, port: int | None = None) -> None:
        account = server.account()
        if port is not None:
            account = server.account(imap=account.imap.__class__("127.0.0.1", port, account.imap.security))
        self.stop = threading.Event()
        self.found: list[str] = []
        self.news = threading.Condition()
        self._cursor: str | None = None
        source = EmailSource(account, feed=EmailFeed.INBOX, now=server.now, interval_seconds=600)
        self.stream = EmailStream(account, random=lambda: 0.0, renew_seconds=1)
        self.threads = [
            threading.Thread(target=self.stream.run, args=(self.stop,), daemon=True),
            threading.Thread(
                target=run_source,
                args=(
                    source,
                    self._record,
                    lambda: self._cursor,
                    self.stream.waits(self.stop, 600),
                    self._note,
                ),
                kwargs={"now": server.now, "random": lambda: 0.0},
                daemon=True,
            ),
        ]
        for thread in self.threads:
            thread.start()

    def _record(self, batch: Batch) -> bool:
        with self.news:
            self._cursor = batch.cursor
            self.found += [mention.text.rpartition("\n")[2] for mention in batch.mentions]
            self.news.notify_all()
        return bool(batch.mentions)

    def _note(self, state: SourceState) -> None:
        pass

    def await_text(self, text: str) -> bool:
        with self.news:
            return self.news.wait_for(lambda: text in self.found, timeout=30)

    def end(self) -> float:
        """Seconds until all threads have come home."""
        begin = time.monotonic()
        self.stop.set()
        for thread in self.threads:
            thread.join(10)
        assert not any(thread.is_alive() for thread in self.threads)
        return time.monotonic() - begin


def test_a_mail_is_read_long_before_the_next_poll_and_a_stop_is_prompt(server: MailServer) -> None:
    server.put(mail("first", number=1))
    running = Running(server)
    assert running.await_text("first")

    server.put(mail("second", number=2))

    assert running.await_text("second")
    assert running.end() < 4


def test_a_broken_connection_is_made_anew(server: MailServer) -> None:
    server.put(mail("first", number=1))
    with TcpProxy(server.imap_port) as proxy:
        running = Running(server, proxy.port)
        assert running.await_text("first")
        proxy.cut()

        server.put(mail("second", number=2))

        assert running.await_text("second")
        running.end()
