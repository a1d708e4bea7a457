"""The edge to Telegram: calls of one bot's methods. The bot's token is a part of every address."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr

from desk.errors import InputError
from desk.ports import Now
from listener.json_api import ApiClient

_TOKEN_FORM = re.compile(r"\d{1,20}:[A-Za-z0-9_-]{20,100}")


class Bot:
    """Calls of one bot's methods."""

    def __init__(self, token: SecretStr, *, base_url: str, now: Now, timeout_seconds: float = 30) -> None:
        """Raises InputError for a token that is none."""
        self._token = token.get_secret_value().strip()
        if not _TOKEN_FORM.fullmatch(self._token):
            raise InputError(
                "The Telegram bot's token is not one; it looks like 123456:ABC-DEF, see @BotFather."
            )
        self.id = self._token.partition(":")[0]
        """A token begins with its bot's number."""
        self.api = ApiClient(
            base_url, title="Telegram", now=now, secrets=[self._token], timeout_seconds=timeout_seconds
        )
        self._name = ""

    def read(self, method: str, parameters: Mapping[str, object]) -> Any:
        """Raises ApiError."""
        form = {name: json.dumps(value) for name, value in parameters.items()}
        return self._result(self.api.ask(f"/bot{self._token}/{method}", form).data)

    def write(self, method: str, parameters: Mapping[str, object]) -> Any:
        """Raises ApiError."""
        return self._result(self.api.post(f"/bot{self._token}/{method}", json=dict(parameters)).data)

    def name(self) -> str:
        """Its user name, without @. Raises ApiError."""
        if not self._name:
            me = self.read("getMe", {})
            found = me.get("username") if isinstance(me, dict) else None
            if not isinstance(found, str) or not re.fullmatch(r"\w{1,64}", found):
                raise self.api.wrong("something else than a bot")
            self._name = found
        return self._name

    def _result(self, data: Any) -> Any:
        if not isinstance(data, dict) or data.get("ok") is not True or "result" not in data:
            raise self.api.wrong("an answer without a result")
        return data["result"]
