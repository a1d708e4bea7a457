"""Looking posts and people up by their ids, in groups as large as the network takes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from listener.api_errors import ApiError
from listener.platforms.bluesky.api import BlueskyClient
from listener.platforms.bluesky.ids import is_did, parts_of
from listener.text import mend

GROUP = 25
"""Ids that one request may name (lexicons app.bsky.feed.getPosts and app.bsky.actor.getProfiles)."""
PEOPLE_LIMIT = 10_000
"""Handles remembered; about 2 MB."""
_TRY_AGAIN = frozenset({401, 403, 408, 429})


def read_posts(client: BlueskyClient, uris: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Posts as our account sees them, by address; without those that it does not see. Raises ApiError."""
    found: dict[str, dict[str, Any]] = {}
    for group in _grouped(list(dict.fromkeys(uris))):
        data = client.get("app.bsky.feed.getPosts", [("uris", uri) for uri in group]).data
        listed = data.get("posts") if isinstance(data, dict) else None
        if not isinstance(listed, list):
            raise client.wrong("posts that are no list")
        found |= {post["uri"]: post for post in listed if isinstance(post, dict) and post.get("uri") in group}
    return found


def is_gone(client: BlueskyClient, uri: str) -> bool:
    """Whether the network no longer has a post, rather than hiding it from our account. Raises ApiError."""
    parts = parts_of(uri)
    if parts is None:
        return False
    did, key = parts
    try:
        return client.record(did, "app.bsky.feed.post", key) is None
    except ApiError as error:
        if error.status is None or error.status in _TRY_AGAIN or error.status >= 500 or error.status == 200:
            raise
        return False


class People:
    """Handles of accounts, which events name by their DIDs alone."""

    def __init__(self, client: BlueskyClient) -> None:
        self._client = client
        self._known: OrderedDict[str, tuple[str, str]] = OrderedDict()

    def forget(self, did: str) -> None:
        """The account has changed its handle."""
        self._known.pop(did, None)

    def look_up(self, dids: Iterable[str]) -> dict[str, tuple[str, str]]:
        """Handle and shown name of each; the DID where the account has no handle now. Raises ApiError."""
        found: dict[str, tuple[str, str]] = {}
        wanted = list(dict.fromkeys(dids))
        for group in _grouped([did for did in wanted if did not in self._known]):
            data = self._client.get("app.bsky.actor.getProfiles", [("actors", did) for did in group]).data
            listed = data.get("profiles") if isinstance(data, dict) else None
            if not isinstance(listed, list):
                raise self._client.wrong("profiles that are no list")
            for profile in listed:
                handle = profile.get("handle") if isinstance(profile, dict) else None
                if isinstance(handle, str) and handle and is_did(profile.get("did")):
                    name = profile.get("displayName")
                    self._known[profile["did"]] = mend(handle)[:300], name if isinstance(name, str) else ""
        for did in wanted:
            found[did] = self._known.get(did, (did, ""))
        while len(self._known) > PEOPLE_LIMIT:
            self._known.popitem(last=False)
        return found


def _grouped(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for begin in range(0, len(ids), GROUP):
        yield ids[begin : begin + GROUP]
