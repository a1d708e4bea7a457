"""Answering over a real SMTP server: one mail at most, and every doubt told."""

from __future__ import annotations

from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, cast

import pytest
from pydantic import SecretStr

from desk.errors import SendLaterError, SendRefusedError, SendUnknownError
from desk.model.mention import Mention
from desk.model.reply import Outgoing, ReplyId, same_words
from listener.platforms.email.account import Copies, EmailAccount, Security, Server
from listener.platforms.email.sender import EmailSender
from listener.platforms.email.source import EmailFeed, EmailSource
from tests.fakes.clock import START, Clock
from tests.fakes.email_server import ADDRESS, MailServer, mail
from tests.fakes.tcp_proxy import Answer, Break, Chunk, Swallow, TcpProxy, Trouble
from tests.listener.email.letters import raw_mail

TEXT = "Sorry!\n.\nWe look into it: çok üzgünüz."


@pytest.fixture
def proxy(server: MailServer) -> Iterator[TcpProxy]:
    """In front of the SMTP server."""
    with TcpProxy(server.smtp_port) as proxy:
        yield proxy


def opened(server: MailServer, proxy: TcpProxy | None = None, **changes: Any) -> EmailSender:
    return EmailSender(
        [account_of(server, proxy, **changes)], now=server.now, timeout_seconds=2, answer_seconds=0.5
    )


def account_of(server: MailServer, proxy: TcpProxy | None = None, **changes: Any) -> EmailAccount:
    if proxy is not None:
        changes["smtp"] = Server("127.0.0.1", proxy.port, Security.PLAIN)
    return server.account(**changes)


def read(server: MailServer, feed: EmailFeed = EmailFeed.INBOX) -> list[Mention]:
    return list(EmailSource(server.account(), feed=feed, now=server.now).fetch(None).mentions)


def answer_to(mention: Mention, number: int = 1, text: str = TEXT) -> Outgoing:
    return Outgoing(
        ReplyId(number),
        "fernway",
        mention.external_id,
        mention.conversation_id,
        mention.author.handle,
        text,
        START,
    )


def at_the_end(trouble: Trouble) -> Any:
    """What happens when the mail is handed over."""
    return lambda chunk: trouble if chunk.upwards and chunk.data.endswith(b"\r\n.\r\n") else None


def sent(server: MailServer, number: int = 0) -> EmailMessage:
    return cast(EmailMessage, message_from_bytes(server.sent[number][1], policy=policy.default))


def test_a_reply_goes_to_who_asked_in_their_thread(server: MailServer) -> None:
    server.put(
        mail("It broke.", number=3, subject="=?utf-8?Q?Kargo_k=C4=B1r=C4=B1k?=", references="<m1@x> <m2@x>"),
    )
    (question,) = read(server)

    post = opened(server).send(answer_to(question))

    reply = sent(server)
    assert server.sent[0][0] == ["ana@mail.example"]
    assert (reply["To"], reply["Subject"]) == ("Ana <ana@mail.example>", "Re: Kargo kırık")
    assert reply["In-Reply-To"] == "<m3@mail.example>"
    assert reply["References"] == "<m1@x> <m2@x> <m3@mail.example>"
    assert reply["From"] == f"fernway <{ADDRESS}>"
    assert reply["Auto-Submitted"] is None
    assert reply.get_content().replace("\r\n", "\n").rstrip("\n") == TEXT
    (own,) = read(server, EmailFeed.SENT)
    assert (own.external_id, own.conversation) == (post.external_id, question.conversation)
    assert same_words(own.text, TEXT)


def test_an_answer_goes_where_the_writer_wants_it(server: MailServer) -> None:
    server.put(mail("It broke.", Reply_To="Bo <bo@mail.example>"))

    opened(server).send(answer_to(read(server)[0]))

    assert server.sent[0][0] == ["bo@mail.example"]


