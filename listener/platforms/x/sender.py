"""Replies on X: one attempt each, and a read-back that is sure before it says that nothing is there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from desk.errors import InputError, SendError, SendLaterError, SendRefusedError, SendUnknownError
from desk.model.reply import Outgoing, SentPost, same_words
from desk.ports import Now
from listener.doubt import Doubts
from listener.platforms.x.api import DEFAULT_BASE_URL, XClient, XCredentials, XError
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
    ) -> None:
        """One account a brand, each with its four user keys. `settle_seconds`: a post can take that long
        to appear in its account's timeline. Raises InputError where keys are missing."""
        for account, credentials in accounts.items():
            if not credentials.user_context:
                raise InputError(
                    f"Replying as @{account.handle} on X needs consumer key, consumer secret, access token "
                    "and access token secret; set them in the environment, or leave replies on X off."
                )
        self._voices = {
            account.brand: _Voice(
                account, XClient(keys, now=now, base_url=base_url, timeout_seconds=timeout_seconds), now
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
        """Look for the reply in the account's own timeline. Raises SendLaterError until that is sure."""
        voice = self._voice(outgoing)
        voice.identify()
        found = voice.find(outgoing)
        if found is None:
            self._doubts.not_there(outgoing, f"@{voice.account.handle}'s timeline")
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

    def __init__(self, account: XAccount, client: XClient, now: Now) -> None:
        self.account = account
        self._client, self._now = client, now
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
            answer = self._client.create_tweet(
                text=outgoing.text, in_reply_to_tweet_id=outgoing.in_reply_to, user_auth=True
            )
        except XError as error:
            if error.status == 403 and _is_duplicate(error):
                return self._duplicate(outgoing, error)
            raise self._after_sending(outgoing, error) from error
        post = answer.get("data")
        post_id = post.get("id") if isinstance(post, dict) else None
        if not is_id(post_id):
            raise SendUnknownError(f"X took reply {outgoing.reply_id}, but did not say as which post.")
        return self._sent(str(post_id), None)

    def find(self, outgoing: Outgoing) -> SentPost | None:
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
