"""From the Mastodon API's statuses to mentions. Pure.

Which id makes a post unique: the id that the configured server gave it, followed by `@` and that server's
host ("109372843234@social.example"). The server's own id is what a reply must name and what a deletion
tells; the host keeps two configured servers apart, whose numbers can coincide, and tells the sender which
account can reach the post. The same post has another id on every server: two brand accounts on two servers
that both see it see two mentions of one customer. Within one server, copies are recognised by their `uri`.

A person is known by the full handle, which on these platforms cannot change and is the same on every
server, unlike the account's id.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from desk.model.mention import Author, Mention, Replyable
from listener.html import HTML_LIMIT, text_of_html
from listener.platforms.mastodon.account import is_id
from listener.text import language_of, mend, moment_of, web_address

SOURCE = "mastodon"
OPEN = frozenset({"public", "unlisted"})
_PRIVATE_NOTE = "Only followers and the people named can see this post; a reply is shown as narrowly."
_DIRECT_NOTE = "A private message to the people named in it; a reply reaches nobody else."
_CLOSED = "The author takes no replies to this post from your account. Listen only."


class PostError(ValueError):
    """The object is no status that can be used; the message says why."""


@dataclass(frozen=True, slots=True)
class View:
    """Through whose eyes a status is read: the brand's account on its server."""

    brand: str
    host: str
    """The API's host, the second half of every id."""
    domain: str
    """What stands behind the @ of local accounts."""
    account_id: str


def external_id(status_id: str, host: str) -> str:
    return f"{status_id}@{host}"


def local_id(external: str, host: str) -> str | None:
    """The id of a post on a server; None where the post was seen on another one."""
    status_id, _, where = external.partition("@")
    return status_id if where == host and is_id(status_id) else None


def status_id_of(status: object) -> str:
    """Raises PostError."""
    if not isinstance(status, dict):
        raise PostError("not a JSON object")
    if not is_id(status.get("id")):
        raise PostError('"id" is missing or no id')
    return str(status["id"])


def parent_of(status: Mapping[str, Any]) -> str | None:
    """Id of the status that this one answers, on the same server."""
    value = status.get("in_reply_to_id")
    return str(value) if is_id(value) else None


def to_mention(status: Mapping[str, Any], root: str, view: View, received_at: datetime) -> Mention:
    """One status as a mention; `root` is the id of its thread's first status. Raises PostError."""
    status_id = status_id_of(status)
    account = status.get("account")
    if not isinstance(account, dict):
        raise PostError('"account" is missing')
    author = _author(account, view.domain)
    from_brand = account.get("id") == view.account_id
    parent = parent_of(status)
    language = status.get("language")
    return Mention(
        source=SOURCE,
        external_id=external_id(status_id, view.host),
        conversation_id=external_id(root, view.host),
        in_reply_to=None if parent is None else external_id(parent, view.host),
        brand=view.brand,
        author=author,
        from_brand=from_brand,
        created_at=_created_at(status),
        received_at=received_at,
        text=text_of(status, view.domain, whole=not from_brand),
        language=language_of(language) if isinstance(language, str) else None,
        url=_url(status),
        replyable=Replyable() if from_brand else _replyable(status, view),
        # The account that this desk answers with is worked by people, whatever its profile says.
        automatic=account.get("bot") is True and not from_brand,
        private=status.get("visibility") not in OPEN,
    )


def text_of(status: Mapping[str, Any], domain: str, *, whole: bool = True) -> str:
    """The words of a status. Raises PostError.

    With `whole`, the content warning stands before them and the descriptions of pictures behind. The brand's
    own posts go without, so that a reply can be recognised by its words.
    """
    content = status.get("content")
    if not isinstance(content, str):
        raise PostError('"content" is missing')
    if len(content) > HTML_LIMIT:
        raise PostError(f'"content" has {len(content):,} characters; the limit is {HTML_LIMIT:,}')
    text = text_of_html(content, _handles(status, domain))
    pictures = _pictures(status)
    if whole:
        warning = status.get("spoiler_text")
        parts = [mend(warning).strip() if isinstance(warning, str) else "", text, "\n".join(pictures)]
        text = "\n\n".join(part for part in parts if part)
    # An empty text would read as a post that was taken back.
    return text or "\n".join(pictures) or "(no words)"


def _pictures(status: Mapping[str, Any]) -> list[str]:
    listed = status.get("media_attachments")
    shown = []
    for entry in listed[:16] if isinstance(listed, list) else []:
        if isinstance(entry, dict):
            kind, words = entry.get("type"), entry.get("description")
            name = kind if kind in {"image", "video", "audio"} else "attachment"
            shown.append(
                f"[{name}: {mend(words).strip()[:1_500]}]" if isinstance(words, str) else f"[{name}]"
            )
    return shown


def full_handle(acct: str, domain: str) -> str:
    """user@server; a server leaves its own name out."""
    return acct if "@" in acct else f"{acct}@{domain}"


def _handles(status: Mapping[str, Any], domain: str) -> dict[str, str]:
    listed = status.get("mentions")
    return {
        entry["url"]: full_handle(entry["acct"], domain)
        for entry in (listed if isinstance(listed, list) else [])
        if isinstance(entry, dict)
        and isinstance(entry.get("url"), str)
        and isinstance(entry.get("acct"), str)
    }


def _author(account: Mapping[str, Any], domain: str) -> Author:
    acct, name = account.get("acct"), account.get("display_name")
    if not isinstance(acct, str) or not acct or len(acct) > 500 or not acct.isprintable():
        raise PostError('"account.acct" is missing or no handle')
    handle = full_handle(acct, domain)
    return Author(handle.lower(), handle, mend(name).strip()[:500] if isinstance(name, str) else "")


def _created_at(status: Mapping[str, Any]) -> datetime:
    value = status.get("created_at")
    if not isinstance(value, str):
        raise PostError('"created_at" is missing')
    try:
        return moment_of(value)
    except ValueError as error:
        raise PostError(f'"created_at" {error}') from error


def _url(status: Mapping[str, Any]) -> str | None:
    for name in ("url", "uri"):
        value = status.get(name)
        if isinstance(value, str) and (address := web_address(value)) is not None:
            return address
    return None


def _replyable(status: Mapping[str, Any], view: View) -> Replyable:
    """Everybody may answer on these platforms, except where GoToSocial's author has said otherwise."""
    visibility = status.get("visibility")
    named = status.get("mentions")
    mentioned = any(
        isinstance(entry, dict) and entry.get("id") == view.account_id
        for entry in (named if isinstance(named, list) else [])
    )
    policy = status.get("interaction_policy")
    rule = policy.get("can_reply") if isinstance(policy, dict) else None
    if isinstance(rule, dict) and not mentioned:
        allowed = [
            who
            for key in ("always", "automatic_approval", "with_approval", "manual_approval")
            if isinstance(rule.get(key), list)
            for who in rule[key]
        ]
        if "public" not in allowed:
            return Replyable(allowed=False, reason=_CLOSED)
    if visibility in OPEN:
        return Replyable()
    return Replyable(reason=_DIRECT_NOTE if visibility == "direct" else _PRIVATE_NOTE)