def test_no_line_of_a_mail_becomes_a_header_of_the_reply(server: MailServer) -> None:
    hostile = raw_mail(
        "x",
        "Subject: =?utf-8?Q?a=0D=0ABcc:_eve@evil.example=0D=0A=0D=0Aboo?=",
        "References: <a@b>\u2028<c@d>",
    ).replace(b"Ana <", b"=?utf-8?Q?Ana=0D=0ABcc:_eve@evil.example?= <")
    server.put(hostile)

    opened(server).send(answer_to(read(server)[0]))

    assert server.sent[0][0] == ["ana@mail.example"]
    assert sent(server)["Bcc"] is None
    assert "boo" in sent(server)["Subject"]


def test_a_mail_without_an_id_is_answered_and_what_comes_back_joins_it(server: MailServer) -> None:
    server.put(mail("no id", message_id=None), mail("another", message_id=None))
    question = next(found for found in read(server) if found.text.endswith("no id"))
    opened(server).send(answer_to(question))
    reply = sent(server)
    server.put(
        mail(
            "thanks",
            number=5,
            answers=reply["Message-ID"],
            references=f"{reply['References']} {reply['Message-ID']}",
        )
    )

    back = next(found for found in read(server) if found.text.endswith("thanks"))

    assert back.conversation == question.conversation
    assert read(server, EmailFeed.SENT)[0].conversation == question.conversation


def test_a_mail_that_somebody_has_filed_elsewhere_is_answered(server: MailServer) -> None:
    (uid,) = server.put(mail("It broke."))
    (question,) = read(server)
    server.move(uid, "INBOX", to="Archive")

    assert opened(server).send(answer_to(question))
    assert len(server.sent) == 1


def test_a_mail_that_is_gone_is_not_answered(server: MailServer) -> None:
    (uid,) = server.put(mail("It broke."))
    (question,) = read(server)
    server.move(uid, "INBOX")

    with pytest.raises(SendRefusedError, match="no folder"):
        opened(server).send(answer_to(question))
    assert server.sent == []


def test_a_mail_that_must_not_be_answered_is_not(server: MailServer) -> None:
    server.put(mail("I am away.", Auto_Submitted="auto-replied"))

    with pytest.raises(SendRefusedError, match="automatic"):
        opened(server).send(answer_to(read(server)[0]))
    assert server.sent == []


def test_what_was_sent_is_filed_once(server: MailServer) -> None:
    server.put(mail("It broke."))
    outgoing = answer_to(read(server)[0])

    first = opened(server).send(outgoing)
    again = opened(server).send(outgoing)

    assert first.external_id == again.external_id
    assert (len(server.sent), server.count("Sent")) == (1, 1)


def test_a_server_that_files_by_itself_is_left_to_it(server: MailServer) -> None:
    server.keeps_sent = True
    server.put(mail("It broke."))

    opened(server).send(answer_to(read(server)[0]))

    assert server.count("Sent") == 1


@pytest.mark.parametrize("trouble", [Break(after=True), Swallow(after=True)], ids=repr)
@pytest.mark.parametrize("copies", [Copies.SERVER, Copies.COPY])
def test_a_lost_answer_is_unknown_and_found_again(
    server: MailServer, proxy: TcpProxy, copies: Copies, trouble: Trouble
) -> None:
    server.keeps_sent = copies is Copies.SERVER
    server.put(mail("It broke."))
    outgoing = answer_to(read(server)[0])
    proxy.trouble = at_the_end(trouble)

    with pytest.raises(SendUnknownError):
        opened(server, proxy, copies=copies).send(outgoing)

    found = opened(server, copies=copies).find(outgoing)
    assert found is not None
    assert opened(server, copies=copies).send(outgoing).external_id == found.external_id
    assert len(server.sent) == 1


@pytest.mark.parametrize("trouble", [Break(), Swallow(), Answer(b"what\r\n")], ids=repr)
def test_a_mail_that_never_arrived_is_unknown_and_then_sent_again(
    server: MailServer, clock: Clock, proxy: TcpProxy, trouble: Trouble
) -> None:
    server.put(mail("It broke."))
    outgoing = answer_to(read(server)[0])
    proxy.trouble = at_the_end(trouble)
    sender = opened(server, proxy, copies=Copies.COPY)
    with pytest.raises(SendUnknownError):
        sender.send(outgoing)
    proxy.trouble = lambda _: None

    with pytest.raises(SendLaterError) as caught:
        sender.find(outgoing)
    clock.advance(caught.value.retry_after_seconds)

    assert sender.find(outgoing) is None
    assert sender.send(outgoing)
    assert len(server.sent) == 1


