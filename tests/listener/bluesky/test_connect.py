"""What a [[sources]] of Bluesky becomes."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from desk.errors import InputError
from desk.model.mention import Mention
from listener.platform import Connected
from listener.platforms.bluesky import PLATFORM, BlueskySettings
from listener.platforms.bluesky.posts import View, to_mention
from tests.fakes.bluesky_api import PASSWORD, FakeBluesky
from tests.fakes.clock import START


def settings(**changes: Any) -> BlueskySettings:
    given = {"type": "bluesky", "brand": "fernway", "handle": "@fernway.example"}
    return BlueskySettings.model_validate(given | changes)


def connected(bluesky: FakeBluesky, *sources: BlueskySettings) -> Connected:
    return PLATFORM.connect(sources, lambda _source, _name: SecretStr(PASSWORD), bluesky.clock)


def test_an_account_is_followed_by_two_feeds_and_a_query_by_a_third(bluesky: FakeBluesky) -> None:
    plain = connected(bluesky, settings(server=bluesky.url))
    listening = connected(bluesky, settings(server=bluesky.url, listen="fernway", name="sky"))

    assert [feed.source.name for feed in plain.feeds] == ["bluesky:mentions", "bluesky:own"]
    assert [feed.source.name for feed in listening.feeds] == ["sky:mentions", "sky:own", "sky:keywords"]
    assert list(plain.senders) == ["bluesky"]
    assert bluesky.requests == []


def test_feeds_and_sender_share_one_session(bluesky: FakeBluesky) -> None:
    made = connected(bluesky, settings(server=bluesky.url))

    for feed in made.feeds:
        feed.source.fetch(None)

    assert bluesky.signed_in == ["createSession"]


def test_two_accounts_of_one_brand_are_refused(bluesky: FakeBluesky) -> None:
    with pytest.raises(InputError, match="two Bluesky accounts"):
        connected(bluesky, settings(), settings(name="second", handle="other.example"))


def test_accounts_of_several_brands_are_followed_side_by_side(bluesky: FakeBluesky) -> None:
    made = connected(bluesky, settings(), settings(name="second", brand="other", handle="other.example"))

    assert len(made.feeds) == 4
    assert len(made.senders) == len(made.checkers) == 1


@pytest.mark.parametrize(
    "changes", [{"listen": "(fernway"}, {"brands": "x"}, {"interval": "0s"}, {"handle": None}]
)
def test_a_mistake_in_the_settings_is_told(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        settings(**changes)


def held(bluesky: FakeBluesky, uri: str) -> Mention:
    post = bluesky.posts[uri]
    view = {"uri": uri, "cid": post.cid, "author": bluesky.people[post.did], "record": post.record}
    return to_mention(view | {"indexedAt": post.order[0]}, View("fernway", bluesky.me), START)


def test_posts_that_are_held_are_looked_at_again(bluesky: FakeBluesky, ana: str) -> None:
    same, changed, gone, hidden = (bluesky.add(ana, f"help {number}") for number in range(4))
    ours = bluesky.add(bluesky.me, "Sorry")
    posts = [held(bluesky, uri) for uri in (same, changed, gone, hidden, ours)]
    (check,) = connected(bluesky, settings(server=bluesky.url)).checkers
    bluesky.edit(changed, "help, please")
    bluesky.delete(gone)
    bluesky.hidden.add(hidden)

    looked = check.look(posts)

    assert list(looked.deleted) == [f"bluesky:{gone}"]
    assert [(post.external_id, post.text) for post in looked.edited] == [(changed, "help, please")]


def test_reading_the_settings_loads_no_client() -> None:
    program = (
        "import sys; from listener.platforms import load; load('bluesky'); "
        "sys.exit(any(name in sys.modules for name in ('httpx', 'websockets')))"
    )

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
