"""Replies on Mastodon: one attempt each under an idempotency key, and a read-back that can be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from desk.errors import InputError, SendError, SendLaterError, SendRefusedError, SendUnknownError
from desk.model.platform import count_mastodon
from desk.model.reply import Outgoing, SentPost, same_words
from desk.ports import Now
from listener.api_errors import ApiError, after_sending, cannot_look, not_sent
from listener.doubt import Doubts
from listener.platforms.mastodon.account import MastodonAccount, id_order, is_id
from listener.platforms.mastodon.api import MastodonClient
from listener.platforms.mastodon.compose import addressed, comparable, idempotency_key, visibility_for
from listener.platforms.mastodon.instance import Identity, Instance, read_identity, read_instance
from listener.platforms.mastodon.posts import (
    SOURCE,
    PostError,
    external_id,
    local_id,
    parent_of,
    status_id_of,
    text_of,
)
from listener.text import moment_of, web_address

_LATER_SECONDS = 60.0
_RIGHTS = "check the token, its scopes and the post."
_KEY_KEPT = timedelta(minutes=55)
"""Servers keep an idempotency key for an hour at most; after that it protects nothing."""
_CLOCKS_APART = timedelta(seconds=60)
_PAGES = 10
_PAGE_SIZE = 40


class MastodonSender:
    """Publishes replies as the brands' own accounts. To be used by one thread at a time."""

    def __init__(
        self,
        accounts: Sequence[MastodonAccount],
        *,
        now: Now,
        timeout_seconds: float = 15,
        settle_seconds: float = 20,
    ) -> None:
        """Any number of accounts, one for each brand and server.

        No reply is ever shown more widely than the post that it answers. `settle_seconds`: how long a server
        may still be at work on a request that it has not answered. Raises InputError for two accounts of one
        brand on one server, and see MastodonClient.
        """
        self._voices: dict[tuple[str, str], _Voice] = {}
        for account in accounts:
            client = MastodonClient(account, now=now, timeout_seconds=timeout_seconds)
            key = (account.brand, client.host)
            if key in self._voices:
                raise InputError(
                    f"Brand {account.brand} has two Mastodon accounts on {client.host}; keep one."
                )
            self._voices[key] = _Voice(account, client, now)
        self._now = now
        self._doubts = Doubts(settle_seconds, now)

    @property
    def source(self) -> str:
        return SOURCE

    def send(self, outgoing: Outgoing) -> SentPost:
        """Publish once. Raises SendRefusedError, SendLaterError or SendUnknownError, see the port."""
        voice = self._voice(outgoing)
        if self._now() - outgoing.approved_at > _KEY_KEPT:
            found = voice.find(outgoing)
            if found is not None:
                return found
        with self._doubts.sending(outgoing):
            return voice.publish(outgoing)

    def find(self, outgoing: Outgoing) -> SentPost | None:
        """Look for the reply among the account's own statuses. Raises SendLaterError until that is sure."""
        try:
            found = self._voice(outgoing).find(outgoing)
        except SendRefusedError as error:
            # Nobody can look: that says nothing about what is out.
            raise SendLaterError(str(error), retry_after_seconds=_LATER_SECONDS * 15) from error
        if found is None:
            self._doubts.not_there(outgoing, "the account's statuses")
        else:
            self._doubts.end(outgoing)
        return found

    def _voice(self, outgoing: Outgoing) -> _Voice:
        host = outgoing.in_reply_to.partition("@")[2]
        voice = self._voices.get((outgoing.brand, host))
        if voice is None:
            raise SendRefusedError(
                f"No Mastodon account on {host or 'its server'} is set up for brand {outgoing.brand}; "
                "nothing was published. Add its server and token to the config."
            )
        return voice