def test_where_nobody_keeps_a_copy_a_doubt_stays_until_somebody_refers_to_the_reply(
    server: MailServer, clock: Clock, proxy: TcpProxy
) -> None:
    server.put(mail("It broke."))
    outgoing = answer_to(read(server)[0])
    proxy.trouble = at_the_end(Break(after=True))
    sender = opened(server, proxy)
    with pytest.raises(SendUnknownError):
        sender.send(outgoing)

    clock.advance(7 * 24 * 3600)
    with pytest.raises(SendLaterError, match="cannot be told"):
        sender.find(outgoing)
    reply = sent(server)
    server.put(mail("thanks", number=5, answers=reply["Message-ID"], references=reply["Message-ID"]))

    assert sender.find(outgoing) is not None
    assert len(server.sent) == 1


def _said(verb: bytes, answer: bytes) -> Any:
    def trouble(chunk: Chunk) -> Trouble | None:
        is_it = chunk.data.endswith(b"\r\n.\r\n") if verb == b"." else chunk.data.upper().startswith(verb)
        return Answer(answer + b"\r\n") if chunk.upwards and is_it else None

    return trouble


@pytest.mark.parametrize("verb", [b"MAIL", b"RCPT", b"DATA", b"."])
@pytest.mark.parametrize(
    ("answer", "error"),
    [(b"550 5.7.1 policy \x1b[31m", SendRefusedError), (b"451 greylisted", SendLaterError)],
)
def test_what_the_server_says_decides(
    server: MailServer, proxy: TcpProxy, verb: bytes, answer: bytes, error: type[Exception]
) -> None:
    server.put(mail("It broke."))
    outgoing = answer_to(read(server)[0])
    proxy.trouble = _said(verb, answer)

    with pytest.raises(error, match=r"policy|greylisted") as caught:
        opened(server, proxy).send(outgoing)

    assert "\x1b" not in str(caught.value)
    assert server.sent == []
    assert server.count("Sent") == 0


@pytest.mark.parametrize("verb", [b"ehlo", b"AUTH", b"mail", b"rcpt", b"data"])
def test_a_connection_that_breaks_before_the_mail_has_left_is_tried_later(
    server: MailServer, proxy: TcpProxy, verb: bytes
) -> None:
    server.put(mail("It broke."))
    outgoing = answer_to(read(server)[0])
    proxy.trouble = lambda chunk: Break() if chunk.data.lower().startswith(verb.lower()) else None

    with pytest.raises(SendLaterError, match="nothing was sent"):
        opened(server, proxy).send(outgoing)
    assert server.sent == []


def test_a_wrong_password_is_told_in_a_sentence_and_never_shown(
    server: MailServer, proxy: TcpProxy, caplog: pytest.LogCaptureFixture
) -> None:
    server.put(mail("It broke."))
    outgoing = answer_to(read(server)[0])
    proxy.trouble = _said(b"AUTH", b"535 5.7.8 correct horse is wrong")
    caplog.set_level("DEBUG")

    with pytest.raises(SendRefusedError, match="app password") as caught:
        opened(server, proxy).send(outgoing)
    with pytest.raises(SendRefusedError, match="app password") as also:
        opened(server, password=SecretStr("battery staple")).send(outgoing)

    # The servers of this test write down all that they hear.
    servers = ("pymap", "mail.log")
    logged = [record.getMessage() for record in caplog.records if not record.name.startswith(servers)]
    assert "correct horse" not in f"{caught.value}{logged}"
    assert "battery staple" not in f"{also.value}{logged}"


def test_a_reply_for_another_mailbox_is_refused(server: MailServer) -> None:
    other = Outgoing(ReplyId(1), "fernway", "x@other.example/m@x/0123456789ab", "c", "ana", "Hi", START)

    with pytest.raises(SendRefusedError, match=r"x@other\.example"):
        opened(server).send(other)
