"""Two models as one: the quick one rules out, and the full one judges whatever may be a complaint."""

from __future__ import annotations

from collections.abc import Sequence

from classifier.predictor import OnnxPredictor
from desk.model.verdict import Verdict


class Screened:
    """A predictor of two; safe to call from several threads."""

    def __init__(self, quick: OnnxPredictor, full: OnnxPredictor, shown_from: Sequence[float] = ()) -> None:
        """`shown_from` are probabilities from which somebody else, a brand for one, shows a post."""
        self._quick = quick
        self._full = full
        ours, theirs = quick.manifest, full.manifest
        # However high the others are set, the quick one does not rule out what it would show itself.
        self._ruled_out_below = min(
            ours.look_threshold, theirs.look_threshold, theirs.complaint_threshold, *shown_from
        )

    @property
    def version(self) -> str:
        """The version of the full weights."""
        return self._full.version

    def predict(self, texts: Sequence[str], langs: Sequence[str | None] | None = None) -> list[Verdict]:
        """One verdict a text, in order; its `model` says whose. Raises `ArtifactError`.

        What nobody would be shown by the quick one's word stays with it.
        """
        verdicts = self._quick.predict(texts, langs)
        again = [row for row, verdict in enumerate(verdicts) if verdict.complaint >= self._ruled_out_below]
        judged = self._full.predict(
            [texts[row] for row in again], None if langs is None else [langs[row] for row in again]
        )
        for row, verdict in zip(again, judged, strict=True):
            verdicts[row] = verdict
        return verdicts
