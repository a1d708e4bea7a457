"""Replies on X, public and private: one attempt each, and a read-back that is sure before it says that
nothing is there."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

from desk.errors import InputError, SendError, SendLaterError, SendRefusedError, SendUnknownError
from desk.model.reply import Outgoing, SentPost, same_words
from desk.ports import Now
from listener.doubt import Doubts
from listener.platforms.x.api import DEFAULT_BASE_URL, XClient, XCredentials, XError
from listener.platforms.x.messages import MESSAGE_FIELDS, MESSAGE_PREFIX, Message
from listener.platforms.x.meter import BudgetError, Limit, Meter
from listener.platforms.x.posts import (
    POST_FIELDS,
    SOURCE,
    PostError,
    XAccount,
    is_id,
    replied_to,
    text_of,
    time_of,
    url_of,
)

_LATER_SECONDS = 60.0
_DUPLICATE_CODE = 187
"""Status is a duplicate."""
_CLOCKS_APART = timedelta(seconds=60)
_PAGES = 10
_MESSAGES_PAGE = 20
"""Each message that is listed costs as much as the one that is looked for."""


class XSender:
    """Publishes replies as the brands' own accounts. To be used by one thread at a time."""

    def __init__(
        self,
        accounts: Mapping[XAccount, XCredentials],
        *,
        now: Now,
        base_url: str = DEFAULT_BASE_URL,
        timeout_seconds: float = 30,
        settle_seconds: float = 60,
        meters: Mapping[str, Meter] = MappingProxyType({}),
        within_budget: Collection[str] = (),
    ) -> None:
        """One account a brand, each with its four user keys. `settle_seconds`: a post can take that long
        to appear in its account's timeline. `meters` by brand count what replies cost; the brands in
        `within_budget` send none that goes beyond their budget. Raises InputError where keys are missing."""
        for account, credentials in accounts.items():
            if not credentials.user_context:
                raise InputError(
                    f"Replying as @{account.handle} on X needs consumer key, consumer secret, access token "
                    "and access token secret; set them in the environment, or leave replies on X off."
                )

        def client(brand: str, keys: XCredentials, limit: Limit) -> XClient:
            return XClient(
                keys,
                now=now,
                base_url=base_url,
                timeout_seconds=timeout_seconds,
                meter=meters.get(brand),
                limit=limit,
            )

        self._voices = {
            account.brand: _Voice(
                account,
                # Reading back is never held up: it decides whether anybody is answered twice.
                client(account.brand, keys, Limit.NONE),
                client(account.brand, keys, Limit.SENDING if account.brand in within_budget else Limit.NONE),
                now,
            )
            for account, keys in accounts.items()
        }
        self._doubts = Doubts(settle_seconds, now)

    @property
    def source(self) -> str:
        return SOURCE

    def send(self, outgoing: Outgoing) -> SentPost:
        """Publish once. Raises SendRefusedError, SendLaterError or SendUnknownError, see the port."""
        voice = self._voice(outgoing)
        voice.identify()
        with self._doubts.sending(outgoing):
            return voice.publish(outgoing)

    def find(self, outgoing: Outgoing) -> SentPost | None:
        """Look for the reply in the account's own timeline, or in the conversation where it is a private
        message. Raises SendLaterError until that is sure."""
        voice = self._voice(outgoing)
        voice.identify()
        found = voice.find(outgoing)
        if found is None:
            where = "messages" if _is_private(outgoing) else "timeline"
            self._doubts.not_there(outgoing, f"@{voice.account.handle}'s {where}")
        else:
            self._doubts.end(outgoing)
        return found

    def _voice(self, outgoing: Outgoing) -> _Voice:
        voice = self._voices.get(outgoing.brand)
        if voice is None:
            raise SendRefusedError(
                f"No X account is set up for brand {outgoing.brand}; add its handle and keys to the config."
            )
        return voice


