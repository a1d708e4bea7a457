"""What a reply looks like to the network: links, people and tags marked by the bytes that they take. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import regex

_LINK = regex.compile(r"(?<![\w@])https?://[^\s<>\"]+", regex.IGNORECASE)
_BARE = regex.compile(
    r"(?<![\w@./:-])(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+(?:com|org|net|edu|gov|info|io|app|dev|shop|store|social"
    r"|eu|de|fr|es|it|nl|pt|pl|uk|tr|ru|us|ca|br|jp|in|au|ch|at|se|no|dk|fi|be|cz|ua|kz|me|co|ai|example)"
    r"(?![\w-]|\.[a-z])(?:/[^\s<>\"]*)?"
)
"""Host names that nobody could mean otherwise: with a known ending, or the whole would be "end.Next"."""
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_MENTION = regex.compile(rf"(?<![\w@/.])@((?:{_LABEL}\.)+[A-Za-z](?:[A-Za-z0-9-]*[A-Za-z0-9])?)(?![\w-])")
_TAG = regex.compile(
    r"(?<![\w/&#])#((?=[\p{Nd}_]*[^\p{Nd}_\W])[\w\p{M}\p{Extended_Pictographic}-]{1,64})(?![\w#])"
)
_CLOSING = {")": "(", "]": "[", "}": "{"}


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of text that leads somewhere."""

    begin: int
    end: int
    """Behind its last character."""
    kind: str
    """"link", "mention" or "tag"."""
    target: str
    """An address, a handle, or a tag without #."""


def spans_of(text: str) -> list[Span]:
    """Links, handles and tags, in order; what stands in a link is no handle and no tag."""
    taken: list[Span] = []
    for span in _candidates(text):
        if all(span.end <= other.begin or span.begin >= other.end for other in taken):
            taken.append(span)
    return sorted(taken, key=lambda span: span.begin)


def _candidates(text: str) -> Iterator[Span]:
    for found in _LINK.finditer(text):
        link = _trimmed(found[0])
        if len(link) > len("https://"):
            yield Span(found.start(), found.start() + len(link), "link", link)
    for found in _MENTION.finditer(text):
        yield Span(found.start(), found.end(), "mention", found[1].lower())
    for found in _BARE.finditer(text):
        host = _trimmed(found[0])
        yield Span(found.start(), found.start() + len(host), "link", f"https://{host}")
    for found in _TAG.finditer(text):
        yield Span(found.start(), found.end(), "tag", found[1])


def _trimmed(link: str) -> str:
    """Without what ends the sentence or closes a parenthesis that was opened before the link."""
    while link and (link[-1] in ".,:;!?'…" or _closes_nothing(link)):
        link = link[:-1]
    return link


def _closes_nothing(link: str) -> bool:
    opening = _CLOSING.get(link[-1])
    return opening is not None and link.count(link[-1]) > link.count(opening)


def handles_in(text: str) -> list[str]:
    return list(dict.fromkeys(span.target for span in spans_of(text) if span.kind == "mention"))


def facets_of(text: str, dids: Mapping[str, str]) -> list[dict[str, Any]]:
    """Facets (`app.bsky.richtext.facet`) with offsets in UTF-8 bytes. A handle without a DID stays words."""
    facets = []
    for span in spans_of(text):
        feature: dict[str, str]
        match span.kind:
            case "link":
                feature = {"$type": "app.bsky.richtext.facet#link", "uri": span.target}
            case "tag":
                feature = {"$type": "app.bsky.richtext.facet#tag", "tag": span.target}
            case _ if span.target in dids:
                feature = {"$type": "app.bsky.richtext.facet#mention", "did": dids[span.target]}
            case _:
                continue
        begin = len(text[: span.begin].encode())
        index = {"byteStart": begin, "byteEnd": begin + len(text[span.begin : span.end].encode())}
        facets.append({"index": index, "features": [feature]})
    return facets
