"""Feeds: entries to mentions, edits and gaps, and nothing that a hostile feed could do."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from desk.errors import InputError, SourceError
from desk.model.mention import Mention
from listener.platforms import load
from listener.platforms.rss import RssSettings
from listener.platforms.rss.feed import Entry, FeedError, parse_feed
from listener.platforms.rss.source import RssSource
from tests.fakes.clock import START, Clock
from tests.fakes.loopback import Answer
from tests.fakes.rss_site import FakeSite

DAY = 86_400


@pytest.fixture
def site() -> Iterator[FakeSite]:
    with FakeSite(Clock()) as server:
        yield server


def source_of(site: FakeSite, **facts: object) -> RssSource:
    return RssSource(site.settings(**facts), now=site.clock)


def only(site: FakeSite, **facts: object) -> Mention:
    (mention,) = source_of(site, **facts).fetch(None).mentions
    return mention


def rss(inner: str) -> bytes:
    return f'<rss version="2.0"><channel>{inner}</channel></rss>'.encode()


def entry_of(inner: str) -> Entry:
    (entry,) = parse_feed(rss(f"<item>{inner}</item>")).entries
    return entry


def test_an_entry_becomes_a_mention_that_cannot_be_answered(site: FakeSite) -> None:
    site.add("It <b>broke</b> &amp; smells")

    mention = only(site)

    assert mention.text == "Review\n\nIt broke & smells"
    assert (mention.author.handle, mention.language, mention.created_at) == ("Ana", "en", START)
    assert mention.url == f"{site.url}/reviews/0"
    assert (mention.replyable.allowed, mention.from_brand) == (False, False)
    assert "open the page" in mention.replyable.reason


def test_entries_without_an_author_are_by_nobody_known(site: FakeSite) -> None:
    site.add("one", author=None)
    site.add("two", author=None)

    authors = [m.author for m in source_of(site).fetch(None).mentions]

    assert [author.handle for author in authors] == ["unknown", "unknown"]
    assert authors[0].external_id != authors[1].external_id


def test_the_brands_own_names_are_the_brand(site: FakeSite) -> None:
    site.add("Thank you!", author="Fernway Support")

    assert only(site, own_authors=("fernway support",)).from_brand


def test_an_unchanged_feed_is_not_sent_again(site: FakeSite) -> None:
    site.add("one")
    source = source_of(site)

    batch = source.fetch(None)
    again = source.fetch(batch.cursor)

    assert "if-none-match" in site.asked[-1]
    assert (list(again.mentions), again.cursor) == ([], batch.cursor)


def test_changed_words_are_an_edit(site: FakeSite) -> None:
    site.add("It brok")
    source = source_of(site)
    batch = source.fetch(None)
    site.posts[0].text = "It broke"

    (edited,) = source.fetch(batch.cursor).mentions

    assert (edited.id, edited.text) == (batch.mentions[0].id, "Review\n\nIt broke")


def test_a_review_that_appears_late_under_its_old_date_is_read(site: FakeSite) -> None:
    site.add("new")
    source = source_of(site)
    batch = source.fetch(None)
    site.add("moderated for a month", at=START - timedelta(days=30))

    assert [m.text for m in source.fetch(batch.cursor).mentions] == ["Review\n\nmoderated for a month"]


def test_the_first_reading_looks_back_only_so_far(site: FakeSite) -> None:
    site.add("old", at=START - timedelta(days=30))
    site.add("new")
    source = source_of(site)

    batch = source.fetch(None)

    assert [m.text for m in batch.mentions] == ["Review\n\nnew"]
    assert not source.fetch(batch.cursor).mentions


def test_pages_are_followed_back_to_what_is_known(site: FakeSite) -> None:
    site.add("known")
    source = source_of(site)
    batch = source.fetch(None)
    for number in range(25):
        site.add(f"new {number}")

    found = []
    batch = source.fetch(batch.cursor)
    while batch.more:
        found += batch.mentions
        batch = source.fetch(batch.cursor)
    found += batch.mentions

    assert len({m.id for m in found}) == len(found) == 25
    assert not batch.gaps


def test_what_has_left_the_feed_unread_is_a_gap(site: FakeSite) -> None:
    site.pages = 1
    site.add("known")
    source = source_of(site)
    batch = source.fetch(None)
    site.clock.advance(DAY)
    for number in range(25):
        site.add(f"new {number}", at=START + timedelta(hours=number))

    batch = source.fetch(batch.cursor)

    assert len(batch.mentions) == 10
    (gap,) = batch.gaps
    assert (gap.since, gap.until) == (START, START + timedelta(hours=15))
    assert not source.fetch(batch.cursor).gaps


def test_a_feed_that_moves_within_its_host_is_followed_and_elsewhere_named(site: FakeSite) -> None:
    site.add("one")
    site.fail("/", Answer(301, b"", {"Location": "/feed.xml?page=1"}))
    assert only(site)

    site.fail("/", Answer(301, b"", {"Location": "https://elsewhere.example/feed?key=1"}))
    with pytest.raises(SourceError, match=r"moved to https://elsewhere\.example;") as caught:
        source_of(site).fetch(None)
    assert caught.value.permanent


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"<html><p>no</html>", "web page"),
        (b"<opml/>", "no feed"),
        (b"", "cut off"),
        (rss("<item><title>x</title></item>")[:-9], "cut off"),
        (b'<!DOCTYPE r [<!ENTITY a "x">]><rss>&a;</rss>', "entities"),
        ('<!DOCTYPE r [<!ENTITY a "x">]><rss/>'.encode("utf-16"), "entities"),
        (b'<?xml version="1.0" encoding="utf-7"?><!DOCTYPE r [<!ENTITY a "x">]><rss/>', "entities"),
    ],
)
def test_what_is_no_feed_is_named(site: FakeSite, body: bytes, says: str) -> None:
    site.fail("/", Answer(200, body))

    with pytest.raises(SourceError, match=says):
        source_of(site).fetch(None)


@pytest.mark.parametrize(
    "inner",
    [
        "<x>" * 50_000 + "</x>" * 50_000,
        "<title>" * 50_000 + "</title>" * 50_000,
        "<y " + " ".join(f"a{n}='1'" for n in range(50_000)) + "/>",
        "<description>" + "<a b='" * 50_000,
        "<description>" + "&" * 100_000 + "</description>",
        "<description><![CDATA[" + "<!--" * 50_000 + "]]></description>",
        "<description>" + "&nbsp;&foo;" * 50_000 + "</description>",
    ],
    ids=["deep", "titles", "attributes", "open tags", "ampersands", "comments", "references"],
)
def test_hostile_feeds_cost_little(inner: str) -> None:
    begun = time.process_time()
    with contextlib.suppress(FeedError):
        entry_of(inner)

    assert time.process_time() - begun < 5  # the quadratic ones took from 20 to 100 s elsewhere


def test_a_feed_without_end_is_refused(site: FakeSite) -> None:
    site.fail("/", Answer(200, b"<rss>" + b" " * 11_000_000))

    with pytest.raises(SourceError, match="more than 10,000,000 bytes"):
        source_of(site).fetch(None)


@pytest.mark.parametrize(
    ("inner", "title", "text"),
    [
        ("<title>AT&amp;T &amp;amp; co</title>", "AT&T & co", ""),
        ("<title>Cats & dogs</title>", "Cats & dogs", ""),
        ("<title>caf&eacute;&nbsp;noir</title>", "café\xa0noir", ""),
        ("<title>x\x0by</title>", "x\ufffdy", ""),
        ("<description>&lt;p&gt;one&lt;/p&gt;&lt;p&gt;two&lt;/p&gt;</description>", "", "one\n\ntwo"),
        ("<description><![CDATA[<script>x</script>a<br>b]]></description>", "", "a\nb"),
    ],
)
def test_the_usual_faults_and_markup_are_read(inner: str, title: str, text: str) -> None:
    entry = entry_of(inner)

    assert (entry.title, entry.text) == (title, text)


def test_rss_1_and_xhtml_and_old_encodings_are_read() -> None:
    rdf = (
        '<?xml version="1.0" encoding="windows-1251"?>'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/"><item rdf:about="http://e.example/1">'
        "<title>Привет</title><dc:creator>Борис</dc:creator></item></rdf:RDF>"
    )
    (entry,) = parse_feed(rdf.encode("cp1251")).entries
    assert (entry.id, entry.title, entry.author) == ("http://e.example/1", "Привет", "Борис")

    atom = (
        '<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>1</id><author><name>Ana</name>'
        "<email>a@b.example</email></author>"
        '<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">5 &lt; <b>6</b></div></content>'
        "</entry></feed>"
    )
    (entry,) = parse_feed(atom.encode()).entries
    assert (entry.text, entry.author) == ("5 < 6", "Ana")


@pytest.mark.parametrize(
    ("date", "at"),
    [
        ("Mon, 02 Mar 2026 10:00:00 GMT", datetime(2026, 3, 2, 10, tzinfo=UTC)),
        ("Mon, 02 Mar 2026 10:00:00 +0300", datetime(2026, 3, 2, 7, tzinfo=UTC)),
        ("2026-03-09T10:00:00+02:00", datetime(2026, 3, 9, 8, tzinfo=UTC)),
        ("2026-03-09", datetime(2026, 3, 9, tzinfo=UTC)),
        ("", START),
    ],
)
def test_dates_are_read_in_every_usual_form(site: FakeSite, date: str, at: datetime) -> None:
    site.add("", raw=f"<entry><id>1</id><title>x</title><updated>{date}</updated></entry>")

    assert only(site, first="3650d").created_at == at


@pytest.mark.parametrize("url", ["https://user:word@feeds.example/x", "ftp://feeds.example/x", "nowhere"])
def test_addresses_that_cannot_be_used_are_refused(url: str) -> None:
    with pytest.raises(InputError) as caught:
        RssSource(RssSettings(type="rss", brand="fernway", url=url), now=Clock())
    assert "word@" not in str(caught.value)


def test_two_feeds_that_number_their_entries_share_no_ids(site: FakeSite) -> None:
    site.add("", raw="<entry><id>1</id><title>x</title></entry>")
    with FakeSite(Clock()) as other:
        other.add("", raw="<entry><id>1</id><title>x</title></entry>")

        assert only(site).id != only(other).id


def test_doctor_has_something_to_say() -> None:
    platform = load("rss")

    assert platform.replies_with is None
    assert platform.asks
    assert list(platform.problems(RssSettings(type="rss", brand="b", url="feed.xml")))
