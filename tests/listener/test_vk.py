"""VK: posts, the comments that no feed tells of, codes inside successes, and answers under a guid."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta

import pytest

from desk.errors import SendLaterError, SendRefusedError, SendUnknownError, SourceError
from desk.model.mention import Mention
from desk.model.platform import platform_of
from desk.model.reply import Outgoing, ReplyId
from desk.ports import Batch, ReplySender, Source
from listener.platforms import load
from tests.fakes.clock import START, Clock
from tests.fakes.loopback import Answer, Reset
from tests.fakes.vk_api import ANA, GROUP, TOKEN, FakeVk

NAMED = f"[club{GROUP}|Fernway]"


@pytest.fixture
def fake() -> Iterator[FakeVk]:
    with FakeVk(Clock()) as server:
        yield server


def source_of(fake: FakeVk, kind: str = "mentions", **facts: object) -> Source:
    feeds = fake.connected(fake.clock, **facts).feeds
    return next(each.source for each in feeds if each.source.name.split(":")[1] == kind)


def sender_of(fake: FakeVk) -> ReplySender:
    return fake.connected(fake.clock).senders["vk"]


def drained(source: Source, cursor: str | None = None) -> tuple[list[Mention], Batch, list[str]]:
    batch = source.fetch(cursor)
    found, gaps = list(batch.mentions), [gap.reason for gap in batch.gaps]
    while batch.more:
        batch = source.fetch(batch.cursor)
        found += batch.mentions
        gaps += [gap.reason for gap in batch.gaps]
    return found, batch, gaps


def outgoing(to: str, text: str = "Уже чиним.") -> Outgoing:
    return Outgoing(ReplyId(1), "fernway", to, to, "anna_k", text, START)


def number_of(key: str) -> int:
    return int(key.rpartition("_")[2])


def test_a_post_becomes_a_mention(fake: FakeVk) -> None:
    key = fake.add(f"{NAMED}, не работает &lt;опять&gt;", owner=ANA, attachments=[{"type": "photo"}])

    (mention,), _, _ = drained(source_of(fake))

    assert (mention.id, mention.conversation_id, mention.in_reply_to) == (f"vk:{key}", key, None)
    assert mention.text == "Fernway, не работает <опять>\n\n[photo]"
    assert (mention.author.external_id, mention.author.handle, mention.author.name) == (
        "id20",
        "anna_k",
        "Анна К.",
    )
    assert (mention.url, mention.created_at) == (f"https://vk.com/wall{key}", START)


def test_comments_under_known_posts_are_found_once(fake: FakeVk) -> None:
    post = number_of(fake.add("Новости", -GROUP))
    _, batch, _ = drained(source_of(fake, "wall"))
    question = fake.add("А где?", under=post)
    answer = fake.add("Здесь", -GROUP, under=post, to=number_of(question))

    found, batch, _ = drained(source_of(fake, "wall"), batch.cursor)
    again, _, _ = drained(source_of(fake, "wall"), batch.cursor)

    by_id = {mention.external_id: mention for mention in found}
    assert set(by_id) == {question, answer}
    assert (by_id[answer].from_brand, by_id[answer].in_reply_to) == (True, question)
    assert by_id[question].in_reply_to == by_id[question].conversation_id == f"-{GROUP}_{post}"
    assert again == []


def test_comments_are_not_listed_again_while_their_number_stays(fake: FakeVk) -> None:
    post = number_of(fake.add("Новости", -GROUP))
    fake.add("А где?", under=post)
    _, batch, _ = drained(source_of(fake, "wall"))
    before = len(fake.requests)

    drained(source_of(fake, "wall"), batch.cursor)

    assert [path for _, path in fake.requests[before:] if "getComments" in path] == []


def test_a_search_that_vk_cuts_off_is_a_gap(fake: FakeVk) -> None:
    fake.limit = 950
    for number in range(1_000):
        fake.add(f"fernway {number}", owner=ANA, at=START - timedelta(seconds=number))

    found, _, gaps = drained(source_of(fake, "search", listen="fernway"))

    assert len(found) == 950
    assert len(gaps) == 1
    assert "thousand" in gaps[0]


@pytest.mark.parametrize(
    ("code", "permanent", "wait"),
    [
        (6, False, 1.0),
        (9, False, 600.0),
        (29, False, 3_600.0),
        (10, False, None),
        (5, True, None),
        (15, True, None),
    ],
)
def test_codes_inside_a_success_are_failures(
    fake: FakeVk, code: int, permanent: bool, wait: float | None
) -> None:
    fake.refuses["newsfeed.getMentions"] = [code]

    with pytest.raises(SourceError, match=f"code {code}") as caught:
        source_of(fake).fetch(None)
    assert (caught.value.permanent, caught.value.retry_after_seconds) == (permanent, wait)


def test_a_captcha_is_for_a_person(fake: FakeVk) -> None:
    fake.refuses = {"newsfeed.getMentions": [14], "wall.createComment": [14]}
    key = fake.add(NAMED, owner=ANA)

    with pytest.raises(SourceError, match=r"log in on vk\.com"):
        source_of(fake).fetch(None)
    with pytest.raises(SendRefusedError, match=r"log in on vk\.com"):
        sender_of(fake).send(outgoing(key))


def test_the_token_is_in_no_address_no_error_and_no_log(
    fake: FakeVk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    said = {"error": {"error_code": 8, "error_msg": f"bad {TOKEN}", "request_params": [{"value": TOKEN}]}}
    fake.fail("/", Answer(200, said))

    with pytest.raises(SourceError) as caught:
        source_of(fake).fetch(None)

    assert "token-of-tests" not in caplog.text + str(caught.value) + str(fake.requests)


def test_what_is_deleted_there_is_deleted_here(fake: FakeVk) -> None:
    post = fake.add("Новости", -GROUP)
    gone, changed = fake.add("раз", under=number_of(post)), fake.add("два", under=number_of(post))
    held, _, _ = drained(source_of(fake, "wall"))
    del fake.posts[gone]
    fake.posts[changed].text = "два!"
    (check,) = fake.connected(fake.clock).checkers

    looked = check.look(held)

    assert list(looked.deleted) == [f"vk:{gone}"]
    assert [(mention.external_id, mention.text) for mention in looked.edited] == [(changed, "два!")]


def test_a_look_that_vk_refuses_decides_nothing(fake: FakeVk) -> None:
    post = fake.add("Новости", -GROUP)
    comment = fake.add("раз", under=number_of(post))
    held, _, _ = drained(source_of(fake, "wall"))
    fake.refuses["wall.getComment"] = [15]
    (check,) = fake.connected(fake.clock).checkers

    looked = check.look(held)

    assert (list(looked.deleted), list(looked.undecided)) == ([], [f"vk:{comment}"])


def test_an_answer_to_a_comment_in_a_thread_is_found_again(fake: FakeVk) -> None:
    post = number_of(fake.add("Новости", -GROUP))
    root = fake.add("А где?", under=post)
    inner = fake.add("И я спрашиваю", under=post, to=number_of(root))
    sender = sender_of(fake)

    sent = sender.send(outgoing(inner))

    (public,) = [p for p in fake.by(-GROUP) if p.under]
    assert (public.key, public.to) == (sent.external_id, number_of(inner))
    found = sender_of(fake).find(outgoing(inner))
    assert found is not None
    assert found.external_id == sent.external_id


def test_a_repeated_attempt_is_one_comment_even_where_it_does_not_show_yet(fake: FakeVk) -> None:
    key = fake.add("help", owner=ANA)
    fake.fail_post(Reset(after=True))
    sender = sender_of(fake)
    with pytest.raises(SendUnknownError):
        sender.send(outgoing(key))
    (comment,) = (post for post in fake.by(-GROUP) if post.under)
    hidden = fake.posts.pop(comment.key)

    sent = sender_of(fake).send(outgoing(key))
    fake.posts[hidden.key] = hidden

    assert sent.external_id == hidden.key
    assert len(fake.by(-GROUP)) == 1


def test_too_many_a_second_asks_to_come_back(fake: FakeVk) -> None:
    key = fake.add("help", owner=ANA)
    fake.refuses["wall.createComment"] = [9]

    with pytest.raises(SendLaterError) as caught:
        sender_of(fake).send(outgoing(key))
    assert caught.value.retry_after_seconds == 600


def test_closed_comments_are_said_before_anybody_types(fake: FakeVk) -> None:
    fake.add(NAMED, owner=ANA, comments={"count": 0, "can_post": 0})

    (mention,), _, _ = drained(source_of(fake))

    assert not mention.replyable.allowed


def test_a_target_that_is_no_post_is_refused(fake: FakeVk) -> None:
    with pytest.raises(SendRefusedError, match="no post on VK"):
        sender_of(fake).send(outgoing("wall1"))


def test_vks_words_are_not_passed_on() -> None:
    assert not platform_of("vk").trainable
    assert "must not be passed on" in load("vk").asks
