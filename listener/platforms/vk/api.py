"""The edge to VK: calls of its methods. What VK refuses comes inside an answer of 200, as a code."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from desk.model.mention import Mention
from listener.api_errors import ApiError
from listener.json_api import ApiClient
from listener.listing import RecordError
from listener.text import mend, one_line

_VERSION = "5.199"
RIGHTS = "Check the token, its rights (wall, groups, offline), and that its account manages the community."
_STATUS = {1: 500, 5: 401, 6: 429, 9: 429, 10: 500, 29: 429, 100: 400, 113: 400}
"""Codes in the words of HTTP; any other is a refusal ("Errors", version 5.199)."""
_WAIT_SECONDS = {6: 1.0, 9: 600.0, 29: 3_600.0}
"""Too many a second; too many of one kind; a day's limit, which VK does not say when it ends."""
_NEEDS_A_PERSON = frozenset({14, 17})
_COMMENT_PAGES = 5
_LINK = re.compile(r"\[(?:id|club|public|event)\d{1,20}\|([^\[\]|]{1,200})\]")
_SIGNS = (("<br>", "\n"), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&amp;", "&"))
ID = re.compile(r"(-?\d{1,20})_(\d{1,20})(?:_(\d{1,20}))?", re.ASCII)


class Vk:
    """Calls of VK's methods; the token travels in the body."""

    def __init__(self, client: ApiClient, token: str) -> None:
        self._client, self._form = client, {"access_token": token, "v": _VERSION}

    def read(self, method: str, **parameters: object) -> Any:
        """Raises ApiError."""
        form = {name: str(value) for name, value in parameters.items()}
        return self._response(self._client.ask(f"/method/{method}", form | self._form).data)

    def write(self, method: str, **parameters: object) -> Any:
        """Raises ApiError."""
        form = {name: str(value) for name, value in parameters.items()}
        return self._response(self._client.post(f"/method/{method}", form=form | self._form).data)

    def items(self, method: str, **parameters: object) -> tuple[list[Any], Mapping[str, Any]]:
        """An answer's items, and the answer. Raises ApiError."""
        answer = self.read(method, **parameters)
        whole = answer if isinstance(answer, dict) else {"items": answer}
        if not isinstance(whole.get("items"), list):
            raise self._client.wrong("an answer without items")
        return whole["items"], whole

    def comments(self, owner: str, post: str, **parameters: object) -> list[Any]:
        """The latest comments under a post, those in threads behind their own. Raises ApiError."""
        found: list[Any] = []
        for page in range(_COMMENT_PAGES):
            asked = {"owner_id": owner, "post_id": post, "sort": "desc", "count": 100, "offset": 100 * page}
            threads = {"thread_items_count": 10, "extended": 1}
            items, whole = self.items("wall.getComments", **asked, **threads, **parameters)
            for item in items:
                thread = item.get("thread") if isinstance(item, dict) else None
                inner = thread.get("items") if isinstance(thread, dict) else None
                found += [item, *(inner if isinstance(inner, list) else ())]
            found = named(found, whole)
            if len(items) < 100:
                break
        return [
            {"owner_id": int(owner), "post_id": int(post)} | c if isinstance(c, dict) else c for c in found
        ]

    def look_up(self, held: Sequence[Mention]) -> dict[str, str | None]:
        """The words of posts and comments as they are now; None for one that is gone. Raises ApiError."""
        found: dict[str, str | None] = {}
        ids = [mention.external_id for mention in held if ID.fullmatch(mention.external_id)]
        posts = [post for post in ids if post.count("_") == 1]
        shown = (
            {key_of(item): item for item in self.items("wall.getById", posts=",".join(posts))[0]}
            if posts
            else {}
        )
        for post in posts:
            _note(found, post, shown.get(post))
        for comment in (comment for comment in ids if comment.count("_") == 2):
            owner, _, number = comment.split("_")
            try:
                items, _ = self.items("wall.getComment", owner_id=owner, comment_id=number)
            except ApiError as error:
                if error.status in {401, 429}:
                    raise
                continue
            _note(found, comment, items[0] if items else None)
        return found

    def _response(self, data: Any) -> Any:
        error = data.get("error") if isinstance(data, dict) else None
        if isinstance(error, dict):
            raise self._refusal(error)
        if not isinstance(data, dict) or "response" not in data:
            raise self._client.wrong("an answer without a response")
        return data["response"]

    def _refusal(self, error: Mapping[str, Any]) -> ApiError:
        """Nothing but code and message is quoted: `request_params` can hold the token."""
        code, said = error.get("error_code"), error.get("error_msg")
        code = code if isinstance(code, int) else 1
        words = (
            self._client.redacted(one_line(said, 200)).rstrip(".") if isinstance(said, str) else "no reason"
        )
        if code in _NEEDS_A_PERSON:
            words += "; VK wants to see a person: log in on vk.com as this account and do what it asks"
        status = _STATUS.get(code, 403)
        return ApiError(
            f"VK refused with code {code} ({words})", status=status, retry_after=_WAIT_SECONDS.get(code)
        )


def named(items: Iterable[Any], whole: Mapping[str, Any]) -> list[Any]:
    """The records, each with what the answer says about its writer."""
    people = [*_listed(whole.get("profiles")), *({**g, "id": -g["id"]} for g in _listed(whole.get("groups")))]
    names = {person["id"]: person for person in people}
    return [
        item | {"answerback_names": names.get(_writer(item))}
        if isinstance(item, dict) and "answerback_names" not in item
        else item
        for item in items
    ]


def _listed(people: object) -> list[Any]:
    known = people if isinstance(people, list) else []
    return [person for person in known if isinstance(person, dict) and isinstance(person.get("id"), int)]


def key_of(record: Any) -> str:
    """Owner and number; a comment's with its post's between them."""
    if not isinstance(record, dict):
        return ""
    numbers = [record.get("owner_id"), record.get("id")]
    if record.get("post_id") or record.get("post_type") == "reply":
        numbers.insert(1, record.get("post_id"))
    if not all(isinstance(number, int) and not isinstance(number, bool) for number in numbers):
        return ""
    return "_".join(str(number) for number in numbers)


def _writer(item: Mapping[str, Any]) -> int:
    writer = item.get("from_id", item.get("owner_id"))
    return writer if isinstance(writer, int) else 0


def words_of(record: Mapping[str, Any]) -> str:
    text = record.get("text")
    if not isinstance(text, str):
        raise RecordError('"text" is missing')
    for sign, plain in _SIGNS:
        text = text.replace(sign, plain)
    attached = record.get("attachments")
    kinds = [a.get("type") for a in attached if isinstance(a, dict)] if isinstance(attached, list) else []
    parts = [_LINK.sub(r"\1", mend(text)).strip(), *(f"[{one_line(str(kind), 20)}]" for kind in kinds[:10])]
    return "\n\n".join(part for part in parts if part) or "(no words)"


def _note(found: dict[str, str | None], name: str, record: Any) -> None:
    """What a record says of a post; nothing where it cannot be read."""
    if not isinstance(record, dict) or record.get("deleted") or record.get("is_deleted"):
        found[name] = None
        return
    with suppress(RecordError):
        found[name] = words_of(record)
