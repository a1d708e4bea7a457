"""What `answerback run` classifies with, beside a stock `transformers` pipeline, in one run.

    python -m benchmarks.bench_classifier

The yardstick's model has roberta-base's size. Speed does not depend on what weights say, so it has random
ones. All get the same texts in
the same order at their defaults; each figure is the best of several turns, taken in alternation, because a
shared machine disturbs either now and then. Takes about two minutes.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from answerback.bootstrap import make_predictor
from answerback.config_classifier import ClassifierSettings

POSTS = (
    "@user third time this month my card gets declined and nobody at the bank picks up the phone, what now?",
    "@user thank you so much for the quick reply, it works again :)",
    "anyone else having trouble logging in to the app since the update? it just shows a white page",
    "waiting for my parcel since monday",
    "http just published: ten things to know before you switch your mobile provider this autumn",
    "worst flight ever @user, two hours on the tarmac without water, then they lost my bag, and the hotline "
    "is a robot that hangs up. I want a refund and an apology, not another voucher!",
)
MODELS: tuple[Literal["full", "screened", "quick"], ...] = ("full", "screened", "quick")
THROUGHPUT_POSTS = 72
SINGLE_POSTS = 12
TURNS = 3

Classify = Callable[[Sequence[str]], object]


@dataclass(frozen=True, slots=True)
class Timing:
    """Speed of one way to classify."""

    posts_per_second: float
    single_ms: float


def main() -> None:
    """Print the table."""
    # First, while this process is small: a child's peak starts at the size of what it was forked from.
    peaks_mib = {model: serving_peak_mib(model) for model in MODELS}
    stock_name = "`pipeline`, roberta-base size, defaults"
    ours = {model: make_predictor(ClassifierSettings(model=model)) for model in MODELS}
    ways: dict[str, Classify] = {f'`model = "{model}"`': one.predict for model, one in ours.items()}
    ways[stock_name] = stock_pipeline()
    for classify in ways.values():
        classify(POSTS)  # loads and warms up
    turns = [[measure(classify) for classify in ways.values()] for _ in range(TURNS)]
    timings = dict(zip(ways, (best(turn) for turn in zip(*turns, strict=True)), strict=True))
    stock = timings[stock_name]
    print("| | posts/s | times as many | single post, ms | times sooner |\n|---|--:|--:|--:|--:|")
    for name, one in timings.items():
        faster, sooner = one.posts_per_second / stock.posts_per_second, stock.single_ms / one.single_ms
        print(f"| {name} | {one.posts_per_second:.1f} | {faster:.1f} | {one.single_ms:.1f} | {sooner:.1f} |")
    full, screened = ours["full"], ours["screened"]
    again = sum(verdict.model == full.version for verdict in screened.predict(POSTS))
    print(f"\nScreened: {again} of {len(POSTS)} posts are read in full.")
    peaks = ", ".join(f"{peak:.0f} MiB ({model})" for model, peak in peaks_mib.items())
    print(f"Peak memory of a process that classifies: {peaks}")


def stock_pipeline() -> Classify:
    """Return a `transformers` pipeline over random weights of roberta-base's size, tokenizer included."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
    from transformers import (
        PreTrainedTokenizerFast,
        RobertaConfig,
        RobertaForSequenceClassification,
        pipeline,
    )

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    # Trained on the texts themselves: about a word a token, which flatters the yardstick.
    tokenizer.train_from_iterator(POSTS, trainers.BpeTrainer(vocab_size=1_000, special_tokens=special))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    roles = dict(zip(("bos_token", "pad_token", "eos_token", "unk_token"), special, strict=True))
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **roles)
    torch.manual_seed(0)
    config = RobertaConfig(vocab_size=50_265, max_position_embeddings=514, num_labels=3, pad_token_id=1)
    model = RobertaForSequenceClassification(config).eval()
    classify = pipeline("text-classification", model=model, tokenizer=fast)
    return lambda texts: classify(list(texts))


def measure(classify: Classify) -> Timing:
    """Time one turn: a batch for posts per second, then posts one at a time for the median wait."""
    many = [POSTS[place % len(POSTS)] for place in range(THROUGHPUT_POSTS)]
    started = time.perf_counter()
    classify(many)
    rate = len(many) / (time.perf_counter() - started)
    waits = []
    for text in many[:SINGLE_POSTS]:
        started = time.perf_counter()
        classify([text])
        waits.append(time.perf_counter() - started)
    return Timing(rate, statistics.median(waits) * 1_000)


def best(timings: Sequence[Timing]) -> Timing:
    """Return the least disturbed figures of several turns."""
    return Timing(
        max(timing.posts_per_second for timing in timings), min(timing.single_ms for timing in timings)
    )


def serving_peak_mib(model: str) -> float:
    """Return the peak resident memory of a fresh process that serves one batch with its reasons."""
    found = subprocess.run(
        [sys.executable, "-c", _SERVE, model, *POSTS],
        check=True,
        cwd=Path(__file__).resolve().parent.parent,
        capture_output=True,
        text=True,
    )
    return int(found.stdout) / 1024


_SERVE = """
import resource, sys
from answerback.bootstrap import make_predictor
from answerback.config_classifier import ClassifierSettings
make_predictor(ClassifierSettings(model=sys.argv[1])).predict(sys.argv[2:] * 16)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)  # kilobytes on Linux
"""


if __name__ == "__main__":
    main()
