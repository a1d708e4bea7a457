"""Replies on Bluesky: each under a record key of its own, so that one that is sent again is the same post."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from desk.errors import SendLaterError, SendRefusedError, SendUnknownError
from desk.model.platform import measure_reply
from desk.model.reply import Outgoing, SentPost
from desk.ports import Now
from listener.api_errors import NO_RESET_SECONDS, ApiError, after_sending, cannot_look, not_sent
from listener.platforms.bluesky.account import Identity
from listener.platforms.bluesky.api import BlueskyClient
from listener.platforms.bluesky.compose import facets_of, handles_in
from listener.platforms.bluesky.ids import POSTS, is_cid, is_did, parts_of, post_uri, reply_key
from listener.platforms.bluesky.lookup import is_gone, read_posts
from listener.platforms.bluesky.posts import SOURCE, replyable, url_of
from listener.platforms.bluesky.session import error_name
from listener.text import mend, moment_of

_RIGHTS = "check the handle and its app password."
_LANGS = 3
"""A post names that many languages at most (lexicon app.bsky.feed.post)."""


class BlueskySender:
    """Publishes replies as the brands' own accounts. To be used by one thread at a time.

    A reply is written with `putRecord` under a key that follows from it, on the condition that nothing is
    there yet. A second attempt fails that condition, and is answered with the post of the first.
    """

    def __init__(
        self,
        clients: Mapping[str, BlueskyClient],
        *,
        now: Now,
        labels: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """One account a brand. `labels`, by brand, are what its replies say of themselves, such as "bot"."""
        self._voices = {
            brand: _Voice(client, now, tuple((labels or {}).get(brand, ())))
            for brand, client in clients.items()
        }

    @property
    def source(self) -> str:
        return SOURCE

    def send(self, outgoing: Outgoing) -> SentPost:
        """Publish once. Raises SendRefusedError, SendLaterError or SendUnknownError, see the port."""
        return self._voice(outgoing).publish(outgoing)

    def find(self, outgoing: Outgoing) -> SentPost | None:
        """Read the reply's own record. Raises SendLaterError where that fails.

        It needs no waiting: an attempt that arrives after this look still makes the same post.
        """
        try:
            return self._voice(outgoing).find(outgoing)
        except SendRefusedError as error:
            # Nobody can look: that says nothing about what is out.
            raise SendLaterError(str(error), retry_after_seconds=NO_RESET_SECONDS * 15) from error
        except ApiError as error:
            raise cannot_look(outgoing, error) from error

    def _voice(self, outgoing: Outgoing) -> _Voice:
        voice = self._voices.get(outgoing.brand)
        if voice is None:
            raise SendRefusedError(
                f"No Bluesky account is set up for brand {outgoing.brand}; nothing was published. "
                "Add its handle to the config and its app password to the environment."
            )
        return voice


class _Voice:
    """One account that writes."""

    def __init__(self, client: BlueskyClient, now: Now, labels: tuple[str, ...]) -> None:
        self._client, self._now, self._labels = client, now, labels

    def publish(self, outgoing: Outgoing) -> SentPost:
        length = measure_reply(SOURCE, outgoing.text)
        if length.problem:
            raise SendRefusedError(f"Nothing was published. {length.problem}")
        try:
            me, record = self._client.identity(), self._record(outgoing)
        except ApiError as error:
            raise not_sent(error, rights=_RIGHTS) from error
        key = reply_key(outgoing)
        # Only where there is no such record yet.
        body = {"repo": me.did, "collection": POSTS, "rkey": key, "record": record, "swapRecord": None}
        try:
            data = self._client.post("com.atproto.repo.putRecord", body).data
        except ApiError as error:
            if error_name(error) == "InvalidSwap":
                return self._there_already(outgoing, error)
            raise after_sending(outgoing, error, rights=_RIGHTS) from error
        if not isinstance(data, dict) or data.get("uri") != post_uri(me.did, key):
            raise SendUnknownError(
                f"{self._client.title} took reply {outgoing.reply_id}, but did not say as which post."
            )
        return _sent(me, key, record, self._now)

    def find(self, outgoing: Outgoing) -> SentPost | None:
        """Raises ApiError."""
        me, key = self._client.identity(), reply_key(outgoing)
        record = self._client.record(me.did, POSTS, key)
        return None if record is None else _sent(me, key, record["value"], self._now)

    def _there_already(self, outgoing: Outgoing, refused: ApiError) -> SentPost:
        unknown = f"Reply {outgoing.reply_id} is there already, but cannot be read."
        try:
            found = self.find(outgoing)
        except ApiError as error:
            raise SendUnknownError(unknown) from error
        if found is None:
            raise SendUnknownError(unknown) from refused
        return found

    def _record(self, outgoing: Outgoing) -> dict[str, Any]:
        """The post to publish. Raises ApiError, and SendError where no reply is possible."""
        target = self._target(outgoing)
        parent = {"uri": outgoing.in_reply_to, "cid": target["cid"]}
        text = mend(outgoing.text.strip())
        record: dict[str, Any] = {
            "$type": POSTS,
            "text": text,
            "reply": {"root": _root(target, parent), "parent": parent},
            "createdAt": self._now().isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }
        if facets := facets_of(text, self._dids(text)):
            record["facets"] = facets
        langs = target["record"].get("langs")
        if isinstance(langs, list) and all(isinstance(lang, str) for lang in langs) and langs:
            record["langs"] = langs[:_LANGS]
        if self._labels:
            values = [{"val": label} for label in self._labels]
            record["labels"] = {"$type": "com.atproto.label.defs#selfLabels", "values": values}
        return record

    def _target(self, outgoing: Outgoing) -> dict[str, Any]:
        """The post to answer, as it is now: servers publish replies that nobody will be shown."""
        uri = outgoing.in_reply_to
        if parts_of(uri) is None:
            raise SendRefusedError(f'"{uri[:100]}" is no post on Bluesky; nothing was published.')
        target = read_posts(self._client, [uri]).get(uri)
        if target is None:
            if is_gone(self._client, uri):
                raise SendRefusedError("The post is not there any more; nothing was published.")
            raise SendRefusedError(
                "The network does not show the post to your account (its author may have blocked it); "
                "nothing was published."
            )
        allowed = replyable(target)
        if not allowed.allowed:
            raise SendRefusedError(f"{allowed.reason} Nothing was published.")
        if not is_cid(target.get("cid")) or not isinstance(target.get("record"), dict):
            raise self._client.wrong("something else than the post to answer")
        return target

    def _dids(self, text: str) -> dict[str, str]:
        """Of the handles in a text, those that exist."""
        found: dict[str, str] = {}
        for handle in handles_in(text):
            try:
                data = self._client.get("com.atproto.identity.resolveHandle", {"handle": handle}).data
            except ApiError as error:
                if error.status in {400, 404}:
                    continue
                raise
            did = data.get("did") if isinstance(data, dict) else None
            if is_did(did):
                found[handle] = str(did)
        return found


def _root(target: Mapping[str, Any], parent: dict[str, str]) -> dict[str, str]:
    """Address and version of the thread's first post: what the parent names, or the parent itself."""
    reply = target["record"].get("reply")
    root = reply.get("root") if isinstance(reply, dict) else None
    if isinstance(root, dict) and parts_of(root.get("uri")) is not None and is_cid(root.get("cid")):
        return {"uri": root["uri"], "cid": root["cid"]}
    return parent


def _sent(me: Identity, key: str, record: Mapping[str, Any], now: Now) -> SentPost:
    try:
        created_at = moment_of(str(record.get("createdAt")))
    except ValueError:
        created_at = now()
    return SentPost(post_uri(me.did, key), created_at, me.did, me.handle, url_of(me.did, key))
