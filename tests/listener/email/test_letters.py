"""What a mail says, in whatever shape it comes."""

from __future__ import annotations

import base64
from email.message import EmailMessage

import pytest

from tests.fakes.email_server import mail
from tests.listener.email.letters import mention_of, raw_mail


def text_of(body: bytes | str, *fields: str, kind: str = "text/plain; charset=utf-8") -> str:
    return mention_of(raw_mail(body, *fields, kind=kind)).text


@pytest.mark.parametrize(
    ("charset", "words"),
    [
        ("utf-8", "Kırık geldi, çok üzgünüm"),
        ("windows-1254", "Kırık geldi, çok üzgünüm"),
        ("koi8-r", "Посылка пришла разбитой"),
        ("windows-1251", "Посылка пришла разбитой"),
        ("iso-2022-jp", "荷物が壊れていました"),
        ("gb18030", "包裹坏了"),
        ("iso-8859-15", "Le colis est cassé, 20 €"),
    ],
)
def test_words_are_read_in_their_charset(charset: str, words: str) -> None:
    assert text_of(words.encode(charset), kind=f"text/plain; charset={charset}") == words


@pytest.mark.parametrize(
    "charset", ["iso-8859-1", "us-ascii", "x-unknown", "unicode_escape", "zip", '""', ""]
)
def test_utf8_under_a_wrong_label_is_read_as_utf8(charset: str) -> None:
    assert text_of("çok üzgünüm", kind=f"text/plain; charset={charset}") == "çok üzgünüm"


@pytest.mark.parametrize("charset", ["utf-8", "us-ascii", "nonsense", "idna"])
def test_bytes_that_are_no_utf8_are_read_as_well_as_can_be(charset: str) -> None:
    text = text_of("cassé!".encode("latin-1"), kind=f"text/plain; charset={charset}")

    assert text.startswith("cass")
    assert text.endswith("!")


def test_encoded_parts_are_decoded_however_damaged() -> None:
    coded = base64.encodebytes("çok üzgünüm".encode()).replace(b"\n", b"\n!!\n")

    assert text_of(coded, "Content-Transfer-Encoding: BASE64") == "çok üzgünüm"
    assert text_of("=C3=A7ok =", "Content-Transfer-Encoding: quoted-printable") == "çok"
    assert text_of("abc", "Content-Transfer-Encoding: x-uue") == "abc"


def test_of_alternatives_the_plain_one_is_read_and_html_where_there_is_no_other() -> None:
    both = EmailMessage()
    both["From"] = "ana@mail.example"
    both.set_content("plain words")
    both.add_alternative("<p>html words</p>", subtype="html")
    only = EmailMessage()
    only["From"] = "ana@mail.example"
    only.set_content("\n")
    only.add_alternative(
        "<style>p{color:red}</style><table><tr><td>It</td><td>broke</td></tr></table>", subtype="html"
    )

    assert mention_of(both.as_bytes()).text == "plain words"
    assert mention_of(only.as_bytes()).text == "It broke"


def test_attachments_are_named_and_pictures_of_the_layout_are_not() -> None:
    message = EmailMessage()
    message["From"] = "ana@mail.example"
    message.set_content("See the picture.")
    message.add_attachment(b"1", maintype="image", subtype="jpeg", filename="kırık \u202egpj.exe")
    message.add_attachment(b"2", maintype="application", subtype="pdf")
    message.add_attachment(b"3", maintype="image", subtype="png", disposition="inline", cid="<logo>")

    assert mention_of(message.as_bytes()).text.split("\n") == [
        "See the picture.",
        "",
        "[attachment: kırık gpj.exe]",
        "[attachment: application/pdf]",
    ]


def test_the_subject_opens_a_conversation_and_is_not_repeated_in_answers() -> None:
    first = mention_of(mail("Where is it?", subject="=?utf-8?Q?Nicht_da=C3=9F?="))
    answer = mention_of(mail("And now?", subject="Re: Nicht da", answers="<m0@mail.example>"))

    assert first.text == "Nicht daß\n\nWhere is it?"
    assert answer.text == "And now?"


def test_encoded_words_that_are_cut_inside_a_letter_are_joined() -> None:
    assert text_of("x", "Subject: =?utf-8?B?w6fDtms=?= =?utf-8?Q?_=C3?= =?utf-8?Q?=BC?=").startswith("çök ü")


HISTORIES = {
    "gmail": "It broke again.\n\nOn 10 Mar 2026, 09:00, F <f@fernway.example>\nwrote:\n\n> Old",
    "german": "It broke again.\n\nAm 10.03.2026 um 09:00 schrieb Fernway:\n> Old\n> words",
    "russian": "It broke again.\n\n10.03.2026 09:00, Fernway пишет:\n> Old\n>\n>> older",
    "rule": "It broke again.\n\n---Ursprüngliche Nachricht---\nVon: F\nGesendet: Montag\nAn: Ana\n\nOld",
    "fields": "It broke again.\n\nFrom: F <f@fernway.example>\nSent: Monday\nTo: Ana\n\nOld",
    "line": "It broke again.\n________________________________\nFrom: F\nDate: Monday\nTo: Ana\n\nOld",
    "below": "On 10 March 2026 Fernway wrote:\n> Old\n\nIt broke again.",
    "signature": "It broke again.\n\n-- \nAna\n+49 30 1234",
}


