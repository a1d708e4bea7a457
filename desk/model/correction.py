"""What an agent says of a post where the classifier was wrong, or not sure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from desk.model.mention import MentionId
from desk.model.reason import OTHER

NO_COMPLAINT = "No complaint"
"""The reason of a dismissal that corrects the classifier as well."""

SENTIMENTS = {-1: "negative", 0: "neutral", 1: "positive"}


@dataclass(frozen=True, slots=True)
class Label:
    """What a post is; None where the agent did not say."""

    complaint: bool | None = None
    sentiment: int | None = None
    """-1, 0 or 1."""
    reason: str | None = None

    @property
    def says_something(self) -> bool:
        return (self.complaint, self.sentiment, self.reason) != (None, None, None)

    @property
    def trainable(self) -> bool:
        """Whether training learns from it: a reason is found by likeness to sentences, and not trained."""
        return self.complaint is not None or self.sentiment is not None

    @property
    def words(self) -> str:
        """For people: "no complaint, neutral, about delay"."""
        said = []
        if self.complaint is not None:
            said.append("a complaint" if self.complaint else "no complaint")
        if self.sentiment is not None:
            said.append(SENTIMENTS[self.sentiment])
        if self.reason is not None:
            said.append("about something else" if self.reason == OTHER else f"about {self.reason}")
        return ", ".join(said)

    def to_data(self) -> dict[str, Any]:
        """What an event keeps of it."""
        known = {"complaint": self.complaint, "sentiment": self.sentiment, "reason": self.reason}
        return {name: value for name, value in known.items() if value is not None}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Label:
        return cls(data.get("complaint"), data.get("sentiment"), data.get("reason"))

    def over(self, earlier: Label) -> Label:
        """Both together; where they differ, this one."""
        return Label.from_data(earlier.to_data() | self.to_data())


@dataclass(frozen=True, slots=True)
class Correction:
    """A post with what agents made of it; the text is the post's own and goes with it."""

    mention_id: MentionId
    source: str
    text: str
    language: str | None
    label: Label
    agents: tuple[str, ...]
    at: datetime
    """When it was last corrected."""
