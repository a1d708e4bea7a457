"""Alerts to a program: a signed POST after the Standard Webhooks specification."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ipaddress
import json
import re
import socket
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import httpx
from pydantic import SecretStr

from desk.errors import DeliveryError, InputError
from desk.model.alert import CaseNotice, Notice, SourceNotice
from desk.ports import Now
from listener.http import hush, retry_after_seconds
from listener.text import one_line

TIMEOUT_SECONDS = 20.0
_BODY_LIMIT_BYTES = 20_000
_SECRET_PREFIX = "whsec_"  # noqa: S105 - the public prefix, not a secret
_THROTTLED = frozenset({429, 502, 503, 504})
_THROTTLED_SECONDS = 60.0
_LIMITS = {"customer": 100, "excerpt": 280, "brand": 100, "assignee": 100}
_TEXT_LIMIT = 500
_HOST = re.compile(r"[A-Za-z0-9._:-]{1,253}")

Resolve = Callable[[str, int], Sequence[str]]
"""Addresses of a host. Raises OSError."""


def resolve(host: str, port: int) -> list[str]:
    """The system's resolver."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class WebhookChannel:
    """One endpoint. `secrets` are `whsec_` + base64; while one is exchanged, name the new and the old."""

    def __init__(
        self,
        name: str,
        url: SecretStr | str,
        secrets: Sequence[SecretStr | str],
        *,
        now: Now,
        allow_private_addresses: bool = False,
        timeout_seconds: float = TIMEOUT_SECONDS,
        resolve: Resolve = resolve,
    ) -> None:
        """Raises InputError for an address or a secret that cannot be used, without repeating either."""
        self._name, self._now, self._resolve = name, now, resolve
        self._allow_private = allow_private_addresses
        self._url = _address(name, _reveal(url), allow_private_addresses)
        self._keys = [_key(name, _reveal(secret)) for secret in secrets]
        if not self._keys:
            raise InputError(f"Webhook {name} has no secret; make one and give it to the receiver, too.")
        # A proxy of the environment would resolve the name itself, past the check of its address.
        self._client = httpx.Client(timeout=timeout_seconds, follow_redirects=False, trust_env=False)
        hush("httpx", "httpcore")
        self._gone = False

    @property
    def name(self) -> str:
        return self._name

    def deliver(self, notice: Notice) -> None:
        """One attempt. Raises DeliveryError: permanent after a 410, and for a forbidden address."""
        if self._gone:
            raise self._gone_error()
        content = _payload(notice)
        if len(content) >= _BODY_LIMIT_BYTES:
            raise DeliveryError(
                f"Webhook {self._name}: the alert has {len(content):,} bytes, over {_BODY_LIMIT_BYTES:,}.",
                permanent=True,
            )
        now = self._now()
        stamp = str(int(now.timestamp()))
        signed = f"{notice.message_id}.{stamp}.".encode() + content
        headers = {
            "content-type": "application/json",
            "user-agent": "Answerback",
            "webhook-id": notice.message_id,
            "webhook-timestamp": stamp,
            "webhook-signature": " ".join(f"v1,{_sign(key, signed)}" for key in self._keys),
        }
        self._judge(*self._post(content, headers), now)

    def _post(self, content: bytes, headers: dict[str, str]) -> tuple[int, str | None]:
        """Status and Retry-After. The body of the answer is not read: it says nothing that is needed."""
        addresses = self._addresses()
        for index, address in enumerate(addresses):
            # Connect to the address that was checked, so that the name cannot point elsewhere meanwhile.
            request = self._client.build_request(
                "POST",
                self._url.copy_with(host=address),
                content=content,
                headers={**headers, "host": self._url.netloc.decode("ascii")},
                extensions={"sni_hostname": self._url.raw_host.decode("ascii")},
            )
            try:
                response = self._client.send(request, stream=True)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                if index + 1 < len(addresses):
                    continue
                raise DeliveryError(
                    f"{self._where} cannot be reached; check that it runs and has a valid certificate."
                ) from error
            except httpx.TimeoutException as error:
                raise DeliveryError(
                    f"{self._where} did not answer in time; it may have the alert."
                ) from error
            except httpx.HTTPError as error:
                raise DeliveryError(f"{self._where} broke off the connection.") from error
            response.close()
            return response.status_code, response.headers.get("retry-after")
        raise DeliveryError(f"{self._where}: its name has no address; check the host's name.")

    def _addresses(self) -> Sequence[str]:
        host = self._url.host
        try:
            addresses = self._resolve(host, self._url.port or (443 if self._url.scheme == "https" else 80))
        except (OSError, UnicodeError) as error:
            raise DeliveryError(
                f"{self._where}: its name cannot be resolved; check the host's name."
            ) from error
        if not self._allow_private and not all(is_public(address) for address in addresses):
            raise DeliveryError(
                f"{self._where} leads to an internal address, which is refused. Set allow_private_addresses "
                "for this webhook if that is meant.",
                permanent=True,
            )
        return addresses

    def _judge(self, status: int, retry_after: str | None, now: datetime) -> None:
        if 200 <= status < 300:
            return
        if status == 410:
            self._gone = True
            raise self._gone_error()
        wait = retry_after_seconds(retry_after, now)
        if 300 <= status < 400:
            raise DeliveryError(
                f"{self._where} answered {status}, a redirect; none is followed: set its final address.",
                retry_after_seconds=wait,
            )
        if wait is None and status in _THROTTLED:
            wait = _THROTTLED_SECONDS
        raise DeliveryError(f"{self._where} answered {status}.", retry_after_seconds=wait)

    def _gone_error(self) -> DeliveryError:
        return DeliveryError(
            f"{self._where} answered 410 Gone and is off until the next start; remove it or set it up again.",
            permanent=True,
        )

    @property
    def _where(self) -> str:
        """Name and host: path and query can hold tokens."""
        return f"Webhook {self._name} ({one_line(self._url.host, 100)})"


