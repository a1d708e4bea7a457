"""Which language a verdict names."""

from __future__ import annotations

import numpy as np
import pytest

from classifier.labels import LANGUAGES, UNDETERMINED
from classifier.language import declared_language, language_of


def probabilities(**shares: float) -> np.ndarray:
    rest = (1.0 - sum(shares.values())) / (len(LANGUAGES) - len(shares))
    return np.array([shares.get(code, rest) for code in LANGUAGES], dtype=np.float32)


def test_a_sure_head_is_believed() -> None:
    assert language_of("kart bloke", probabilities(tr=0.9), 0.6) == "tr"


def test_an_unsure_head_is_not() -> None:
    assert language_of("ok", probabilities(en=0.4, de=0.3), 0.6) == UNDETERMINED


@pytest.mark.parametrize("text", ["", "😡😡", "@user http", "12:30 !!", "ⴰⵎⴰⵣⵉⵖ"])
def test_a_text_that_does_not_tell(text: str) -> None:
    assert language_of(text, probabilities(en=0.99), 0.6) == UNDETERMINED


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Καλημέρα", "el"),
        ("שלום", "he"),
        ("안녕하세요 hi", "ko"),
        ("日本語が壊れた", "ja"),
        ("坏了", "zh"),
        ("สวัสดี", "th"),
    ],
)
def test_a_script_that_only_one_language_uses_needs_no_head(text: str, code: str) -> None:
    assert language_of(text, probabilities(en=0.99), 0.6) == code


def test_the_head_may_not_contradict_the_script() -> None:
    assert language_of("не работает", probabilities(en=0.8, ru=0.1), 0.6) == "ru"
    assert language_of("does not work", probabilities(ru=0.8, en=0.15), 0.6) == "en"


@pytest.mark.parametrize(
    ("declared", "code"),
    [
        *(("en-GB", "en"), ("pt_BR", "pt"), ("TR", "tr"), ("iw", "he"), ("und", None), ("zxx", None)),
        *(("qme", None), ("", None), (None, None), ("english", None), ("e1", None)),
    ],
)
def test_what_a_platform_declares(declared: str | None, code: str | None) -> None:
    assert declared_language(declared) == code
