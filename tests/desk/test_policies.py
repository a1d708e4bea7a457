"""The promise that a case is measured by: chosen by the first rule, kept through every edit.

The numbers in the names are those of the cases that every SLA implementation has to get right.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import time

import pytest

from desk.model.calendar import BusinessCalendar
from desk.model.sla import PolicyRule, SlaPolicy, choose_policy
from tests.desk.case_log import Log
from tests.kernel import HOUR, WEEKDAYS_9_TO_17, after


def test_the_policy_of_a_case_is_kept_when_policies_are_edited() -> None:
    """Cases 15 and 16: an edited calendar or target is another policy; a running case keeps its promise."""
    log = Log()
    stricter = replace(HOUR, first_response_seconds=60)
    closed_tuesdays = replace(
        HOUR, calendar=BusinessCalendar("always", "UTC", (((time(0), time(0)),), ()) + ((),) * 5)
    )
    log.policies |= {stricter.id: stricter, closed_tuesdays.id: closed_tuesdays}
    assert len({HOUR.id, stricter.id, closed_tuesdays.id}) == 3
    assert log.case.due_at == after(60)
    assert log.case.policy_id == HOUR.id
    assert Log(stricter).case.due_at == after(1)


def test_a_policy_survives_being_written_down() -> None:
    policy = SlaPolicy("office", WEEKDAYS_9_TO_17, 60, None, 3600)
    back = SlaPolicy.from_json(policy.to_json())
    assert back == policy
    assert back.id == policy.id


def test_the_first_rule_that_matches_chooses_the_policy() -> None:
    urgent, german, rest = SlaPolicy("urgent"), SlaPolicy("german"), SlaPolicy("rest")
    rules = [
        PolicyRule(urgent, severity="urgent"),
        PolicyRule(german, brand="fernway", source="x", language="de"),
        PolicyRule(rest, brand="fernway"),
    ]
    facts = {"brand": "fernway", "source": "x", "severity": "normal", "language": "de"}
    assert choose_policy(rules, **facts) is german
    assert choose_policy(rules, **{**facts, "severity": "urgent"}) is urgent
    assert choose_policy(rules, **{**facts, "source": "bluesky"}) is rest
    with pytest.raises(Exception, match=r"No SLA policy matches brand other.*rule that has no conditions"):
        choose_policy(rules, **{**facts, "brand": "other"})
