"""Mails made to hurt: each is read or refused with a reason, quickly, and never with a traceback."""

from __future__ import annotations

import time
from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from listener.platforms.email.letter import LetterError, read_letter
from tests.listener.email.letters import mention_of, raw_mail

FROM = b"From: Ana <ana@mail.example>\r\n"
NESTED = b"".join(
    b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (level, level)
    for level in range(5_000)
)
HOSTILE = {
    "header bomb": FROM + b"X: y\r\n" * 100_000 + b"\r\nx",
    "one endless header": FROM + b"X: " + b"y" * 1_000_000,
    "many short headers": FROM + b"a:\r\n" * 60_000 + b"\r\nx",
    "addresses": b"From: " + b"a@b.example," * 20_000 + b"\r\n\r\nx",
    "open quotes": b'From: "' + b'\\"' * 100_000 + b"\r\n\r\nx",
    "brackets": FROM + b"References: " + b"<" * 200_000 + b"\r\n\r\nx",
    "encoded words": FROM + b"Subject: " + b"=?utf-8?Q?=" * 20_000 + b"\r\n\r\nx",
    "nested parts": FROM + NESTED,
    "a million parts": FROM
    + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    + b"--b\r\n\r\nx\r\n" * 200_000,
    "a million lines": FROM + b"In-Reply-To: <a@b>\r\n\r\n" + b"> \n" * 600_000,
    "a long line": FROM + b"In-Reply-To: <a@b>\r\n\r\n" + b"-" * 2_000_000,
    "blank lines": FROM + b"In-Reply-To: <a@b>\r\n\r\n" + b"\n" * 2_000_000,
    "rules": FROM + b"In-Reply-To: <a@b>\r\n\r\n" + b"-- x --\n" * 200_000,
    "open tags": FROM + b"Content-Type: text/html\r\nIn-Reply-To: <a@b>\r\n\r\n" + b"<div " * 400_000,
    "styles": FROM + b"Content-Type: text/html\r\n\r\n" + b"<style>" * 200_000,
    "quoted-printable": FROM + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + b"=\n" * 1_000_000,
    "parameters": FROM + b"Content-Type: text/plain" + b";a=b" * 50_000 + b"\r\n\r\nx",
    "continued parameters": FROM
    + b"Content-Type: text/plain; name*0*=a'"
    + b"; name*1*=%" * 9_000
    + b"\r\n\r\nx",
}


@pytest.mark.parametrize("shape", HOSTILE)
def test_a_hostile_mail_is_read_or_refused_in_time(shape: str) -> None:
    begin = time.process_time()
    try:
        mention = mention_of(HOSTILE[shape][:2_000_000])
    except LetterError as error:
        assert str(error)
    else:
        assert mention.text
        assert len(mention.text) < 60_000
    assert time.process_time() - begin < 5


def test_nothing_that_steers_a_terminal_or_turns_a_line_comes_through() -> None:
    mention = mention_of(
        raw_mail("a\x1b[31mb\x00c\x9bd", "Subject: =?utf-8?Q?x=1B[2Jy=0Az=E2=80=AEw?=").replace(
            b"Ana <", b"=?utf-8?Q?A=1Bn=E2=80=AEa=0D=0AX:_y?= <"
        )
    )

    shown = f"{mention.text}{mention.author.name}{mention.author.handle}"
    assert not any(char in shown for char in "\x00\x1b\x9b\r\u202e")
    assert "\n" not in mention.author.name


def test_a_made_up_id_is_no_id() -> None:
    letter = read_letter(raw_mail("x").replace(b"<m1@mail.example>", b'<a" UID 1:* "\xff b@c>'))

    assert letter.message_id is None


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=2_000))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    for whole in (raw, FROM + raw):
        try:
            mention_of(whole)
        except LetterError:
            continue


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=500), st.text(max_size=100), st.sampled_from(["utf-8", "utf-16", "utf-7"]))
def test_words_survive_the_way(words: str, subject: str, charset: str) -> None:
    message = EmailMessage()
    message["From"] = "ana@mail.example"
    body = words.encode("utf-8", "replace").decode()
    message.set_content(body, charset=charset, cte="base64")

    text = mention_of(message.as_bytes()).text
    kept = [word for word in body.split() if word.isalnum()]
    assert all(word in text for word in kept)
