"""Reading a mailbox on a real IMAP server, whatever happens to its mails meanwhile."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from desk.errors import SourceError
from desk.model.mention import Mention
from desk.ports import Batch
from listener.platforms.email.source import READ_LIMIT, EmailFeed, EmailSource
from tests.fakes.clock import Clock
from tests.fakes.email_server import ADDRESS, MailServer, mail
from tests.fakes.tcp_proxy import Answer, Chunk, TcpProxy, Trouble


class Reader:
    """A source, and a store that keeps its cursor."""

    def __init__(self, server: MailServer, feed: EmailFeed = EmailFeed.INBOX, **options: Any) -> None:
        self._server, self._feed = server, feed
        self._account = options.pop("account", None)
        self._options = options
        self.cursor: str | None = None
        self.source = self.opened()

    def opened(self) -> EmailSource:
        account = self._account or self._server.account()
        return EmailSource(account, feed=self._feed, now=self._server.now, **self._options)

    def fetch(self) -> Batch:
        batch = self.source.fetch(self.cursor)
        self.cursor = batch.cursor
        return batch

    def read(self) -> list[Mention]:
        """All that is new."""
        found: list[Mention] = []
        more = True
        while more:
            batch = self.fetch()
            found += batch.mentions
            more = batch.more
        return found


def texts(mentions: list[Mention]) -> list[str]:
    return [mention.text.rpartition("\n")[2] for mention in mentions]


def test_mails_of_every_flag_are_read_and_none_is_marked(server: MailServer) -> None:
    server.put(*[mail(f"text {n}", number=n) for n in range(5)])
    with server.connected() as client:
        client.select("INBOX")
        client.store("1:2", "+FLAGS", r"(\Seen \Answered)")
    before = server.flags()

    assert texts(Reader(server).read()) == [f"text {n}" for n in range(5)]
    assert server.flags() == before


def test_pages_hold_so_many_mails_and_a_kill_between_them_loses_nothing(server: MailServer) -> None:
    server.put(*[mail(f"text {n}", number=n) for n in range(7)])
    reader = Reader(server, page_size=3)
    sizes, found = [], []

    for _ in range(3):
        reader.opened().fetch(reader.cursor)  # read, and killed before it was stored
        reader.source = reader.opened()
        batch = reader.fetch()
        sizes.append(len(batch.mentions))
        found += batch.mentions

    assert sizes == [3, 3, 1]
    assert texts(found) == [f"text {n}" for n in range(7)]


def test_the_first_pass_reads_a_day_and_later_mails_are_read_however_old(
    server: MailServer, clock: Clock
) -> None:
    server.put(mail("too old", number=1), at=clock() - timedelta(days=3))
    server.put(mail("of today", number=2), at=clock() - timedelta(hours=3))
    reader = Reader(server)

    assert texts(reader.read()) == ["of today"]
    server.put(mail("moved here", number=3), at=clock() - timedelta(days=30))
    assert texts(reader.read()) == ["moved here"]


def test_the_first_mail_that_a_folder_ever_gets_is_read(server: MailServer) -> None:
    reader = Reader(server)
    assert reader.read() == []

    assert server.put(mail("the first", number=1)) == [1]

    assert texts(reader.read()) == ["the first"]


def test_clocks_run_from_the_servers_time(server: MailServer, clock: Clock) -> None:
    clock.advance(-600)
    server.put(mail("It broke.", number=1).replace(b"2026", b"1999"))
    clock.advance(600)

    (found,) = Reader(server).read()

    assert found.created_at == clock() - timedelta(seconds=600)


def test_a_folder_that_is_numbered_anew_is_read_again_without_doubles(server: MailServer) -> None:
    with server.connected() as client:
        client.create("Support")
    reader = Reader(server, account=server.account(folder="Support"), page_size=2)
    server.put(*[mail(f"text {n}", number=n) for n in range(3)], folder="Support")
    first = {mention.id for mention in reader.read()}
    before = json.loads(reader.cursor or "")["validity"]
    server.number_anew("Support")
    server.put(mail("new", number=9), folder="Support")

    batches = [reader.fetch() for _ in range(4)]

    assert json.loads(reader.cursor or "")["validity"] != before
    assert texts([m for batch in batches for m in batch.mentions]) == ["new"]
    assert [gap for batch in batches for gap in batch.gaps] == []
    assert [key for batch in batches for key in batch.deleted] == []
    assert len(first) == 3


def test_a_folder_that_was_replaced_leaves_a_gap_that_is_told_once(server: MailServer, clock: Clock) -> None:
    with server.connected() as client:
        client.create("Support")
    reader = Reader(server, account=server.account(folder="Support"))
    server.put(mail("known", number=1), folder="Support")
    reader.read()
    server.number_anew("Support", keep=False)
    clock.advance(3600)

    batches = [reader.fetch() for _ in range(3)]
    gaps = [gap for batch in batches for gap in batch.gaps]

    assert [(gap.since, gap.until) for gap in gaps] == [(clock() - timedelta(hours=1), clock())]
    assert "Support" in gaps[0].reason
    assert [key for batch in batches for key in batch.deleted] == []


def test_a_mail_that_is_deleted_is_told_and_one_that_is_moved_is_not(server: MailServer) -> None:
    uids = server.put(*[mail(f"text {n}", number=n) for n in range(4)])
    reader = Reader(server)
    found = reader.read()
    server.move(uids[0], "INBOX")
    server.move(uids[1], "INBOX", to="Archive")
    server.move(uids[2], "INBOX", to="Trash")

    batch = reader.fetch()

    assert sorted(batch.deleted) == sorted([found[0].id, found[2].id])
    assert list(reader.fetch().deleted) == []


def test_mails_without_an_id_or_with_the_same_one_are_all_kept(server: MailServer) -> None:
    server.put(
        mail("one", message_id=None),
        mail("two", message_id=None),
        mail("three", message_id="<same@x.example>"),
        mail("four", message_id="<same@x.example>"),
        mail("five", message_id="not an id"),
        mail("three", message_id="<same@x.example>"),
    )
    reader = Reader(server)

    found = reader.read()

    assert texts(found) == ["one", "two", "three", "four", "five"]
    assert len({mention.id for mention in found}) == 5
    assert len({mention.conversation for mention in found}) == 5
    assert list(reader.fetch().deleted) == []


def test_a_thread_is_followed_by_references_and_never_by_subject(server: MailServer) -> None:
    server.put(
        mail("first", number=1),
        mail(
            "chain", number=3, references="<m1@mail.example> <m2@mail.example>", answers="<m2@mail.example>"
        ),
        mail("only parent", number=4, answers="Your mail <m3@mail.example> of Monday"),
        mail("same subject", number=5),
    )

    first, chain, parent, other = Reader(server).read()

    assert first.conversation == chain.conversation == parent.conversation != other.conversation
    assert (chain.in_reply_to, parent.in_reply_to) == (None, chain.external_id)


def test_a_parent_that_was_read_long_ago_is_asked_for(server: MailServer) -> None:
    reader = Reader(server, lookback=1)
    server.put(mail("first", number=1))
    server.put(mail("our answer", number=2, sender=ADDRESS, answers="<m1@mail.example>"), folder="Sent")
    (first,) = reader.read()
    server.put(mail("other", number=8))
    reader.read()
    server.put(mail("without references", number=3, answers="<m2@mail.example>"))
    reader.source = reader.opened()

    (answer,) = reader.read()

    assert answer.conversation == first.conversation


def test_answers_from_a_mail_program_are_the_brands(server: MailServer) -> None:
    server.put(mail("It broke.", number=1))
    server.put(
        mail(
            "Sorry!\n\nOn 10 March Ana wrote:\n> It broke.",
            number=2,
            sender=ADDRESS,
            answers="<m1@mail.example>",
        ),
        folder="Sent",
    )
    (question,) = Reader(server).read()

    (answer,) = Reader(server, EmailFeed.SENT).read()

    assert (answer.from_brand, answer.automatic, answer.text) == (True, False, "Sorry!")
    assert question.private
    assert answer.private
    assert (answer.in_reply_to, answer.conversation) == (question.external_id, question.conversation)


def test_copies_of_sent_mail_among_the_incoming_are_left_to_the_other_feed(server: MailServer) -> None:
    own = mail("Sorry!", number=2, sender=ADDRESS, answers="<m1@mail.example>")
    server.put(own, folder="Sent")
    server.put(own)

    assert Reader(server).read() == []
    assert len(Reader(server, EmailFeed.SENT).read()) == 1


def test_of_a_large_mail_the_words_are_read(server: MailServer) -> None:
    picture = b"\r\n".join([b"A" * 76] * 40_000)
    head = (
        b"From: ana@mail.example\r\nMessage-ID: <big@x>\r\nSubject: Big\r\n"
        b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n\r\nIt broke.\r\n--b\r\n'
        b"Content-Type: image/jpeg; name=a.jpg\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    )
    server.put(head + picture + b"\r\n--b--\r\n")

    (found,) = Reader(server).read()

    assert "It broke." in found.text
    assert "[attachment: a.jpg]" in found.text
    assert "was not read]" in found.text


def test_a_mail_whose_words_come_too_late_is_set_aside_with_its_headers(server: MailServer) -> None:
    picture = b"\r\n".join([b"A" * 76] * 40_000)
    raw = (
        b"From: ana@mail.example\r\nSubject: Late words\r\n"
        b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: image/png\r\n\r\n'
    )
    server.put(raw + picture + b"\r\n--b\r\n\r\nIt broke.\r\n--b--\r\n", mail("fine", number=2))
    reader = Reader(server)

    batch = reader.fetch()

    assert texts(list(batch.mentions)) == ["fine"]
    assert "Late words" in batch.bad[0].raw
    assert f"{READ_LIMIT:,}" in batch.bad[0].reason
    assert list(reader.fetch().bad) == []


def test_a_mail_that_the_server_cannot_hand_over_keeps_none_back(server: MailServer) -> None:
    uids = server.put(*[mail(f"text {n}", number=n) for n in range(3)])

    def damaged(chunk: Chunk) -> Trouble | None:
        tag, _, said = chunk.data.partition(b" ")
        asked = said.split(b" ")[2] if said.startswith(b"UID FETCH") else b""
        wanted = str(uids[1]).encode() in asked or asked == f"{uids[0]}:{uids[2]}".encode()
        if chunk.upwards and b"BODY.PEEK" in said and wanted:
            return Answer(tag + b" NO [SERVERBUG] damaged\r\n")
        return None

    with TcpProxy(server.imap_port, damaged) as proxy:
        imap = server.account().imap.__class__("127.0.0.1", proxy.port, server.account().imap.security)
        batch = Reader(server, account=server.account(imap=imap)).fetch()

    assert texts(list(batch.mentions)) == ["text 0", "text 2"]
    assert [bad.reason for bad in batch.bad] == ["the mail server has it, but does not hand it over"]


def test_a_kept_connection_that_was_closed_is_made_anew(server: MailServer) -> None:
    with TcpProxy(server.imap_port) as proxy:
        imap = server.account().imap.__class__("127.0.0.1", proxy.port, server.account().imap.security)
        reader = Reader(server, account=server.account(imap=imap))
        reader.read()
        proxy.cut()
        server.put(mail("after", number=5))

        assert texts(reader.read()) == ["after"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"password": "wrong"}, "app password"),
        ({"folder": "Nowhere"}, "there are: .*INBOX"),
    ],
)
def test_what_a_person_must_change_is_permanent_and_says_what(
    server: MailServer, change: dict[str, Any], said: str
) -> None:
    if "password" in change:
        change["password"] = type(server.account().password)("wrong-secret")
    source = Reader(server, account=server.account(**change))

    with pytest.raises(SourceError, match=said) as caught:
        source.fetch()

    assert caught.value.permanent
    assert "wrong-secret" not in str(caught.value)


def test_a_foreign_cursor_is_refused(server: MailServer) -> None:
    for cursor in (
        "{}",
        "[]",
        '{"since": "x", "validity": 1}',
        '{"since":"2026-01-01T00:00:00Z","validity":-1}',
    ):
        with pytest.raises(SourceError, match="cursor") as caught:
            Reader(server).opened().fetch(cursor)
        assert caught.value.permanent
