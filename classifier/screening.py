"""Two models as one: the quick one rules out, and the full one judges whatever may be a complaint."""

from __future__ import annotations

from collections.abc import Sequence

from classifier.predictor import OnnxPredictor
from desk.model.verdict import Verdict


class Screened:
    """A predictor of two; safe to call from several threads."""

    def __init__(self, quick: OnnxPredictor, full: OnnxPredictor) -> None:
        self._quick = quick
        self._full = full

    @property
    def version(self) -> str:
        """The version of the full weights."""
        return self._full.version

    def predict(self, texts: Sequence[str], langs: Sequence[str | None] | None = None) -> list[Verdict]:
        """One verdict a text, in order; its `model` says whose. Raises `ArtifactError`.

        What is no complaint by the quick one, nor worth a look, stays with it.
        """
        verdicts = self._quick.predict(texts, langs)
        # Thresholds that an operator moves apart for one model must not rule out what the other would show.
        least = min(self._quick.manifest.look_threshold, self._full.manifest.look_threshold)
        again = [row for row, verdict in enumerate(verdicts) if verdict.complaint >= least]
        judged = self._full.predict(
            [texts[row] for row in again], None if langs is None else [langs[row] for row in again]
        )
        for row, verdict in zip(again, judged, strict=True):
            verdicts[row] = verdict
        return verdicts
