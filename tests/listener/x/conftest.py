"""What is spent on X, in a store of the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from desk.store.spending import StoreLedger
from tests.fakes.ledger import open_ledger


@pytest.fixture
def ledger(tmp_path: Path) -> StoreLedger:
    return open_ledger(tmp_path)