class _Voice:
    """One account that writes."""

    def __init__(self, account: XAccount, client: XClient, writer: XClient, now: Now) -> None:
        self.account = account
        self._client, self._writer, self._now = client, writer, now
        self._id = ""

    def identify(self) -> None:
        """Make sure, once, that the keys are this account's. Nothing has left when this raises."""
        if self._id:
            return
        try:
            me = self._client.get_me().get("data")
        except XError as error:
            raise self._before_sending(error) from error
        me = me if isinstance(me, dict) else {}
        if not is_id(me.get("id")):
            raise SendLaterError("X did not say whose keys these are.", retry_after_seconds=_LATER_SECONDS)
        if str(me.get("username", "")).lower() != self.account.handle.lower():
            raise SendRefusedError(
                f"The X keys of brand {self.account.brand} belong to another account than "
                f"@{self.account.handle}; nothing was published. Set that account's keys."
            )
        self._id = str(me["id"])

    def publish(self, outgoing: Outgoing) -> SentPost:
        try:
            return self._message(outgoing) if _is_private(outgoing) else self._post(outgoing)
        except BudgetError as error:
            raise SendRefusedError(
                f"Nothing was sent: {error}, or set replies_over_budget = true."
            ) from error

    def _post(self, outgoing: Outgoing) -> SentPost:
        try:
            answer = self._writer.create_tweet(
                text=outgoing.text, in_reply_to_tweet_id=outgoing.in_reply_to, user_auth=True
            )
        except XError as error:
            if error.status == 403 and _is_duplicate(error):
                return self._duplicate(outgoing, error)
            raise self._after_sending(outgoing, error) from error
        return self._sent(self._created(outgoing, answer, "id"), None)

    def _message(self, outgoing: Outgoing) -> SentPost:
        """X refuses no private message for having been sent before: so it is looked for first."""
        try:
            known = self.find(outgoing)
        except SendLaterError as error:
            raise SendLaterError(
                f"{error} Nothing was sent.", retry_after_seconds=error.retry_after_seconds
            ) from error
        if known is not None:
            return known
        try:
            answer = self._writer.create_direct_message(
                dm_conversation_id=_conversation(outgoing), text=outgoing.text, user_auth=True
            )
        except XError as error:
            raise self._after_sending(outgoing, error) from error
        return self._sent_message(self._created(outgoing, answer, "dm_event_id"))

    def _created(self, outgoing: Outgoing, answer: Mapping[str, Any], field: str) -> str:
        data = answer.get("data")
        created = data.get(field) if isinstance(data, dict) else None
        if not is_id(created):
            raise SendUnknownError(f"X took reply {outgoing.reply_id}, but did not say as which post.")
        return str(created)

    def find(self, outgoing: Outgoing) -> SentPost | None:
        """Raises SendLaterError where that cannot be told."""
        return self._find_message(outgoing) if _is_private(outgoing) else self._find_post(outgoing)

    def _find_message(self, outgoing: Outgoing) -> SentPost | None:
        """The conversation since the approval, newest first, searched for the same words of ours."""
        start = outgoing.approved_at - _CLOCKS_APART
        token: str | None = None
        for _ in range(_PAGES):
            try:
                page = self._client.get_direct_message_events(
                    dm_conversation_id=_conversation(outgoing),
                    event_types="MessageCreate",
                    max_results=_MESSAGES_PAGE,
                    dm_event_fields=MESSAGE_FIELDS,
                    pagination_token=token,
                )
                events = page.get("data", [])
                messages = [Message.read(each) for each in (events if isinstance(events, list) else [None])]
            except (XError, PostError) as error:
                raise _unclear(outgoing, error) from error
            for message in messages:
                ours = message.at >= start and message.sender_id == self._id
                if ours and same_words(outgoing.text, message.text):
                    return self._sent_message(message.id)
            if any(message.at < start for message in messages):
                return None
            meta = page.get("meta")
            token = meta.get("next_token") if isinstance(meta, dict) else None
            if not token:
                return None
        raise _unclear(outgoing, "the conversation is too long")

    def _find_post(self, outgoing: Outgoing) -> SentPost | None:
        """The timeline since the approval, searched for the same words under the same post."""
        start = (outgoing.approved_at - _CLOCKS_APART).astimezone(UTC)
        token: str | None = None
        for _ in range(_PAGES):
            try:
                page = self._client.get_users_tweets(
                    self._id,
                    user_auth=True,
                    max_results=100,
                    start_time=f"{start:%Y-%m-%dT%H:%M:%SZ}",
                    tweet_fields=POST_FIELDS,
                    pagination_token=token,
                )
            except XError as error:
                wait = _LATER_SECONDS if error.retry_after is None else error.retry_after
                raise SendLaterError(
                    f"Reply {outgoing.reply_id} could not be looked for: {error}.", retry_after_seconds=wait
                ) from error
            found = self._among(page, outgoing)
            if found is not None:
                return found
            meta = page.get("meta")
            token = meta.get("next_token") if isinstance(meta, dict) else None
            if not token:
                return None
        raise SendLaterError(
            f"Reply {outgoing.reply_id} is not among the {_PAGES * 100} latest posts of "
            f"@{self.account.handle}; look for it on X by hand.",
            retry_after_seconds=_LATER_SECONDS * 15,
        )

    def _among(self, page: Mapping[str, Any], outgoing: Outgoing) -> SentPost | None:
        posts = page.get("data", [])
        for post in posts if isinstance(posts, list) else [None]:
            try:
                if not isinstance(post, dict) or not is_id(post.get("id")):
                    raise PostError("no post")
                same = replied_to(post) == outgoing.in_reply_to and same_words(text_of(post), outgoing.text)
            except PostError as error:
                raise SendLaterError(
                    f"The timeline of @{self.account.handle} holds a post that cannot be read, so it is not "
                    f"sure whether reply {outgoing.reply_id} is there.",
                    retry_after_seconds=_LATER_SECONDS,
                ) from error
            if same:
                return self._sent(post["id"], time_of(post["id"]))
        return None

    def _duplicate(self, outgoing: Outgoing, error: XError) -> SentPost:
        """X has the same text already: perhaps an earlier attempt of this very reply."""
        try:
            found = self.find(outgoing)
        except SendLaterError as unsure:
            raise SendUnknownError(f"Reply {outgoing.reply_id} may be public already: {error}.") from unsure
        if found is None:
            raise SendRefusedError(f"{error}. Word the reply differently.") from error
        return found

    def _after_sending(self, outgoing: Outgoing, error: XError) -> SendError:
        status = error.status
        if not error.left:
            return SendLaterError(f"{error}; nothing was sent.", retry_after_seconds=_LATER_SECONDS)
        if status is None or status >= 500 or status == 408:
            return SendUnknownError(
                f"Reply {outgoing.reply_id} left, but {error}. It is looked for on X first."
            )
        return self._before_sending(error)

    def _before_sending(self, error: XError) -> SendError:
        """For a request that published nothing."""
        status = error.status
        if status is None or status >= 500 or status in {408, 429}:
            wait = _LATER_SECONDS if error.retry_after is None else error.retry_after
            return SendLaterError(f"{error}; nothing was sent.", retry_after_seconds=wait)
        if status in {401, 403}:
            return SendRefusedError(
                f"{error}. Nothing was published; check the post and the app's rights on X."
            )
        return SendRefusedError(f"{error}. Nothing was published.")

    def _sent_message(self, event_id: str) -> SentPost:
        return SentPost(
            external_id=MESSAGE_PREFIX + event_id,
            created_at=time_of(event_id) or self._now(),
            author_id=self._id,
            author_handle=self.account.handle,
        )

    def _sent(self, post_id: str, created_at: datetime | None) -> SentPost:
        return SentPost(
            external_id=post_id,
            created_at=created_at or time_of(post_id) or self._now(),
            author_id=self._id,
            author_handle=self.account.handle,
            url=url_of(self.account.handle, post_id),
        )


def _is_duplicate(error: XError) -> bool:
    return _DUPLICATE_CODE in error.codes or "duplicate" in str(error).lower()


def _is_private(outgoing: Outgoing) -> bool:
    return outgoing.in_reply_to.startswith(MESSAGE_PREFIX)


def _conversation(outgoing: Outgoing) -> str:
    return outgoing.conversation_id.removeprefix(MESSAGE_PREFIX)


def _unclear(outgoing: Outgoing, why: object) -> SendLaterError:
    wait = why.retry_after if isinstance(why, XError) else None
    said = str(why) if isinstance(why, XError | str) else "X sent a message that cannot be read"
    return SendLaterError(
        f"Reply {outgoing.reply_id} could not be looked for: {said}.",
        retry_after_seconds=_LATER_SECONDS if wait is None else wait,
    )
