"""Whether held posts are still public: X's feeds never tell that one is gone, and then it must go here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from desk.errors import SourceError
from desk.model.mention import Mention, MentionId
from desk.ports import Looked, Now
from listener.platforms.x.api import DEFAULT_BASE_URL, XClient, XCredentials, XError
from listener.platforms.x.messages import MESSAGE_PREFIX
from listener.platforms.x.meter import BudgetError, Meter
from listener.platforms.x.metered import failure
from listener.platforms.x.posts import (
    POST_FIELDS,
    SOURCE,
    Includes,
    PostError,
    XAccount,
    is_id,
    newest_version,
    to_mention,
)

BATCH = 100
"""Ids that one look-up takes ("Posts lookup", 2026)."""
_GONE = ("/resource-not-found", "/not-authorized-for-resource", "/resource-unavailable")
"""Problems of a post that is deleted; of a protected or suspended author; withheld."""
_HIDDEN = "/not-authorized-for-resource"
_EVERYWHERE = frozenset({"XX", "XY"})
"""In place of a country: withheld in all of them, or for copyright ("Post object", `withheld`)."""
_TOO_MANY = 5
"""When X hides as many posts and shows none, its app has lost a right sooner than all authors their posts."""


class XDeletionCheck:
    """Looks posts up by their ids, for all accounts: each brand's posts with its own keys and budget."""

    def __init__(
        self,
        accounts: Mapping[XAccount, XCredentials],
        *,
        now: Now,
        posts_per_day: int,
        base_url: str = DEFAULT_BASE_URL,
        timeout_seconds: float = 30,
        meters: Mapping[str, Meter] | None = None,
    ) -> None:
        """`meters` by brand. Raises InputError, see XClient."""
        self._now, self._posts_per_day = now, posts_per_day
        self._readers = {
            account.brand: _Reader(
                account,
                XClient(
                    keys,
                    now=now,
                    base_url=base_url,
                    timeout_seconds=timeout_seconds,
                    meter=(meters or {}).get(account.brand),
                ),
            )
            for account, keys in accounts.items()
        }

    @property
    def name(self) -> str:
        return "x:deletions"

    @property
    def source(self) -> str:
        return SOURCE

    @property
    def batch_size(self) -> int:
        return BATCH

    @property
    def posts_per_day(self) -> int | None:
        return self._posts_per_day

    def look(self, held: Sequence[Mention]) -> Looked:
        """Raises SourceError: permanent where the keys are wrong, or the month's budget is used up."""
        now = self._now()
        found = _Found()
        for brand, reader in self._readers.items():
            mine = [post for post in held if post.brand == brand]
            posts = [post for post in mine if not post.external_id.startswith(MESSAGE_PREFIX)]
            if not posts:
                continue
            try:
                reader.look(posts, found, now)
            except BudgetError as error:
                raise SourceError(
                    f"{self.name}: deleted posts are not looked for: {error}.", permanent=error.final
                ) from error
            except XError as error:
                raise failure(self.name, error, "the look-up") from error
        return found.looked(self._readers)


@dataclass(slots=True)
class _Found:
    deleted: list[MentionId] = field(default_factory=list)
    edited: list[Mention] = field(default_factory=list)
    undecided: list[MentionId] = field(default_factory=list)

    def looked(self, readers: Mapping[str, _Reader]) -> Looked:
        headroom = next((r.client.headroom for r in readers.values() if r.client.headroom), None)
        return Looked(self.deleted, self.edited, self.undecided, headroom)


class _Reader:
    """One account's look-ups."""

    def __init__(self, account: XAccount, client: XClient) -> None:
        self._account, self.client = account, client

    def look(self, held: Sequence[Mention], found: _Found, now: datetime) -> None:
        page = self._look_up([post.external_id for post in held])
        posts, gone = _by_id(page), _problems(page)
        self._refuse_blindness(posts, gone)
        # An older version is given under its own id; it names the one that has replaced it.
        newer = {key: newest_version(post) for key, post in posts.items()}
        later = self._look_up([v for key, v in newer.items() if v != key]) if newer else {}
        replaced = _by_id(later)
        includes, later_includes = Includes.of(page), Includes.of(later)
        for mention in held:
            key = mention.external_id
            post = posts.get(key)
            if post is None:
                _file(mention, gone.get(key), found)
                continue
            current, its = post, includes
            if newer[key] != key:
                current, its = replaced.get(newer[key], {}), later_includes
            if _is_withheld(post) or _is_withheld(current):
                found.deleted.append(mention.id)
                continue
            try:
                account_id = self._account.user_id or ""
                new = to_mention(current, its, self._account, account_id, now)
            except PostError:
                new = None
            if new is None or new.external_id != key:
                found.undecided.append(mention.id)
            elif new.text != mention.text:
                found.edited.append(_with_text(mention, new))

    def _look_up(self, ids: Sequence[str]) -> Mapping[str, Any]:
        asked = [post_id for post_id in ids if is_id(post_id)]
        if not asked:
            return {}
        page: Mapping[str, Any] = self.client.get_tweets(
            asked, user_auth=self.client.reads_as_user, tweet_fields=POST_FIELDS
        )
        return page

    def _refuse_blindness(self, posts: Mapping[str, Any], gone: Mapping[str, str]) -> None:
        hidden = sum(kind.endswith(_HIDDEN) for kind in gone.values())
        if not posts and hidden >= _TOO_MANY:
            raise SourceError(
                f"X shows none of {hidden} held posts to the app of @{self._account.handle}. That is more "
                "likely a right that the app lacks than as many removals, so nothing was erased; check the "
                "app on X.",
                permanent=True,
            )


def _file(mention: Mention, problem: str | None, found: _Found) -> None:
    """A post that was not given: gone where X says why, otherwise asked for again."""
    gone = problem is not None and problem.endswith(_GONE)
    (found.deleted if gone else found.undecided).append(mention.id)


def _with_text(held: Mention, new: Mention) -> Mention:
    """The look-up asks for no authors, who cost more than posts: all but the words stays as it is."""
    return replace(held, text=new.text, language=new.language)


def _by_id(page: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    data = page.get("data")
    posts = data if isinstance(data, list) else []
    return {post["id"]: post for post in posts if isinstance(post, dict) and is_id(post.get("id"))}


def _problems(page: Mapping[str, Any]) -> dict[str, str]:
    """The problem's type for each id that an answer says something about beside its posts."""
    errors = page.get("errors")
    return {
        str(error.get("resource_id") or error.get("value")): str(error.get("type", ""))
        for error in (errors if isinstance(errors, list) else [])
        if isinstance(error, dict) and error.get("resource_type", "tweet") in {"tweet", "post"}
    }


def _is_withheld(post: Mapping[str, Any]) -> bool:
    """Shown to nobody any more; withheld in some countries only, a post is still public."""
    withheld = post.get("withheld")
    if not isinstance(withheld, dict):
        return False
    countries = withheld.get("country_codes")
    listed = {str(code).upper() for code in countries} if isinstance(countries, list) else set()
    return withheld.get("copyright") is True or bool(_EVERYWHERE & listed)
