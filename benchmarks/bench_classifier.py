"""Our predictors beside a stock `transformers` pipeline on a roberta-base-sized model, in one run.

    python -m benchmarks.bench_classifier

Speed does not depend on what the weights say, so the yardstick has random ones. All get the same texts in
the same order at their defaults; each figure is the best of several turns, taken in alternation, because a
shared machine disturbs either now and then. Takes about two minutes.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from classifier import load_predictor
from classifier.artifact import QUICK, SHIPPED
from classifier.screening import Screened

POSTS = (
    "@user third time this month my card gets declined and nobody at the bank picks up the phone, what now?",
    "@user thank you so much for the quick reply, it works again :)",
    "anyone else having trouble logging in to the app since the update? it just shows a white page",
    "waiting for my parcel since monday",
    "http just published: ten things to know before you switch your mobile provider this autumn",
    "worst flight ever @user, two hours on the tarmac without water, then they lost my bag, and the hotline "
    "is a robot that hangs up. I want a refund and an apology, not another voucher!",
)
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
    peak_mib = serving_peak_mib()
    stock_name = "`pipeline`, roberta-base size, defaults"
    full, quick = load_predictor(SHIPPED), load_predictor(SHIPPED / QUICK)
    screened = Screened(quick, full)
    ways: dict[str, Classify] = {
        "Answerback": full.predict,
        'Answerback, `model = "screened"`': screened.predict,
        'Answerback, `model = "quick"`': quick.predict,
        stock_name: stock_pipeline(),
    }
    for classify in ways.values():
        classify(POSTS)  # loads and warms up
    turns = [[measure(classify) for classify in ways.values()] for _ in range(TURNS)]
    timings = dict(zip(ways, (best(turn) for turn in zip(*turns, strict=True)), strict=True))
    stock = timings[stock_name]
    print("| | posts/s | times as many | single post, ms | times sooner |\n|---|--:|--:|--:|--:|")
    for name, one in timings.items():
        faster, sooner = one.posts_per_second / stock.posts_per_second, stock.single_ms / one.single_ms
        print(f"| {name} | {one.posts_per_second:.1f} | {faster:.1f} | {one.single_ms:.1f} | {sooner:.1f} |")
    again = sum(verdict.model == full.version for verdict in screened.predict(POSTS))
    print(f"\nScreened: {again} of {len(POSTS)} posts are read in full.")
    print(f"Peak memory of a serving process: {peak_mib:.0f} MiB")


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


def serving_peak_mib() -> float:
    """Return the peak resident memory of a fresh process that serves one batch."""
    code = "from classifier import load_predictor; import sys; load_predictor().predict(sys.argv[1:] * 16)"
    subprocess.run(
        [sys.executable, "-c", code, *POSTS], check=True, cwd=Path(__file__).resolve().parent.parent
    )
    # Kilobytes on Linux; of the largest child, and this is the only one.
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


if __name__ == "__main__":
    main()
