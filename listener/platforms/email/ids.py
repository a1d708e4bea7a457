"""What names a mail and a conversation. Pure.

Which id makes a mail unique: the mailbox's address, its Message-ID and a digest of what it says, parted by
slashes ("help@fernway.example/CAF12@mail.example/1f2e3d4c5b6a"). The Message-ID is what an answer must name,
but it may be missing, and two mails may share one, by mistake or on purpose: the digest keeps them apart, and
is the same for all copies of one mail. A folder that is numbered anew changes nothing. A reply of ours ends
with "own" instead, and is known by the id that it was given, whatever a provider made of the rest.

A conversation has the id of its first mail, as far as References tells: the mailbox and a Message-ID. A mail
without one is given one here, which an answer by this desk names, so that what comes back is recognised.
"""

from __future__ import annotations

import re

from listener.platforms.email.account import EmailAccount
from listener.platforms.email.letter import Letter, LetterError

_OWN = "own"
_EXTERNAL = re.compile(r"([^/]+)/(.*)/([0-9a-f]{12}|own)", re.DOTALL)


def external_id(account: EmailAccount, letter: Letter) -> str:
    return f"{account.key}/{letter.message_id or ''}/{letter.fingerprint}"


def own_id(account: EmailAccount, token: str) -> str:
    """Of a reply of ours."""
    return f"{account.key}/{token}/{_OWN}"


def parts_of_id(external: str) -> tuple[str, str, str]:
    """Mailbox, Message-ID and digest. Raises LetterError for an id of another kind."""
    found = _EXTERNAL.fullmatch(external)
    if found is None:
        raise LetterError(f'"{external[:100]}" is no mail')
    return found[1], found[2], found[3]


def conversation_id(account: EmailAccount, message_id: str) -> str:
    return f"{account.key}/{message_id}"


def id_of(letter: Letter, account: EmailAccount) -> str:
    """The Message-ID by which answers name a mail; a made-up one where it has none."""
    return letter.message_id or _made_up(letter.fingerprint, account.key)


def id_in(external: str) -> str:
    """The same, from the id of the mention."""
    mailbox, message_id, fingerprint = parts_of_id(external)
    return message_id or _made_up(fingerprint, mailbox)


def _made_up(fingerprint: str, mailbox: str) -> str:
    return f"answerback-{fingerprint}@{mailbox.rpartition('@')[2]}"
