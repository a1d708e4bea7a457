"""Answers on VK: one attempt each under a guid, and a read-back from the post's comments."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime

from desk.errors import SendRefusedError, SendUnknownError
from desk.model.reply import Outgoing, SentPost, same_words
from desk.ports import Now
from listener.api_errors import ApiError, after_sending, cannot_look, not_sent
from listener.doubt import Doubts
from listener.listing import RecordError
from listener.platforms.vk.api import ID, Vk, key_of, words_of
from listener.platforms.vk.posts import SOURCE, time_of

_RIGHTS = "check the token's rights, and that comments are open under this post."


class VkSender:
    """Answers as the communities. To be used by one thread at a time."""

    def __init__(self, groups: Mapping[str, tuple[int, Vk]], *, now: Now, settle_seconds: float = 20) -> None:
        """The community's number and its client, by brand."""
        self._groups, self._now, self._doubts = groups, now, Doubts(settle_seconds, now)

    @property
    def source(self) -> str:
        return SOURCE

    def send(self, outgoing: Outgoing) -> SentPost:
        """Publish once. Raises SendRefusedError, SendLaterError or SendUnknownError, see the port."""
        group, vk, (owner, post, comment) = self._target(outgoing)
        try:
            # VK does not say how long it keeps a guid: an old attempt is looked for as well.
            found = self._look(outgoing)
        except ApiError as error:
            raise not_sent(error, rights=_RIGHTS) from error
        if found is not None:
            return found
        facts = (outgoing.reply_id, outgoing.in_reply_to, outgoing.approved_at.isoformat(), outgoing.text)
        guid = hashlib.sha256(repr(facts).encode("utf-8", "replace")).hexdigest()[:32]
        asked: dict[str, object] = {"owner_id": owner, "post_id": post, "from_group": group, "guid": guid}
        asked |= {"message": outgoing.text} | ({"reply_to_comment": comment} if comment else {})
        with self._doubts.sending(outgoing):
            try:
                data = vk.write("wall.createComment", **asked)
            except ApiError as error:
                raise after_sending(outgoing, error, rights=_RIGHTS) from error
            number = data.get("comment_id") if isinstance(data, dict) else None
            if not isinstance(number, int):
                raise SendUnknownError(
                    f"VK took reply {outgoing.reply_id}, but did not say as which comment."
                )
            return _sent(f"{owner}_{post}_{number}", self._now(), group)

    def find(self, outgoing: Outgoing) -> SentPost | None:
        """Look for the reply under the post. Raises SendLaterError until that is sure."""
        try:
            found = self._look(outgoing)
        except ApiError as error:
            raise cannot_look(outgoing, error) from error
        except SendRefusedError as error:
            raise cannot_look(outgoing, ApiError(str(error).rstrip("."), retry_after=900.0)) from error
        if found is None:
            self._doubts.not_there(outgoing, "the comments on VK")
        else:
            self._doubts.end(outgoing)
        return found

    def _look(self, outgoing: Outgoing) -> SentPost | None:
        group, vk, (owner, post, comment) = self._target(outgoing)
        thread: dict[str, object] = {}
        if comment:
            asked, _ = vk.items("wall.getComment", owner_id=owner, comment_id=comment)
            parents = asked[0].get("parents_stack") if asked and isinstance(asked[0], dict) else None
            thread["comment_id"] = parents[0] if isinstance(parents, list) and parents else comment
        for item in vk.comments(owner, post, **thread):
            if not isinstance(item, dict) or item.get("from_id") != -group or item.get("deleted"):
                continue
            try:
                at, theirs = time_of(item.get("date")), words_of(item)
            except RecordError as error:
                raise ApiError("VK sent a comment that cannot be read", status=200) from error
            under = int(comment or 0) == (item.get("reply_to_comment") or 0)
            if under and same_words(outgoing.text, theirs):
                return _sent(key_of(item), at, group)
        return None

    def _target(self, outgoing: Outgoing) -> tuple[int, Vk, tuple[str, str, str]]:
        known, place = self._groups.get(outgoing.brand), ID.fullmatch(outgoing.in_reply_to)
        if known is None:
            raise SendRefusedError(
                f"No VK community is set up for brand {outgoing.brand}; nothing was published."
            )
        if place is None:
            raise SendRefusedError(f'"{outgoing.in_reply_to[:100]}" is no post on VK; nothing was published.')
        return *known, (place[1], place[2], place[3] or "")


def _sent(comment: str, at: datetime, group: int) -> SentPost:
    owner, post, number = comment.split("_")
    return SentPost(
        comment, at, f"club{group}", f"club{group}", f"https://vk.com/wall{owner}_{post}?reply={number}"
    )
