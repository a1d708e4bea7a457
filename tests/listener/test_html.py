"""HTML of statuses to words: whole links, full handles, and nothing that a hostile server could do."""

from __future__ import annotations

import html
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listener.html import HTML_LIMIT, text_of_html

MENTIONS = {
    "https://far.example/@ana": "ana@far.example",
    "https://social.example/@ben": "ben@social.example",
}


PIECES = ["<", ">", "a", "p", "!--", "-->", '"', "'", "=", "/", "&#", "9", ";", " ", "é"]
REPEATED = ["<a ", "<!--", '<a x="', "</a", "<p>", "<a x=>", "&#9999999", "&", "<!", "<?", "<a x='>"]


def anchor(href: str, words: str, kind: str = "") -> str:
    return f'<a href="{href}" class="{kind}" rel="nofollow noopener">{words}</a>'


@pytest.mark.parametrize(
    ("given_html", "text"),
    [
        ("<p>one</p><p>two<br>three<br/>four</p>", "one\n\ntwo\nthree\nfour"),
        ("<p>Tom &amp; &lt;Ana&gt; &#x1F600; &nbsp;x</p>", "Tom & <Ana> 😀 \xa0x"),
        ("plain, from a server without markup", "plain, from a server without markup"),
        ("<p>  many \n\n spaces\t</p>\n<p>next</p>", "many spaces\n\nnext"),
        ("<ul><li>one</li><li>two</li></ul>after", "- one\n- two\n\nafter"),
        ("<blockquote><p>said</p></blockquote><p>so</p>", "said\n\nso"),
        ("<pre><code>a\n  b</code></pre>", "a\nb"),
        ("<b>bold</b>, <em>and</em> <del>so</del> on", "bold, and so on"),
        ('<p>:blobcat: <img class="emoji" alt=":party:" src="x"></p>', ":blobcat: :party:"),
        ("<p>a<script>alert('<p>x</p>')</script>b<style>p{}</style>c</p>", "abc"),
        ("<p>a<iframe src=x>inner</iframe><svg><text>t</text></svg>b</p>", "ab"),
        ("<p>a <script/>b</p>", "a b"),
        ("<p>a<!-- <script>gone</script> -->b</p>", "ab"),
        ("<p>1 < 2 and 3 > 2, <3</p>", "1 < 2 and 3 > 2, <3"),
        ("<p>cut off <a href='https://x.example", "cut off <a href='https://x.example"),
        ("", ""),
        ("\0<p>\ud800</p>", "\ufffd\n\n\ufffd"),
    ],
)
def test_text_reads_as_a_person_sees_it(given_html: str, text: str) -> None:
    assert text_of_html(given_html) == text


def test_people_are_named_in_full() -> None:
    named = (
        '<span class="h-card">'
        + anchor("https://far.example/@ana", "@<span>ana</span>", "u-url mention")
        + "</span> and "
        + anchor("https://social.example/@ben", "@<span>ben</span>", "u-url mention")
        + " and "
        + anchor("https://other.example/users/zoe", "@zoe", "mention")
        + " and "
        + anchor("", "@nobody", "mention")
    )

    assert (
        text_of_html(named, MENTIONS)
        == "@ana@far.example and @ben@social.example and @zoe@other.example and @nobody"
    )


def test_links_are_kept_whole_however_the_server_shortens_them() -> None:
    address = "https://www.fernway.example/help/articles/1234?from=mail#top"
    cut = (
        '<span class="invisible">https://www.</span>'
        '<span class="ellipsis">fernway.example/help/articles</span>'
        '<span class="invisible">/1234?from=mail#top</span>'
    )

    assert text_of_html(f"see {anchor(address, cut)}.") == f"see {address}."
    assert text_of_html(anchor(address, "fernway.example/help/art…")) == address
    assert text_of_html(anchor("http://fernway.example/status", "fernway.example/status")) == (
        "http://fernway.example/status"
    )


def test_a_link_that_says_something_else_than_its_address_shows_both() -> None:
    assert text_of_html(anchor("https://evil.example/x", "bank.example")) == (
        "bank.example (https://evil.example/x)"
    )
    assert text_of_html(anchor("javascript:alert(1)", "click")) == "click"
    assert text_of_html(anchor("https://[broken", "@x", "mention")) == "@x"


def test_hashtags_stay_words() -> None:
    tagged = anchor("https://social.example/tags/fern", "#<span>fern</span>", "mention hashtag")

    assert text_of_html(f"so {tagged}!") == "so #fern!"


@given(st.text())
def test_what_a_server_escapes_comes_back(words: str) -> None:
    shown = text_of_html(f"<p>{html.escape(words)}</p>")

    assert shown.split() == words.replace("\0", "\ufffd").split()


@given(st.lists(st.sampled_from(PIECES)))
def test_no_markup_breaks_it(parts: list[str]) -> None:
    assert isinstance(text_of_html("".join(parts)), str)


@pytest.mark.parametrize(
    "piece",
    ["<a ", "<!--", '<a x="', "</a", "<p>", "<a x=>", "&#9999999", "&", "<!", "<?", "<a x='>", "<script>"],
)
def test_hostile_markup_takes_time_in_proportion_to_its_length(piece: str) -> None:
    def seconds(length: int) -> float:
        text = piece * (length // len(piece))
        before = time.process_time()
        text_of_html(text)
        return time.process_time() - before

    # A quadratic reader would take 64 times as long for 8 times the length, and many seconds for that.
    assert seconds(HTML_LIMIT) < 24 * max(seconds(HTML_LIMIT // 8), 0.005)


def test_a_character_reference_of_any_length_is_one_character() -> None:
    assert text_of_html("a&#" + "9" * 5_000 + ";b") == "a\ufffdb"
    assert text_of_html("a&#x" + "f" * 5_000 + "b") == "a\ufffd"
