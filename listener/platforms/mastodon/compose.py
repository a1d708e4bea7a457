"""What a reply says and to whom it is shown; and whether a status is that reply. Pure."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from desk.model.reply import Outgoing
from listener.platforms.mastodon.posts import full_handle

_REMOTE_HANDLE = re.compile(r"(@\w+)@[\w.-]+\w")
_BARE_LINK = re.compile(r"(?<![\w@/.:])(?:[\w-]+\.)+[a-z]{2,}(?:/\S*)?", re.IGNORECASE)
_HANDLE = re.compile(r"(?<![\w@/.])@([\w.-]*\w)(?:@([\w.-]*\w))?")
_WIDTHS = ("public", "unlisted", "private", "direct")
"""From the widest to the narrowest."""


def idempotency_key(outgoing: Outgoing) -> str:
    """The same for every attempt, and another one for another store's reply of the same number."""
    facts = (outgoing.reply_id, outgoing.in_reply_to, outgoing.approved_at.isoformat(), outgoing.text)
    return "answerback-" + hashlib.sha256(repr(facts).encode("utf-8", "replace")).hexdigest()[:40]


def addressed(outgoing: Outgoing, target: Mapping[str, Any], domain: str) -> str:
    """The text with the person named: nobody is notified of a reply that does not name them."""
    account = target.get("account")
    acct = account.get("acct") if isinstance(account, dict) else None
    acct = acct if isinstance(acct, str) and acct else outgoing.handle
    wanted = full_handle(acct, domain).lower()
    named = {full_handle(name, server or domain).lower() for name, server in _HANDLE.findall(outgoing.text)}
    return outgoing.text if not wanted or wanted in named else f"@{acct} {outgoing.text}"


def visibility_for(theirs: object, *, public: bool) -> str:
    """As wide as the post answered, but not public unless asked for; unknown kinds count as the narrowest."""
    widest = 0 if public else 1
    return _WIDTHS[max(_WIDTHS.index(theirs), widest)] if theirs in _WIDTHS else "direct"


def comparable(text: str) -> str:
    """The words without what servers change in them: the server of a handle, the scheme of a link."""
    text = _REMOTE_HANDLE.sub(r"\1", unicodedata.normalize("NFC", text))
    return _BARE_LINK.sub(lambda link: f"https://{link[0]}", text)
