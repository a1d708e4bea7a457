"""From which probability a post counts as a complaint, brand by brand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from desk.model.verdict import Verdict


@dataclass(frozen=True, slots=True)
class BrandThresholds:
    """One brand's own; None leaves what holds for all."""

    complaint: float | None = None
    look: float | None = None


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The brands that have thresholds of their own."""

    brands: Mapping[str, BrandThresholds] = field(default_factory=dict)

    def apply(self, brand: str, verdict: Verdict) -> Verdict:
        """The verdict as this brand's thresholds have it; its probabilities stay."""
        own = self.brands.get(brand)
        if own is None:
            return verdict
        noticed = verdict.is_complaint or verdict.needs_look
        is_complaint = verdict.is_complaint if own.complaint is None else verdict.complaint >= own.complaint
        if own.look is not None:
            noticed = verdict.complaint >= own.look
        return replace(verdict, is_complaint=is_complaint, needs_look=noticed and not is_complaint)


ALIKE = Thresholds()
"""The model's own for every brand."""
