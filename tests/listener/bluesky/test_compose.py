"""What is marked in a reply, by the bytes that it takes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listener.platforms.bluesky.compose import facets_of, handles_in, spans_of


def marked(text: str) -> dict[str, str]:
    return {text[span.begin : span.end]: f"{span.kind} {span.target}" for span in spans_of(text)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see https://a.example/x.", {"https://a.example/x": "link https://a.example/x"}),
        ("(https://a.example/x_(y))", {"https://a.example/x_(y)": "link https://a.example/x_(y)"}),
        ("go to fernway.com/help!", {"fernway.com/help": "link https://fernway.com/help"}),
        ("the end.Next one", {}),
        ("write to help@fernway.com", {}),
        ("@Ana.Example hi", {"@Ana.Example": "mention ana.example"}),
        ("hi @ana, or ana@b.example", {}),
        ("#Fernway, #kargo_iade #2026 &#39;", {"#Fernway": "tag Fernway", "#kargo_iade": "tag kargo_iade"}),
        ("#çekiliş", {"#çekiliş": "tag çekiliş"}),
        (
            "https://a.example/#tag/@b.example",
            {"https://a.example/#tag/@b.example": "link https://a.example/#tag/@b.example"},
        ),
    ],
)
def test_links_people_and_tags_are_found(text: str, expected: dict[str, str]) -> None:
    assert marked(text) == expected


def test_handles_are_asked_for_once() -> None:
    assert handles_in("@ana.example @ben.example @ANA.example") == ["ana.example", "ben.example"]


def test_a_handle_of_nobody_stays_words() -> None:
    assert facets_of("@nobody.example", {}) == []


@given(
    st.lists(
        st.sampled_from(
            ["é", "😀", "👩‍👩‍👧", "İ", " ", "\n", "x", "#tag", "@a.example", "https://b.example/ü"]
        )
    )
)
def test_every_facet_covers_exactly_its_words_in_bytes(parts: list[str]) -> None:
    text = "".join(parts)
    raw = text.encode()

    facets = facets_of(text, dict.fromkeys(handles_in(text), "did:plc:a"))

    ends = [0]
    for facet, span in zip(facets, spans_of(text), strict=True):
        begin, end = facet["index"]["byteStart"], facet["index"]["byteEnd"]
        assert raw[begin:end].decode() == text[span.begin : span.end]
        assert begin >= ends[-1]
        ends.append(end)
