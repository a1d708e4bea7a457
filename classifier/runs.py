"""A training's runs: some from the base, whose weights are averaged, and some that go on from their mean.

Networks that were fine-tuned from one start often lie in one basin; the mean of their weights then
generalises better than each, and costs no more to serve than one (Wortsman et al., Model soups, ICML 2022).
So may a point between where a fine-tuning began and where it ended (Wortsman et al., Robust fine-tuning of
zero-shot models, CVPR 2022).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch.optim.swa_utils import AveragedModel

from classifier.fitting import Plan, fit, forget
from classifier.network import Network
from classifier.progress import Progress, silent


def fit_runs(
    data: Path,
    base: Path,
    run: Path,
    *,
    runs: int,
    passes: Sequence[Plan] = (),
    resume: bool,
    seed: int,
    plan: Plan,
    progress: Progress = silent,
) -> Network:
    """Train `runs` networks from the base by `plan`, and their mean by each of the `passes` in turn.

    A pass begins where the one before it ended, and goes back towards that as far as it is `held`. All are
    numbered through, and each has a folder of `run` by its number. Raises as `fit`.
    """
    total = runs + len(passes)

    def learned(number: int, by: Plan, start: Network | None = None) -> Network:
        return fit(
            data,
            base,
            run / str(number),
            resume=resume,
            seed=seed,
            plan=by,
            progress=lambda record: progress({"run": number, "runs": total, **record}),
            start=None if start is None else start.served(),
            number=number,
        )

    if not resume:
        # A run forgets its checkpoint only when it begins. Were this training stopped before that, resuming
        # it would take what an older one left.
        for number in range(1, total + 1):
            forget(run / str(number))
    network = learned(1, plan)
    mean = AveragedModel(network)
    mean.update_parameters(network)
    for number in range(2, runs + 1):
        mean.update_parameters(learned(number, plan))
    network.load_state_dict(mean.module.state_dict())
    for number, again in enumerate(passes, start=runs + 1):
        before = network
        network = learned(number, again, start=before)
        network.go_back(before.served(), again.held)
    return network
