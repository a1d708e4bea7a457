"""The table of a case's states, row by row."""

from __future__ import annotations

import pytest

from desk.errors import NotAllowedError
from desk.model.case import CaseState, allowed, next_state
from desk.model.event import EventKind

K = EventKind
TABLE = {
    # event:              new         assigned    waiting     snoozed     resolved    dismissed
    K.CUSTOMER_WROTE:   ("ours",     "ours",     "ours",     "ours",     "resolved", "dismissed"),
    K.POST_EDITED:      ("ours",     "ours",     "ours",     "ours",     "resolved", "dismissed"),
    K.BRAND_REPLIED:    ("waiting",  "waiting",  "waiting",  "waiting",  "resolved", "dismissed"),
    K.CLAIMED:          ("assigned", "assigned", "waiting",  "assigned", None,       None),
    K.RELEASED:         (None,       "new",      "waiting",  None,       None,       None),
    K.SNOOZED:          ("snoozed",  "snoozed",  "snoozed",  "snoozed",  None,       None),
    K.WOKEN:            (None,       None,       None,       "ours",     None,       None),
    K.RESOLVED:         ("resolved", "resolved", "resolved", "resolved", None,       None),
    K.DISMISSED:        ("dismissed", "dismissed", "dismissed", "dismissed", None,   None),
    K.REOPENED:         (None,       None,       None,       None,       "ours",     "ours"),
}  # fmt: skip
CELLS = [
    (state, kind, cell) for kind, row in TABLE.items() for state, cell in zip(CaseState, row, strict=True)
]


@pytest.mark.parametrize(("state", "kind", "cell"), CELLS)
@pytest.mark.parametrize("owned", [True, False])
def test_every_cell_of_the_table(state: CaseState, kind: EventKind, cell: str | None, owned: bool) -> None:
    if cell is None:
        assert not allowed(state, kind)
        with pytest.raises(NotAllowedError, match=f"{state} cannot be"):
            next_state(state, kind, owned=owned)
        return
    assert allowed(state, kind)
    wanted = ("assigned" if owned else "new") if cell == "ours" else cell
    assert next_state(state, kind, owned=owned) == wanted


@pytest.mark.parametrize("kind", [kind for kind in EventKind if kind not in TABLE])
@pytest.mark.parametrize("state", list(CaseState))
def test_what_is_in_no_row_changes_no_state(state: CaseState, kind: EventKind) -> None:
    assert allowed(state, kind)
    assert next_state(state, kind, owned=False) is state
