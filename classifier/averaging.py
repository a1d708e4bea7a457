"""Averages networks that were fine-tuned from one start.

They often lie in one basin; the mean of their weights then generalises better than each, and costs no more to
serve than one (Wortsman et al., Model soups, ICML 2022).
"""

from __future__ import annotations

from pathlib import Path

from torch.optim.swa_utils import AveragedModel

from classifier.fitting import Plan, fit, forget
from classifier.network import Network
from classifier.progress import Progress, silent


def fit_averaged(
    data: Path,
    base: Path,
    run: Path,
    *,
    runs: int,
    resume: bool,
    seed: int,
    plan: Plan,
    progress: Progress = silent,
) -> Network:
    """Train `runs` networks in turn, each in a folder of `run` by its number; return their mean.

    Raises as `fit`.
    """

    def learned(number: int) -> Network:
        return fit(
            data,
            base,
            run / str(number),
            resume=resume,
            seed=seed,
            plan=plan,
            progress=_of_run(progress, number, runs),
            number=number,
        )

    if not resume:
        # A run forgets its checkpoint only when it begins. Were this training stopped before that, resuming
        # it would take what an older one left.
        for number in range(1, runs + 1):
            forget(run / str(number))
    network = learned(1)
    mean = AveragedModel(network)
    mean.update_parameters(network)
    for number in range(2, runs + 1):
        mean.update_parameters(learned(number))
    network.load_state_dict(mean.module.state_dict())
    return network


def _of_run(progress: Progress, number: int, runs: int) -> Progress:
    return lambda record: progress({"run": number, "runs": runs, **record})
