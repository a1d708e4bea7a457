"""All benchmarks, one after the other: `make bench`."""

from __future__ import annotations

import importlib
import pkgutil

import benchmarks


def main() -> None:
    names = [module.name for module in pkgutil.iter_modules(benchmarks.__path__)]
    for name in sorted(name for name in names if name.startswith("bench_")):
        importlib.import_module(f"benchmarks.{name}").main()
        print()


main()
