"""From mails to mentions. Pure."""

from __future__ import annotations

import hashlib
from datetime import datetime

from desk.model.mention import Author, Mention, Replyable
from listener.platforms.email.account import EmailAccount
from listener.platforms.email.ids import external_id, own_id
from listener.platforms.email.kinds import answered_at, is_automatic, replyable
from listener.platforms.email.letter import Address, Letter, LetterError, full_text

SOURCE = "email"


def is_by_brand(letter: Letter, account: EmailAccount) -> bool:
    """Whether a mail in a folder that anybody can write to says that the brand wrote it.

    A form on the brand's site sends in the brand's name too, with the customer's address to answer to.
    """
    return (
        letter.sender is not None
        and account.is_own(letter.sender.address)
        and all(account.is_own(person.address) for person in letter.reply_to)
    )


def to_mention(
    letter: Letter,
    account: EmailAccount,
    *,
    root: str,
    parent: str | None,
    is_sent: bool,
    arrived_at: datetime,
    received_at: datetime,
    note: str = "",
) -> Mention:
    """A mail as a mention. `is_sent`: it lies in the folder of sent mail, which only the brand writes to.

    Clocks run from `arrived_at`, the server's time: what a writer's machine says may be years off.
    Raises LetterError where it cannot be told who wrote.
    """
    from_brand = is_sent or is_by_brand(letter, account)
    if from_brand:
        author = Author(account.key, account.address)
        text = letter.text or "\n".join(letter.attachments) or "(no words)"
    else:
        person = _writer(letter, account)
        author = Author(person.address.lower(), person.address.lower(), person.name)
        text = full_text(letter) + (f"\n\n{note}" if note else "")
    return Mention(
        source=SOURCE,
        external_id=_id_for(letter, account, is_sent=is_sent, from_brand=from_brand),
        conversation_id=root,
        in_reply_to=parent,
        brand=account.brand,
        author=author,
        from_brand=from_brand,
        created_at=arrived_at,
        received_at=received_at,
        text=text,
        replyable=Replyable() if from_brand else replyable(letter, account),
        # Anybody can put the brand's name on a mail to the brand: that alone stops no clock.
        automatic=is_automatic(letter) or (from_brand and not is_sent),
        private=True,
    )


def _id_for(letter: Letter, account: EmailAccount, *, is_sent: bool, from_brand: bool) -> str:
    if is_sent and letter.own_token is not None:
        return own_id(account, letter.own_token)
    usual = external_id(account, letter)
    if from_brand and not is_sent:
        # Not the id of the mail in the folder of sent mail, which stops clocks, whichever is read first.
        return usual[:-12] + hashlib.sha256(letter.fingerprint.encode()).hexdigest()[:12]
    return usual


def _writer(letter: Letter, account: EmailAccount) -> Address:
    if letter.sender is None:
        raise LetterError("it names no sender that can be read")
    if account.is_own(letter.sender.address):
        return answered_at(letter, account) or letter.sender
    return letter.sender
