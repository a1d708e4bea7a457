"""The only SQL: a connection with its transactions, the migrations, one module per aggregate or read view.

Aggregate modules (`mentions`, `cases`, …) are functions over an open `Database`; the caller owns the
transaction. Read views (`queue_view`, `case_view`, …) take the `Store` and open their own.
"""

from desk.store.connection import Store

__all__ = ["Store"]
