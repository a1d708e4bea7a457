"""The section [classifier] of config.toml."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    StringConstraints,
    model_validator,
)

from answerback.config_values import Probability
from desk.model.reason import OTHER


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _nameable(name: str) -> str:
    if name == OTHER:
        raise ValueError(f'"{OTHER}" is what a post without a reason is called; choose another name')
    if not name.isprintable():
        raise ValueError("must be plain words on one line")
    return name


ReasonName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=2, max_length=40), AfterValidator(_nameable)
]
Sentence = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=500)]


class ReasonSettings(_Section):
    """Something that customers of this operator complain about."""

    name: ReasonName
    sentence: Sentence
    examples: Annotated[tuple[Sentence, ...], Field(max_length=100)] = ()


class BrandSettings(_Section):
    """Thresholds of one brand; what is not given is as for all brands."""

    brand: str
    complaint_threshold: Probability | None = None
    look_threshold: Probability | None = None


class Pair(NamedTuple):
    """Two thresholds that hold together; None leaves one to the weights."""

    whose: str
    """Stands before the key in a message; empty for all brands."""
    complaint: float | None
    look: float | None


class ClassifierSettings(_Section):
    model: Literal["full", "screened", "quick"] = "full"
    weights: Path | None = None
    complaint_threshold: Probability | None = None
    look_threshold: Probability | None = None
    brands: tuple[BrandSettings, ...] = ()
    reasons: tuple[ReasonSettings, ...] = ()
    _file: Path = PrivateAttr(Path("config.toml"))

    @property
    def file(self) -> Path:
        """Where the section stands, for messages."""
        return self._file

    def anchored(self, file: Path) -> Self:
        """As read from this file: relative paths mean its folder."""
        weights = None if self.weights is None else file.parent / self.weights
        read = self.model_copy(update={"weights": weights})
        read._file = file
        return read

    def pairs(self) -> Iterator[Pair]:
        """The thresholds of all brands, then each brand's: what one leaves open is what all have."""
        yield Pair("", self.complaint_threshold, self.look_threshold)
        for one in self.brands:
            yield Pair(
                f'brands "{one.brand}": ',
                self.complaint_threshold if one.complaint_threshold is None else one.complaint_threshold,
                self.look_threshold if one.look_threshold is None else one.look_threshold,
            )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        for whose, complaint, look in self.pairs():
            if complaint is not None and look is not None and look > complaint:
                raise ValueError(f"{whose}look_threshold must not be above complaint_threshold")
        return self

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        for what, names in (
            ("brands", [one.brand for one in self.brands]),
            ("reasons", [one.name for one in self.reasons]),
        ):
            again = [name for name, count in Counter(names).items() if count > 1]
            if again:
                raise ValueError(f'two of {what} are called "{again[0]}"; put them into one')
        return self
