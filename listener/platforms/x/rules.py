"""The rules of X's filtered stream: ours are kept as the config says, anybody else's are left alone."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from listener.platforms.x.api import XClient
from listener.platforms.x.posts import is_id
from listener.text import one_line

log = logging.getLogger(__name__)

TAG_PREFIX = "answerback:"
"""Marks a rule as ours, whichever source it is of: also one that was renamed since."""
_ROUTE = "/2/tweets/search/stream/rules"
_DUPLICATE = "duplicaterule"


def keep_in_step(client: XClient, wanted: Mapping[str, str]) -> frozenset[str]:
    """Add and remove rules until ours are those in `wanted`, by source name; the ids of what is wanted.

    What is missing is added before what is stale goes, so that no moment is without rules. A rule with the
    same words under somebody else's tag does as well. Raises XError.
    """
    held = _rules(client.request("GET", _ROUTE).json())
    missing = {
        TAG_PREFIX + name: query
        for name, query in wanted.items()
        if not any(rule["value"] == query for rule in held)
    }
    if missing:
        rules = [{"value": query, "tag": tag} for tag, query in missing.items()]
        answer = client.request("POST", _ROUTE, json={"add": rules}).json()
        for problem in _refusals(answer):
            log.error(
                "X refuses a rule of the filtered stream, so its posts come by polling alone: %s", problem
            )
        held += _rules(answer)
    stale = [
        rule["id"]
        for rule in held
        if rule["tag"].startswith(TAG_PREFIX) and rule["value"] not in wanted.values()
    ]
    if stale:
        client.request("POST", _ROUTE, json={"delete": {"ids": stale}})
    return frozenset(rule["id"] for rule in held if rule["value"] in wanted.values())


def _rules(answer: Mapping[str, Any]) -> list[dict[str, str]]:
    data = answer.get("data")
    return [
        {"id": rule["id"], "value": str(rule.get("value", "")), "tag": str(rule.get("tag") or "")}
        for rule in (data if isinstance(data, list) else [])
        if isinstance(rule, dict) and is_id(rule.get("id"))
    ]


def _refusals(answer: Mapping[str, Any]) -> list[str]:
    """What X says of rules that it did not take; one that it has already needs no word."""
    errors = answer.get("errors")
    said = []
    for error in errors if isinstance(errors, list) else []:
        if isinstance(error, dict) and str(error.get("title", "")).lower() != _DUPLICATE:
            details = error.get("details")
            why = "; ".join(map(str, details)) if isinstance(details, list) else error.get("title", "")
            said.append(one_line(f"{error.get('value', '')}: {why}", 300))
    return said
