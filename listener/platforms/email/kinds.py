"""Which mails a machine wrote, and which must not be answered. Pure."""

from __future__ import annotations

import re

from desk.model.mention import Replyable
from listener.platforms.email.account import EmailAccount
from listener.platforms.email.letter import Address, Letter, addresses_in

_NOBODY = re.compile(
    r"(?:no|do[-_.]?not|not)[-_.]?(?:reply|answer|respond)[^@]*@.*|(?:.*[-_.])?noreply@.*"
    r"|(?:mailer-daemon|postmaster|bounces?|nobody|null)(?:[-+=][^@]*)?@.*",
    re.IGNORECASE,
)
_BULK = frozenset({"bulk", "junk", "auto_reply", "auto-reply"})
_AUTO_FIELDS = ("x-autoreply", "x-autorespond", "x-autoresponder", "x-auto-response-suppress", "x-loop")


def is_automatic(letter: Letter) -> bool:
    """Written by a machine: an absence notice, a bounce, a newsletter (RFC 3834, section 2, and custom)."""
    said = letter.fields.first("auto-submitted")
    if said is not None and said.split(";")[0].strip().lower() not in {"", "no"}:
        return True
    precedence = (letter.fields.first("precedence") or "").strip().lower()
    return (
        letter.is_report
        or precedence in _BULK
        or _has_null_path(letter)
        or any(letter.fields.first(name) is not None for name in _AUTO_FIELDS)
    )


def answered_at(letter: Letter, account: EmailAccount) -> Address | None:
    """Where an answer goes: Reply-To, where it is somebody else's, or the sender; None for nowhere."""
    people = [*letter.reply_to, *([letter.sender] if letter.sender else [])]
    return next((person for person in people if not account.is_own(person.address)), None)


def replyable(letter: Letter, account: EmailAccount) -> Replyable:
    """Whether a person may answer, and if not, why not."""
    to = answered_at(letter, account)
    if letter.is_report:
        return Replyable(False, "A mail server's notice about a delivery; nobody reads an answer to it.")
    if to is None:
        return Replyable(False, "The mail names no address to answer to.")
    if _has_null_path(letter) or _NOBODY.fullmatch(to.address):
        return Replyable(False, f"{to.address} takes no answers. Listen only.")
    if _is_foreign_list(letter, account):
        return Replyable(False, "It came over a mailing list: an answer could reach all its readers.")
    if (letter.fields.first("auto-submitted") or "").strip().lower().startswith("auto-replied"):
        return Replyable(False, "An automatic answer, such as a notice of absence; nobody waits for another.")
    return Replyable()


def _has_null_path(letter: Letter) -> bool:
    path = letter.fields.first("return-path")
    return path is not None and path.replace(" ", "") == "<>"


def _is_foreign_list(letter: Letter, account: EmailAccount) -> bool:
    """Many teams read their own address as a group, and groups mark all mail as a list's."""
    names = letter.fields.first("list-id")
    if names is None and (letter.fields.first("precedence") or "").strip().lower() != "list":
        return False
    posts = letter.fields.first("list-post") or ""
    posted = [person.address for person in addresses_in(posts.replace("mailto:", ""))]
    listed = re.findall(r"<([^<>\s]{3,300})>", names or "")
    own = {account.key, *(alias.lower() for alias in account.aliases)}
    is_own = any(account.is_own(address.partition("?")[0]) for address in posted)
    return not is_own and not any(
        name.lower() == address.replace("@", ".") for name in listed for address in own
    )
