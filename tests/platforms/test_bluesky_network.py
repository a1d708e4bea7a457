"""Bluesky's own servers: what is true of the fakes must be true of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from desk.errors import SendRefusedError, SourceError
from desk.model.mention import Mention
from desk.model.reply import Outgoing, ReplyId
from desk.ports import Batch
from listener.api_errors import ApiError
from listener.platforms.bluesky.api import BlueskyClient
from listener.platforms.bluesky.feeds import BlueskyFeed
from listener.platforms.bluesky.recheck import BlueskyCheck
from listener.platforms.bluesky.sender import BlueskySender
from listener.platforms.bluesky.session import Session
from listener.platforms.bluesky.source import BlueskySource
from tests.platforms.network import Network, Person, eventually, now


@pytest.fixture(scope="module")
def brand(network: Network) -> Person:
    return network.person("fernway")


@pytest.fixture(scope="module")
def ana(network: Network) -> Person:
    return network.person("ana")


class Listener:
    """A source that is asked again and again, as the loop does."""

    def __init__(self, network: Network, feed: BlueskyFeed = BlueskyFeed.MENTIONS) -> None:
        self._source = BlueskySource(network.client(), brand="fernway", feed=feed, now=now)
        self.cursor: str | None = None

    def drained(self) -> Batch:
        """All that is new, as one batch."""
        whole = Batch()
        while True:
            batch = self._source.fetch(self.cursor)
            self.cursor = batch.cursor
            whole = Batch(
                (*whole.mentions, *batch.mentions),
                (*whole.deleted, *batch.deleted),
                (*whole.bad, *batch.bad),
                (*whole.gaps, *batch.gaps),
            )
            if not batch.more:
                return whole

    def until_named(self, uri: str) -> Mention:
        def look() -> Mention | None:
            return next((m for m in self.drained().mentions if m.external_id == uri), None)

        return eventually(look)


def sender(network: Network) -> BlueskySender:
    return BlueskySender({"fernway": network.client()}, now=now)


def answer(mention: Mention, text: str, number: int = 1) -> Outgoing:
    where = (mention.external_id, mention.conversation_id, mention.author.handle)
    return Outgoing(ReplyId(number), "fernway", *where, text, now())


def test_a_mention_comes_once_with_all_that_the_desk_shows(
    network: Network, brand: Person, ana: Person
) -> None:
    listener = Listener(network)
    listener.drained()
    post = ana.mention(brand, "my order never came", langs=["en"])

    mention = listener.until_named(post["uri"])

    assert mention.text == "@fernway.test my order never came"
    assert (mention.author.external_id, mention.author.handle) == (ana.did, "ana.test")
    assert (mention.language, mention.from_brand, mention.replyable.allowed) == ("en", False, True)
    assert mention.conversation_id == post["uri"]
    assert abs((now() - mention.created_at).total_seconds()) < 60
    assert listener.drained().mentions == ()


def test_an_edit_and_a_deletion_come_with_the_next_poll(network: Network, brand: Person, ana: Person) -> None:
    listener = Listener(network)
    post = ana.mention(brand, "frist words")
    listener.until_named(post["uri"])

    ana.edit(post["uri"], "@fernway.test first words")
    edited = listener.until_named(post["uri"])
    ana.delete(post["uri"])
    deleted = eventually(lambda: listener.drained().deleted)

    assert edited.text == "@fernway.test first words"
    assert deleted == (f"bluesky:{post['uri']}",)
    assert listener.drained().deleted == ()


def test_a_reply_stands_in_the_thread_with_links_people_and_tags(
    network: Network, brand: Person, ana: Person
) -> None:
    post = ana.mention(brand, "it broke 😢")
    mention = Listener(network).until_named(post["uri"])
    text = "Sorry 😔 @ana.test! See https://fernway.example/hélp (or fernway.com/x), #Fernway ✓"

    sent = sender(network).send(answer(mention, text))

    shown = eventually(lambda: ana.thread(post["uri"]))
    record = shown[0]["record"]
    raw = record["text"].encode()
    marked = {
        raw[facet["index"]["byteStart"] : facet["index"]["byteEnd"]].decode(): facet["features"][0]
        for facet in record["facets"]
    }
    assert [reply["uri"] for reply in shown] == [sent.external_id]
    assert record["text"] == text
    assert record["reply"]["root"] == record["reply"]["parent"] == post
    assert marked["@ana.test"]["did"] == ana.did
    assert marked["https://fernway.example/hélp"]["uri"] == "https://fernway.example/hélp"
    assert marked["fernway.com/x"]["uri"] == "https://fernway.com/x"
    assert marked["#Fernway"]["tag"] == "Fernway"


def test_a_reply_that_is_sent_again_is_the_same_post(network: Network, brand: Person, ana: Person) -> None:
    post = ana.mention(brand, "where is it?")
    mention = Listener(network).until_named(post["uri"])
    outgoing = answer(mention, "On its way.")
    assert sender(network).find(outgoing) is None

    first = sender(network).send(outgoing)
    again = sender(network).send(outgoing)
    other = sender(network).send(replace(outgoing, reply_id=ReplyId(2)))

    assert again == first == sender(network).find(outgoing)
    shown = eventually(lambda: replies if len(replies := ana.thread(post["uri"])) > 1 else None)
    assert {reply["uri"] for reply in shown} == {first.external_id, other.external_id}


def test_a_deeper_reply_names_the_threads_first_post(network: Network, brand: Person, ana: Person) -> None:
    post = ana.mention(brand, "hello?")
    listener = Listener(network)
    listener.until_named(post["uri"])
    ours = brand.reply(post, "How can we help?")
    # The view tells nobody of an answer to a post that it does not know yet.
    eventually(lambda: ana.thread(post["uri"]))
    theirs = ana.post("it broke", reply={"root": post, "parent": ours})
    mention = listener.until_named(theirs["uri"])

    sent = sender(network).send(answer(mention, "We send a new one."))

    shown = eventually(lambda: ana.thread(theirs["uri"]))
    assert (mention.conversation_id, mention.in_reply_to) == (post["uri"], ours["uri"])
    assert shown[0]["uri"] == sent.external_id
    assert shown[0]["record"]["reply"] == {"root": post, "parent": theirs}


def test_a_reply_made_in_the_app_is_seen(network: Network, brand: Person, ana: Person) -> None:
    listener = Listener(network, BlueskyFeed.OWN)
    listener.drained()
    post = ana.mention(brand, "anybody there?")

    native = brand.reply(post, "Yes, from my phone.")

    mention = listener.until_named(native["uri"])
    assert (mention.from_brand, mention.in_reply_to) == (True, post["uri"])


def test_a_closed_thread_is_not_answered(network: Network, brand: Person, ana: Person) -> None:
    post = ana.mention(brand, "just saying")
    ana.close_to_replies(post["uri"])

    mention = eventually(
        lambda: next(
            (m for m in _fresh(network) if m.external_id == post["uri"] and m.replyable.reason), None
        )
    )

    assert "lets only some people answer" in mention.replyable.reason
    with pytest.raises(SendRefusedError, match="lets only some people answer"):
        sender(network).send(answer(mention, "But we want to help"))
    assert ana.thread(post["uri"]) == []


def _fresh(network: Network) -> tuple[Mention, ...]:
    return tuple(Listener(network).drained().mentions)


def test_a_post_that_is_gone_is_not_answered(network: Network, brand: Person, ana: Person) -> None:
    post = ana.mention(brand, "never mind")
    mention = Listener(network).until_named(post["uri"])
    check = BlueskyCheck(network.client(), now=now)
    before = check.look([mention])

    ana.delete(post["uri"])

    looked = eventually(lambda: found if (found := check.look([mention])).deleted else None)
    assert (before.deleted, before.edited) == ([], [])
    assert looked.deleted == [mention.id]
    with pytest.raises(SendRefusedError, match="not there any more"):
        sender(network).send(answer(mention, "Hello?"))


def test_300_graphemes_are_taken_and_301_are_not_even_sent(
    network: Network, brand: Person, ana: Person
) -> None:
    post = ana.mention(brand, "say it at length")
    mention = Listener(network).until_named(post["uri"])
    text = "👍🏽é" * 150

    sent = sender(network).send(answer(mention, text))

    assert sent.external_id
    with pytest.raises(SendRefusedError, match="limit of 300"):
        sender(network).send(answer(mention, text + "!", number=2))


def test_a_session_goes_on_when_its_token_is_over(network: Network) -> None:
    session = Session(network.account("fernway"), now=now)
    client = BlueskyClient(session, now=now)

    session.reject(session.access())

    assert client.get("com.atproto.server.getSession").data["did"] == session.identity().did


def test_a_wrong_password_is_told_and_not_shown(network: Network) -> None:
    client = network.client(password="not-the-password")
    source = BlueskySource(client, brand="fernway", feed=BlueskyFeed.OWN, now=now)

    with pytest.raises(SourceError, match="Invalid identifier or password") as caught:
        source.fetch(None)

    assert caught.value.permanent
    assert "not-the-password" not in str(caught.value)


def test_headroom_is_read_from_the_servers_headers(limited: Network) -> None:
    answer = limited.client().get("com.atproto.server.getSession")

    assert answer.headroom is not None
    assert 0 < answer.headroom.remaining < answer.headroom.limit
    assert answer.headroom.resets_at is not None


def test_a_full_rate_limit_says_when_to_come_back(limited: Network) -> None:
    for _ in range(40):
        try:
            Session(limited.account("fernway"), now=now).identity()
        except ApiError as error:
            refused = error
            break
    else:
        pytest.fail("the server has no limit on sign-ins")

    assert refused.status == 429
    assert refused.retry_after is not None
    assert 0 < refused.retry_after <= 24 * 3600
