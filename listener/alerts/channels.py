"""Alerts into chats, through apprise: one address each, over a hundred services."""

from __future__ import annotations

import logging
import re
from threading import Lock

import apprise
from pydantic import SecretStr

from desk.errors import DeliveryError, InputError
from desk.model.alert import AlertKind, Notice
from listener.alerts.notices import body, headline
from listener.http import hush
from listener.text import one_line

TIMEOUT_SECONDS = 30.0
_BODY_LIMIT = 1_900
"""Discord's 2,000 is the tightest of the common chats; a service that allows less says so."""
_DETAIL_LIMIT = 300
_SHORTEST_SECRET = 6
_TYPES = {
    AlertKind.BREACH_AHEAD: apprise.NotifyType.WARNING,
    AlertKind.BREACH: apprise.NotifyType.FAILURE,
    AlertKind.URGENT: apprise.NotifyType.WARNING,
    AlertKind.SOURCE_SILENT: apprise.NotifyType.FAILURE,
}
_FAILURE = re.compile(
    r"\b(fail|error|unable|could not|cannot|denied|reject|refus|invalid|timed out)", re.IGNORECASE
)


class AppriseChannel:
    """One chat, mailbox or room, by its apprise address. May be used by several threads."""

    def __init__(self, name: str, url: SecretStr | str, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        """`url` is a secret: it holds the tokens. Raises InputError where apprise cannot use it."""
        self._name = name
        self._url = url.get_secret_value() if isinstance(url, SecretStr) else url
        self._timeout_seconds = timeout_seconds
        # A redirected POST becomes a GET that succeeds and says nothing to anybody.
        asset = apprise.AppriseAsset(async_mode=False, http_redirects=False, secure_logging=True)
        self._apprise = apprise.Apprise(asset=asset)
        # They log addresses. What matters for a delivery comes back with its result.
        hush("urllib3")
        apprise.logger.propagate = False
        known = self._apprise.add(self._url)
        if not known or len(self._apprise) != 1:
            raise InputError(
                f"Alert channel {name}: its address is not one that apprise understands; see the list of "
                "services in apprise's documentation. (The address is not shown, as it holds secrets.)"
            )
        service = self._apprise[0]
        self._limit = min(_BODY_LIMIT, service.body_maxlen)
        # One sender at a time: apprise keeps a service's pace in the service object.
        self._lock = Lock()

    @property
    def name(self) -> str:
        return self._name

    def deliver(self, notice: Notice) -> None:
        """Raises DeliveryError unless apprise reports one success and its log reports no failure."""
        title = headline(notice)
        with self._lock:
            try:
                result = self._apprise.notify(
                    body=body(notice, max(self._limit - len(title) - 2, 20)),
                    title=title,
                    notify_type=_TYPES[notice.kind],
                    body_format=apprise.NotifyFormat.TEXT,
                    timeout=self._timeout_seconds,
                    log_level=logging.WARNING,
                )
            except Exception as error:  # noqa: BLE001  (a hundred plugins of others; none may end the run)
                detail = one_line(self._without_secrets(str(error)), _DETAIL_LIMIT) or type(error).__name__
                raise DeliveryError(f"Alert channel {self._name} failed: {detail}.") from None
            said = [entry.message for entry in result.logs()]
            # A service marked optional counts as a success even where every attempt failed.
            arrived = bool(result) and all(
                len(one) > 0 and one.attempts[-1].status == apprise.AppriseResultStatus.SUCCESS
                for one in result.results
            )
            result.close()
        if not arrived or any(_FAILURE.search(line) for line in said):
            detail = one_line(self._without_secrets("; ".join(said)), _DETAIL_LIMIT) or "it gave no reason"
            raise DeliveryError(f"Alert channel {self._name} did not take the alert: {detail}")

    def _without_secrets(self, text: str) -> str:
        """A service's log line can hold parts of its address: each part long enough to matter goes."""
        for part in sorted({self._url, *re.split(r"[/:@?&=+#,%]+", self._url)}, key=len, reverse=True):
            if len(part) >= _SHORTEST_SECRET:
                text = text.replace(part, "…")
        return text
