"""The report as a page: whole, alone, readable by everybody, and deaf to what names say."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from answerback.rendering import ReportFormat, render
from desk.model.report import GroupBy, Report
from tests.rendering.made import HOSTILE, breach, gap, make_report, nothing

VOID = {"meta", "br", "hr", "img", "link", "input"}
KNOWN = {
    *("html", "head", "meta", "title", "style", "body", "main", "header", "footer", "section", "figure"),
    *("h1", "h2", "p", "dl", "dt", "dd", "div", "ul", "li", "bdi", "details", "summary"),
    *("table", "thead", "tbody", "tr", "th", "td", "svg", "desc", "rect", "line", "text"),
}


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    text: str = ""


@dataclass
class Page(HTMLParser):
    """Every element in order, with the text that stands directly in it; refuses what does not nest."""

    elements: list[Element] = field(default_factory=list)
    _open: list[Element] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"an attribute stands twice on {tag}"
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self._open and self._open[-1].tag == tag, f"</{tag}> closes {self._open[-1:]}"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        if self._open:
            self._open[-1].text += data

    def all(self, tag: str) -> list[Element]:
        return [element for element in self.elements if element.tag == tag]


def page_of(report: Report) -> Page:
    """The parsed page, after the checks that hold for every report."""
    html = render(report, ReportFormat.HTML)
    html.encode()
    page = Page()
    page.feed(html)
    page.close()
    assert not page._open
    assert {element.tag for element in page.elements} <= KNOWN
    for element in page.elements:
        for name, value in element.attributes.items():
            assert name not in {"src", "href", "style", "srcset", "xlink:href"}, f"{name} on {element.tag}"
            assert not name.startswith("on")
            assert "nan" not in value and "inf" not in value.split()
    ids = [element.attributes["id"] for element in page.elements if "id" in element.attributes]
    assert len(ids) == len(set(ids))
    for svg in page.all("svg"):
        if "aria-hidden" not in svg.attributes:
            assert svg.attributes["role"] == "img"
            assert set(svg.attributes["aria-labelledby"].split()) <= set(ids)
    for box in page.all("rect"):
        right = float(box.attributes.get("x", 0)) + float(box.attributes["width"])
        assert 0 < float(box.attributes["width"]) <= right <= 760
        assert float(box.attributes["height"]) > 0
    assert not regex.search(r"[\p{C}--[\n]]", html, flags=regex.VERSION1)
    return page


def test_the_page_asks_for_nothing_from_anywhere() -> None:
    html = render(make_report(by=GroupBy.BRAND, names=("Fernway",)), ReportFormat.HTML)
    assert not re.search(r"https?:|//[a-z]|url\(|@import|<script|<link|<img|<iframe", html)


def test_only_its_own_style_may_apply() -> None:
    page = page_of(make_report())
    (style,) = page.all("style")
    digest = base64.b64encode(hashlib.sha256(style.text.encode()).digest()).decode()
    (policy,) = [m for m in page.all("meta") if m.attributes.get("http-equiv") == "Content-Security-Policy"]
    assert policy.attributes["content"].startswith(f"default-src 'none'; style-src 'sha256-{digest}';")


def test_the_figures_are_there_to_be_read() -> None:
    page = page_of(make_report(by=GroupBy.BRAND, names=("Fernway", "Oakline"), breaches=[breach()], days=3))
    (headline,) = page.all("h1")
    assert headline.text == "7 of 10 complaints were answered (70 %)."
    tiles = [element.text for element in page.all("dd") if element.attributes["class"] == "value"]
    assert tiles == ["10", "70 %", "10 min", "70 %", "1"]
    names = [element.text for element in page.all("bdi")]
    assert {"Fernway", "Oakline", "still open", "10 Mar"} <= set(names)
    titles = [element.text for element in page.all("h2")]
    assert titles == [
        "Opened and answered by day",
        "Targets kept",
        "How long the first response took",
        "Answered by brand",
        "All clocks",
        "By brand",
        "Targets missed",
        "Beside public figures",
        "What was counted",
    ]


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    channels = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", [0, 1, 2], ids=["light", "dark", "print"])
def test_words_stand_out_from_what_they_are_on(scheme: int) -> None:
    (style,) = page_of(make_report()).all("style")
    colours = dict(
        re.findall(r"--([\w-]+): (#\w{6})", re.findall(r":root \{(.*?)\}", style.text, re.S)[scheme])
    )
    pairs = [("ink", "page"), ("muted", "page"), ("on-good", "good"), ("on-bad", "bad"), ("on-open", "open")]
    for words, ground in pairs:
        dark, light = sorted(luminance(colours[name]) for name in (words, ground))
        assert (light + 0.05) / (dark + 0.05) >= 4.5, f"{words} on {ground}"


def test_every_chart_has_words_for_those_who_do_not_see_it() -> None:
    page = page_of(make_report(by=GroupBy.BRAND, names=("Fernway",), days=3))
    described = [element.text for element in page.all("desc")]
    assert described == [
        "30 opened, 21 of them answered, in 3 steps of time.",
        "First response: 7 and 3; Next response: 7 and 3; Resolution: 7 and 3",
        "All: median 10 min; Fernway: median 10 min",
        "Fernway: 1 and 1",
    ]
    assert page.all("html")[0].attributes["lang"] == "en"
    assert all(th.attributes["scope"] in {"col", "row"} for th in page.all("th"))


@pytest.mark.parametrize("days", [1, 2, 62, 63, 400, 3_000])
def test_any_number_of_days_can_be_drawn(days: int) -> None:
    page = page_of(make_report(days=days))
    drawn = [box for box in page.all("rect") if box.attributes["class"] == "good" and "x" in box.attributes]
    assert len(drawn) <= 62 + 3
    if days > 1:
        (counted,) = [e.text for e in page.all("desc") if "opened" in e.text]
        assert counted.startswith(f"{days * 10:,} opened, {days * 7:,} of them answered")


def test_sixty_groups_are_in_the_table_and_the_largest_in_the_charts() -> None:
    page = page_of(make_report(by=GroupBy.BRAND, names=[f"Brand {n:02}" for n in range(60)]))
    text = "\n".join(element.text for element in page.elements)
    assert all(f"Brand {n:02}" in [b.text for b in page.all("bdi")] for n in range(60))
    assert "45 more are in the table." in text
    drawn = [t.text for t in page.all("text") if t.text.startswith("Brand")]
    assert drawn == [f"Brand {n:02}" for n in range(59, 44, -1)] * 2


def test_by_day_the_latest_days_are_drawn() -> None:
    names = [f"2026-03-{day:02}" for day in range(1, 32)]
    page = page_of(make_report(by=GroupBy.DAY, names=names, days=31))
    drawn = [t.text for t in page.all("text") if t.text.startswith("2026")]
    assert drawn == names[-15:]


@pytest.mark.parametrize("by", list(GroupBy))
def test_each_way_of_grouping_makes_a_page(by: GroupBy) -> None:
    page_of(make_report(by=by, names=("2026-03-10", "2026-03-11")))


def test_nothing_is_a_page_too() -> None:
    page = page_of(nothing())
    assert page.all("h1")[0].text == "No complaint was opened in this period."
    assert not page.all("svg")


def test_long_lists_of_breaches_end_with_how_many_more_there_are() -> None:
    page = page_of(make_report(breaches=[breach(n) for n in range(1, 1_051)]))
    assert any("And 1,000 more" in p.text for p in page.all("p"))


def test_what_names_say_is_shown_and_never_done() -> None:
    breaches = [breach(1, brand=name, agent=name) for name in HOSTILE]
    page = page_of(make_report(by=GroupBy.BRAND, names=HOSTILE, breaches=breaches))
    shown = {element.text for element in page.all("bdi")}
    assert "<script>alert(1)</script>" in shown
    assert "{{7*7}}{% raw %}" in shown
    assert "gnp.exe" in shown
    assert "&amp; &lt;" in shown


@settings(max_examples=25)
@given(st.lists(st.one_of(st.sampled_from(HOSTILE), st.text()), min_size=1, max_size=5, unique=True))
def test_no_name_breaks_the_page(names: list[str]) -> None:
    page_of(
        make_report(by=GroupBy.BRAND, names=names, breaches=[breach(1, brand=n, source=n) for n in names])
    )


def test_what_may_be_missing_and_what_was_only_repeated() -> None:
    page = render(
        make_report(missing=[gap("x:<search>", "X keeps <b>seven</b> days.")], copies=412), ReportFormat.HTML
    )
    assert "Posts may be missing" in page
    assert "<b>seven" not in page
    assert "&lt;search&gt;" in page
    assert "412 more posts only repeat" in page
    assert "Posts may be missing" not in render(make_report(), ReportFormat.HTML)
