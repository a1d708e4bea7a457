"""Queries and posts for properties, over one small vocabulary so that they meet often."""

from __future__ import annotations

from hypothesis import strategies as st

WORDS = ("fernway", "late", "later", "İade", "kıyafet", "ещё", "Straße", "can't", "شكوى", "AND")
PHRASES = ("late fee", "Never  arrived!", "kıyafet iade", "coca-cola", "OR", "fernway late")
HANDLES = ("fernway", "Late", "anna", "bo@fern.social", "fern.bsky.social", "a_very_long_handle")
TAGS = ("fail", "Fernway", "çekiliş", "late_fee")
LANGUAGES = ("en", "tr", "hi", "he", "zh", "xx")

_leaves = st.one_of(
    st.sampled_from([word for word in WORDS if word != "AND"]),
    st.sampled_from(PHRASES).map('"{}"'.format),
    st.sampled_from(("late*", "fern*", "КО*", "Stras*")),
    st.sampled_from(TAGS).map("#{}".format),
    st.sampled_from(("#fern*", "@fern*")),
    st.sampled_from(HANDLES).map("@{}".format),
    st.sampled_from(HANDLES).map("from:{}".format),
    st.sampled_from(LANGUAGES).map("lang:{}".format),
)
_joinable = st.one_of(
    st.sampled_from(("late", "iade", "fernway", "fee", "fern*", '"late fee"')),
    st.lists(st.sampled_from(("late", "fernway", "kıyafet", '"never arrived"')), min_size=2, max_size=3).map(
        lambda terms: f"({' OR '.join(terms)})"
    ),
)
_near = st.builds("{} near/{} {}".format, _joinable, st.integers(1, 6), _joinable)


def _deeper(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    several = st.lists(inner.map("({})".format), min_size=2, max_size=3)
    return st.one_of(
        several.map(" ".join),
        several.map(" AND ".join),
        several.map(" OR ".join),
        inner.map("NOT ({})".format),
        st.builds("({}) -({})".format, inner, inner),
    )


query_texts = st.recursive(st.one_of(_leaves, _leaves, _near), _deeper, max_leaves=8)

_pieces = st.one_of(
    st.sampled_from(WORDS),
    st.sampled_from(
        ("fee", "never", "arrived", "coca", "cola", "iade", "KIYAFET", "strasse", "or", "еще", "ко")
    ),
    st.sampled_from(HANDLES).map("@{}".format),
    st.sampled_from(TAGS).map("#{}".format),
    st.sampled_from(
        ("https://fernway.com/late", "fernway.com", "late@fernway.com", "RT", ".", ",", "#1", "😡")
    ),
)
post_texts = st.lists(_pieces, min_size=1, max_size=12).map(" ".join)
handles = st.sampled_from(HANDLES)
languages = st.one_of(st.none(), st.sampled_from(LANGUAGES))
