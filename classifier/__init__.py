"""Finds complaints: one encoder, one forward pass, many heads. Serving loads no torch.

Importing this package is cheap; what is named below is loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from classifier.predictor import OnnxPredictor as OnnxPredictor
    from classifier.predictor import load_predictor as load_predictor

__all__ = ["OnnxPredictor", "load_predictor"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from classifier import predictor  # noqa: PLC0415 -- ONNX Runtime takes most of a second to import

        return getattr(predictor, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
