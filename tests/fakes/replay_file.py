"""Files to replay."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

DAY = datetime(2024, 5, 1, 8, 0, tzinfo=UTC)


def post(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "source": "x",
        "id": str(number),
        "conversation_id": str(number),
        "in_reply_to": None,
        "brand": "Fernway",
        "author": {"id": "a1", "handle": "ana"},
        "from_brand": False,
        "created_at": (DAY + timedelta(minutes=number)).isoformat(),
        "text": f"post {number}",
    } | changes


def write(path: Path, lines: Sequence[object], *, packed: bool = False) -> Path:
    encoded = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    content = b"".join(line + b"\n" for line in encoded)
    path.write_bytes(gzip.compress(content) if packed else content)
    return path