class _Voice:
    """One account that writes."""

    def __init__(self, account: MastodonAccount, client: MastodonClient, now: Now) -> None:
        self._account, self._client, self._now = account, client, now
        self._who: tuple[Instance, Identity] | None = None

    def publish(self, outgoing: Outgoing) -> SentPost:
        try:
            instance, _ = self._identify()
            target = self._client.get(f"/api/v1/statuses/{self._target_id(outgoing)}").data
        except ApiError as error:
            raise not_sent(error, rights=_RIGHTS) from error
        if not isinstance(target, dict) or not is_id(target.get("id")):
            # How widely it is shown decides how widely the reply may be: no guessing.
            raise SendLaterError(
                f"{self._client.host} sent something else than the post to answer; nothing was sent.",
                retry_after_seconds=_LATER_SECONDS,
            )
        body = self._body(outgoing, target, instance)
        try:
            answer = self._client.post(
                "/api/v1/statuses", body, {"Idempotency-Key": idempotency_key(outgoing)}
            ).data
        except ApiError as error:
            raise _after_sending(outgoing, error) from error
        if not isinstance(answer, dict) or not is_id(answer.get("id")):
            raise SendUnknownError(
                f"{self._client.host} took reply {outgoing.reply_id}, but did not say as which post."
            )
        return self._sent(answer)

    def find(self, outgoing: Outgoing) -> SentPost | None:
        """Own statuses since the approval, searched for the same words under the same post."""
        target_id, since = self._target_id(outgoing), outgoing.approved_at - _CLOCKS_APART
        max_id: str | None = None
        try:
            instance, identity = self._identify()
            for _ in range(_PAGES):
                params: list[tuple[str, str | int]] = [("limit", _PAGE_SIZE), ("exclude_reblogs", "true")]
                if max_id is not None:
                    params.append(("max_id", max_id))
                page = self._client.get(f"/api/v1/accounts/{identity.account_id}/statuses", params)
                statuses = self._statuses(page.data, outgoing)
                for status in statuses:
                    if (
                        parent_of(status) == target_id
                        and _created_at(status) >= since
                        and self._same(outgoing, status, instance.domain)
                    ):
                        return self._sent(status)
                max_id = page.next_max_id or min((s["id"] for s in statuses), key=id_order, default=None)
                if not statuses or all(_created_at(status) < since for status in statuses):
                    return None
        except ApiError as error:
            raise cannot_look(outgoing, error) from error
        raise SendLaterError(
            f"Reply {outgoing.reply_id} is not among the {_PAGES * _PAGE_SIZE} latest statuses of the "
            f"account; look for it on {self._client.host} by hand.",
            retry_after_seconds=_LATER_SECONDS * 15,
        )

    def _identify(self) -> tuple[Instance, Identity]:
        if self._who is None:
            instance = read_instance(self._client)
            identity = read_identity(self._client, self._account, instance.domain)
            if identity is None:
                raise SendRefusedError(
                    f"The Mastodon token of brand {self._account.brand} belongs to another account than "
                    f"@{self._account.handle}; nothing was published. Set that account's token."
                )
            self._who = instance, identity
        return self._who

    def _target_id(self, outgoing: Outgoing) -> str:
        target_id = local_id(outgoing.in_reply_to, self._client.host)
        if target_id is None:
            raise SendRefusedError(
                f'"{outgoing.in_reply_to[:100]}" is no post on {self._client.host}; nothing was published.'
            )
        return target_id

    def _body(self, outgoing: Outgoing, target: Mapping[str, Any], instance: Instance) -> dict[str, Any]:
        """What is posted. Raises SendRefusedError where the server would refuse its length."""
        text = addressed(outgoing, target, instance.domain)
        warning = target.get("spoiler_text")
        warning = warning if isinstance(warning, str) else ""
        used = count_mastodon(warning + text)
        if used > instance.max_characters:
            raise SendRefusedError(
                f"With the name of the person answered, and with their content warning, the reply has {used} "
                f"characters; {self._client.host} takes {instance.max_characters}. Shorten it."
            )
        body: dict[str, Any] = {
            "status": text,
            "in_reply_to_id": self._target_id(outgoing),
            "visibility": visibility_for(target.get("visibility"), public=self._account.public_replies),
        }
        if warning:
            body |= {"spoiler_text": warning, "sensitive": True}
        if isinstance(target.get("language"), str):
            body["language"] = target["language"]
        return body

    def _statuses(self, listed: Any, outgoing: Outgoing) -> list[dict[str, Any]]:
        try:
            if not isinstance(listed, list):
                raise PostError("no list")
            for status in listed:
                status_id_of(status)
                _created_at(status)
        except PostError as error:
            raise self._unsure(outgoing) from error
        return listed

    def _same(self, outgoing: Outgoing, status: Mapping[str, Any], domain: str) -> bool:
        try:
            theirs = text_of(status, domain, whole=False)
        except PostError as error:
            raise self._unsure(outgoing) from error
        return same_words(comparable(outgoing.text), comparable(theirs))

    def _unsure(self, outgoing: Outgoing) -> SendLaterError:
        return SendLaterError(
            f"The account's statuses on {self._client.host} cannot be read, so it is not sure whether reply "
            f"{outgoing.reply_id} is there.",
            retry_after_seconds=_LATER_SECONDS,
        )

    def _sent(self, status: Mapping[str, Any]) -> SentPost:
        _, identity = self._identify()
        try:
            created_at = _created_at(status)
        except PostError:
            created_at = self._now()
        url = status.get("url")
        return SentPost(
            external_id=external_id(str(status["id"]), self._client.host),
            created_at=created_at,
            author_id=identity.handle.lower(),
            author_handle=identity.handle,
            url=web_address(url) if isinstance(url, str) else None,
        )


def _created_at(status: Mapping[str, Any]) -> datetime:
    try:
        return moment_of(str(status.get("created_at")))
    except ValueError as error:
        raise PostError(str(error)) from error


def _after_sending(outgoing: Outgoing, error: ApiError) -> SendError:
    """For the request that publishes. A 503 is the proxy's: the server has not begun."""
    if error.status == 503:
        return not_sent(error, rights=_RIGHTS)
    return after_sending(outgoing, error, rights=_RIGHTS)