def is_public(address: str) -> bool:
    """Whether an address lies on the public internet, whatever way it is written or wrapped."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        # A v4 address inside a v6 one reaches the v4 host: mapped, 6to4, Teredo, NAT64.
        inner = [ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ())]
        if ip in ipaddress.ip_network("64:ff9b::/96"):
            inner.append(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
        if any(v4 is not None and not is_public(str(v4)) for v4 in inner):
            return False
        if ip.ipv4_mapped is not None:
            return True
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def _reveal(secret: SecretStr | str) -> str:
    return secret.get_secret_value() if isinstance(secret, SecretStr) else secret


def _address(name: str, text: str, allow_private: bool) -> httpx.URL:
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise InputError(f"Webhook {name}: its address is not a URL.") from error
    if url.scheme not in {"https", "http"} or not _HOST.fullmatch(url.raw_host.decode("ascii")):
        raise InputError(f"Webhook {name}: its address must begin with https:// and name a host.")
    if url.scheme == "http" and not allow_private:
        raise InputError(
            f"Webhook {name}: alerts quote customers and go over https only; http is for an internal "
            "receiver with allow_private_addresses."
        )
    if url.userinfo:
        raise InputError(
            f"Webhook {name}: leave user and password out of its address; the signature is the proof."
        )
    return url


def _key(name: str, secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(_SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InputError(f"Webhook {name}: its secret must be {_SECRET_PREFIX} and then base64.") from error
    if not secret.startswith(_SECRET_PREFIX) or not 24 <= len(key) <= 64:
        raise InputError(
            f"Webhook {name}: its secret must be {_SECRET_PREFIX} and then 24 to 64 bytes as base64."
        )
    return key


def _sign(key: bytes, signed: bytes) -> str:
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode("ascii")


def _payload(notice: Notice) -> bytes:
    """`{type, timestamp, data}`. Outside words stay as they were written, but for characters nobody sees."""
    if isinstance(notice, SourceNotice):
        kind, data = "source.silent", _of_source(notice)
    else:
        kind, data = f"case.{notice.kind}", _of_case(notice)
    payload = {"type": kind, "timestamp": _time(notice.at), "data": data}
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()


def _of_source(notice: SourceNotice) -> dict[str, Any]:
    return {
        "source": one_line(notice.source, _TEXT_LIMIT),
        "state": notice.state,
        "last_success_at": _time(notice.last_success_at),
        "error": one_line(notice.error, _TEXT_LIMIT),
        "permanent": notice.permanent,
    }


def _of_case(notice: CaseNotice) -> dict[str, Any]:
    def clean(field: str, value: str | None) -> str | None:
        return None if value is None else one_line(value, _LIMITS.get(field, _TEXT_LIMIT))

    return {
        "case_id": int(notice.case_id),
        "brand": clean("brand", notice.brand),
        "source": clean("source", notice.source),
        "severity": clean("severity", notice.severity),
        "state": clean("state", notice.state),
        "assignee": clean("assignee", notice.assignee),
        "due_at": _time(notice.due_at),
        "customer": clean("customer", notice.customer),
        "excerpt": clean("excerpt", notice.excerpt),
        "private": notice.private,
        "url": clean("url", notice.url),
    }


def _time(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat()