@pytest.mark.parametrize("shape", HISTORIES)
def test_an_answer_is_read_without_its_history(shape: str) -> None:
    raw = raw_mail(HISTORIES[shape], "In-Reply-To: <m0@mail.example>", "Subject: Re: X")

    assert mention_of(raw).text == "It broke again."


@pytest.mark.parametrize(
    "client",
    [
        '<div>It broke again.</div><br><div class="gmail_quote">On Monday wrote:<p>Old</div>',
        '<div>It broke again.</div><div id="divRplyFwdMsg"><b>From:</b> Fernway<br>Old</div>',
        '<p>It broke again.</p><blockquote type="cite">Old</blockquote>',
    ],
)
def test_history_in_html_is_left_out(client: str) -> None:
    raw = raw_mail(client, "In-Reply-To: <m0@mail.example>", "Subject: Re: X", kind="text/html")

    assert mention_of(raw).text == "It broke again."


@pytest.mark.parametrize(
    "body",
    [
        "From: Ana\nDate: Monday\nSubject: X\nTo: you\nIt broke.",
        "-----Original Message-----\nFrom: Ana\nSent: Monday\nTo: Bo\n\nIt broke.",
        "He wrote:\n> no\nand that was 3 days ago.",
    ],
)
def test_what_answers_nothing_has_no_history(body: str) -> None:
    assert mention_of(raw_mail(body)).text == body


@pytest.mark.parametrize(
    "body",
    ["> all of it\n> is quoted", "Order: 123\nName: Ana\nDate: Monday\nIt broke.", "Hello\n--\nIt broke."],
)
def test_what_may_be_the_message_itself_is_not_cut(body: str) -> None:
    assert mention_of(raw_mail(body, "In-Reply-To: <m0@x.example>")).text == body


def test_a_forwarded_mail_is_read_whole() -> None:
    body = "fyi\n\nFrom: Ana\nSent: Monday\nTo: Bob\nSubject: X\n\nIt broke."

    assert "It broke." in mention_of(raw_mail(body, "Subject: Fwd: X", "References: <m0@x.example>")).text


def test_a_form_that_writes_in_the_brands_name_speaks_for_who_is_to_be_answered() -> None:
    form = mention_of(
        mail("It broke.", sender="Fernway <help@fernway.example>", Reply_To="Bo <bo@mail.example>")
    )

    assert (form.from_brand, form.author.handle, form.author.name) == (False, "bo@mail.example", "Bo")
    assert form.replyable.allowed


def test_a_mail_that_claims_to_be_the_brands_stops_no_clock() -> None:
    claimed = mention_of(mail("All is well.", sender="Fernway <HELP@fernway.example>"))
    sent = mention_of(mail("All is well.", sender="Fernway <HELP@fernway.example>"), is_sent=True)

    assert (claimed.from_brand, claimed.automatic) == (True, True)
    assert (sent.from_brand, sent.automatic) == (True, False)
    assert claimed.id != sent.id


@pytest.mark.parametrize(
    "field",
    [
        "Auto-Submitted: auto-replied (vacation)",
        "Auto-Submitted: auto-generated",
        "Precedence: bulk",
        "X-Auto-Response-Suppress: All",
        "Return-Path: <>",
    ],
)
def test_what_a_machine_wrote_is_marked(field: str) -> None:
    assert mention_of(raw_mail("I am away.", field)).automatic
    assert not mention_of(
        raw_mail("I am here.", "Auto-Submitted: no", "Return-Path: <ana@x.example>")
    ).automatic


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        (["Auto-Submitted: auto-replied"], "absence"),
        (["Return-Path: <>"], "takes no answers"),
        (["Reply-To: no-reply@shop.example"], "takes no answers"),
        (["List-Id: Chat <chat.lists.example>", "List-Post: <mailto:chat@lists.example>"], "mailing list"),
        (["Precedence: list"], "mailing list"),
        (["Content-Type: multipart/report; boundary=b"], "mail server's notice"),
    ],
)
def test_what_must_not_be_answered_says_why(fields: list[str], reason: str) -> None:
    raw = b"\r\n".join([b"From: Ana <ana@mail.example>", *(f.encode() for f in fields)]) + b"\r\n\r\nx"

    replyable = mention_of(raw).replyable

    assert not replyable.allowed
    assert reason in replyable.reason


def test_the_brands_own_group_is_no_foreign_list() -> None:
    fields = ("List-Id: <help.fernway.example>", "Precedence: list")

    assert mention_of(raw_mail("It broke.", *fields)).replyable.allowed


def test_a_mail_is_known_by_its_id_and_by_what_it_says() -> None:
    one, other = mention_of(mail("It broke.")), mention_of(mail("Something else."))
    copy = mention_of(b"Received: by other.example\r\n" + mail("It broke."))
    bare, bare_too = mention_of(mail("a", message_id=None)), mention_of(mail("b", message_id=None))

    assert len({one.id, other.id, bare.id, bare_too.id}) == 4
    assert copy.id == one.id
