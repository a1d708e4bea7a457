"""Which thread a status belongs to: the platform gives a status its parent, but no conversation."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from listener.api_errors import ApiError
from listener.platforms.mastodon.account import is_id
from listener.platforms.mastodon.api import MastodonClient
from listener.platforms.mastodon.posts import parent_of

CACHE_LIMIT = 5_000
"""Roots remembered by one source; about 1 MB."""
_TRY_AGAIN = frozenset({408, 429, 502, 503, 504})


class Threads:
    """Finds a thread's first status: at most one look-up a status, none for what is known."""

    def __init__(self, client: MastodonClient) -> None:
        self._client = client
        self._roots: OrderedDict[str, str] = OrderedDict()

    def learn(self, status_id: str, root: str) -> None:
        """What a cursor remembers, or a look-up has brought."""
        self._roots[status_id] = root
        self._roots.move_to_end(status_id)
        while len(self._roots) > CACHE_LIMIT:
            self._roots.popitem(last=False)

    def root_of(self, status_id: str, status: Mapping[str, Any]) -> str:
        """Id of the first status of the thread, or of the oldest that the server can show.

        Raises ApiError where the server may answer a little later: a wrong thread would stay for good.
        """
        known = self._roots.get(status_id)
        if known is not None:
            return known
        parent = parent_of(status)
        root = status_id if parent is None else self._roots.get(parent) or self._look_up(status_id, parent)
        self.learn(status_id, root)
        return root

    def _look_up(self, status_id: str, parent: str) -> str:
        try:
            data = self._client.get(f"/api/v1/statuses/{status_id}/context").data
        except ApiError as error:
            if error.status is None or error.status in _TRY_AGAIN:
                raise
            # This status cannot be shown in its thread; it must not stop those behind it.
            return parent
        listed = data.get("ancestors") if isinstance(data, dict) else None
        ancestors = [
            entry
            for entry in (listed if isinstance(listed, list) else [])
            if isinstance(entry, dict) and is_id(entry.get("id"))
        ]
        if not ancestors:
            return parent
        first = next((entry for entry in ancestors if parent_of(entry) is None), ancestors[0])
        first_id = str(first["id"])
        root = self._roots.get(first_id) or first_id
        for entry in ancestors:
            self.learn(entry["id"], root)
        return root
