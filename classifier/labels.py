"""What the classifier's heads are called and which labels they give; imports no model."""

from __future__ import annotations

from desk.model.reason import GENERAL_REASONS, OTHER

SENTIMENTS = ("negative", "neutral", "positive")
"""Order of the sentiment head's three outputs."""

SENTIMENT_INDEX = {-1: 0, 0: 1, 1: 2}
"""The data sets' -1, 0, 1 as indices into `SENTIMENTS`."""

REASONS = (*GENERAL_REASONS, OTHER)
"""Order of the outputs of the reason's head."""

LANGUAGES = ("ar", "de", "en", "es", "fr", "hi", "it", "pt", "ru", "tr")
"""ISO 639-1 codes of the language head's outputs, in order: the languages that training has seen."""

UNDETERMINED = "und"
"""ISO 639-2 code for a text that does not tell its language."""

BINARY_HEADS = ("complaint", "anger", "abuse")
HEADS = {**dict.fromkeys(BINARY_HEADS, 1), "sentiment": len(SENTIMENTS)}
"""Outputs by head. Language reads the tokens alone, and is no part of the network that is trained."""

CLASS_HEADS = {"sentiment": len(SENTIMENTS), "reason": len(REASONS)}
TRAINED_HEADS = {**HEADS, **CLASS_HEADS}
"""The reason's head is there in training alone: reasons are found by nearness (`classifier.reasons`)."""
