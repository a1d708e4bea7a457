"""What a reply looks like as a mail. Pure."""

from __future__ import annotations

from datetime import datetime
from email.headerregistry import Address as MailAddress
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime

from desk.model.reply import Outgoing
from listener.platforms.email.account import EmailAccount
from listener.platforms.email.ids import id_of
from listener.platforms.email.letter import OWN_FIELD, Address, Letter, own_token_for
from listener.platforms.email.words import bare_subject
from listener.text import mend, one_line

_REFERENCES_LIMIT = 30
"""Ids that are passed on; RFC 5322, section 3.6.4, keeps the first and the last ones."""


class ComposeError(ValueError):
    """No mail can be made of it; the message says why."""


def token_of(outgoing: Outgoing, account: EmailAccount) -> str:
    """Message-ID of a reply: the same for every attempt, another for another store's of the same number."""
    facts = (outgoing.reply_id, outgoing.in_reply_to, outgoing.approved_at.isoformat(), outgoing.text)
    return own_token_for(repr(facts), account.key.rpartition("@")[2])


def compose(
    outgoing: Outgoing, letter: Letter, to: Address, account: EmailAccount, at: datetime
) -> EmailMessage:
    """The reply. Every value that came from outside is on one line before it becomes a header."""
    token = token_of(outgoing, account)
    message = EmailMessage(policy=SMTPUTF8 if needs_utf8(to.address) else SMTP)
    message["From"] = _mailbox(Address(account.address, account.brand))
    message["To"] = _mailbox(to)
    subject = bare_subject(letter.subject)
    message["Subject"] = f"Re: {subject}".strip()
    message["Date"] = format_datetime(at)
    message["Message-ID"] = f"<{token}>"
    above = id_of(letter, account)
    chain = [*letter.references, *([letter.parent] if letter.parent and not letter.references else []), above]
    chain = list(dict.fromkeys(chain))
    if len(chain) > _REFERENCES_LIMIT:
        chain = [chain[0], *chain[-_REFERENCES_LIMIT + 1 :]]
    message["In-Reply-To"] = f"<{above}>"
    message["References"] = " ".join(f"<{ref}>" for ref in chain)
    message[OWN_FIELD] = token
    message.set_content(mend(outgoing.text), charset="utf-8", cte="quoted-printable")
    return message


def needs_utf8(address: str) -> bool:
    return not address.partition("@")[0].isascii()


def _mailbox(person: Address) -> MailAddress:
    local, _, domain = person.address.rpartition("@")
    try:
        domain = domain if domain.isascii() else domain.encode("idna").decode()
        return MailAddress(one_line(person.name, 100), local, domain)
    except (ValueError, UnicodeError, IndexError) as error:
        raise ComposeError(
            f'"{one_line(person.address, 100)}" is no address that can be written to'
        ) from error
