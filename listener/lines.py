"""Lines of a plain or gzipped file, streamed in bounded memory, damage included."""

from __future__ import annotations

import stat
import zlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from desk.errors import SourceError

LINE_LIMIT_BYTES = 8 * 1024 * 1024
"""A longer line is cut: no real post comes near, and one line must not take all memory."""
_CHUNK_BYTES = 64 * 1024
_GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Line:
    number: int
    """Counted from 1."""
    data: bytes
    """Without its newline; where `problem` is set, only what could be kept of it."""
    problem: str = ""
    """Why the line is not whole: too long, or the file breaks off here."""


class _BrokenError(Exception):
    """The compressed data cannot be read on. Never leaves this module."""


def read_lines(path: Path, *, limit_bytes: int = LINE_LIMIT_BYTES) -> Generator[Line, None, None]:
    """Every line from the first. Plain or gzip is told by the first bytes, never by the name.

    A damaged or truncated gzip gives each whole line before the damage, then one last line with a
    `problem`. Raises SourceError: permanent where the file cannot be opened at all.
    """
    with _open(path) as file:
        try:
            head = file.read(len(_GZIP_MAGIC))
            file.seek(0)
            chunks = _inflate(file) if head == _GZIP_MAGIC else _plain(file)
            yield from _split(chunks, limit_bytes)
        except OSError as error:
            reason = error.strerror or error
            raise SourceError(f"{path} could not be read on: {reason}. Check the disk.") from error


def _open(path: Path) -> BinaryIO:
    try:
        # Opening a pipe would block the thread for good, so look before opening.
        if not stat.S_ISREG(path.stat().st_mode):
            kind = "a folder" if path.is_dir() else "no regular file"
            message = f"{path} is {kind}; name a file of JSON lines, plain or gzipped."
            raise SourceError(message, permanent=True)
        return path.open("rb")
    except FileNotFoundError as error:
        raise SourceError(f"{path} does not exist; check the path of the replay.", permanent=True) from error
    except PermissionError as error:
        raise SourceError(
            f"{path} may not be read by this user; check its rights.", permanent=True
        ) from error
    except (OSError, ValueError) as error:
        raise SourceError(f"{path} cannot be opened: {error}. Check the path.", permanent=True) from error


def _plain(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK_BYTES):
        yield chunk


def _inflate(file: BinaryIO) -> Iterator[bytes]:
    """Inflate member after member; a chunk never exceeds a fixed size, however well it was packed."""
    member = zlib.decompressobj(wbits=31)
    waiting = b""
    while waiting or (waiting := file.read(_CHUNK_BYTES)):
        before = member.copy()
        try:
            chunk = member.decompress(waiting, _CHUNK_BYTES)
        except zlib.error:
            yield from _up_to_damage(before, waiting)
            return
        if chunk:
            yield chunk
        waiting = member.unconsumed_tail
        if member.eof:
            # Another member may follow; zero padding, as on tapes, may too.
            waiting = member.unused_data.lstrip(b"\0")
            while not waiting and (waiting := file.read(_CHUNK_BYTES)):
                waiting = waiting.lstrip(b"\0")
            if not waiting:
                return
            member = zlib.decompressobj(wbits=31)
    yield from _up_to_damage(member, b"")


def _up_to_damage(member: zlib._Decompress, packed: bytes) -> Iterator[bytes]:
    """What is left before the damage, in small steps: one large step would lose all of it."""
    try:
        for index in range(len(packed)):
            rest = packed[index : index + 1]
            while chunk := member.decompress(rest, _CHUNK_BYTES):
                yield chunk
                rest = member.unconsumed_tail
        while chunk := member.decompress(b"", _CHUNK_BYTES):
            yield chunk
    except zlib.error as error:
        raise _BrokenError(f"the gzip data is damaged here ({error})") from error
    if not member.eof:
        raise _BrokenError("the gzip file breaks off here")


def _split(chunks: Iterator[bytes], limit_bytes: int) -> Iterator[Line]:
    number, kept, too_long = 1, bytearray(), False

    def finish(problem: str = "") -> Line:
        if too_long and not problem:
            problem = f"the line is longer than {limit_bytes:,} bytes"
        return Line(number, bytes(kept).removesuffix(b"\r"), problem)

    try:
        for chunk in chunks:
            start = 0
            while (end := chunk.find(b"\n", start)) >= 0:
                too_long = too_long or len(kept) + end - start > limit_bytes
                kept += chunk[start : min(end, start + limit_bytes - len(kept))]
                yield finish()
                number, kept, too_long, start = number + 1, bytearray(), False, end + 1
            too_long = too_long or len(kept) + len(chunk) - start > limit_bytes
            kept += chunk[start : start + limit_bytes - len(kept)]
    except _BrokenError as broken:
        yield finish(f"{broken}; what follows line {number - 1} is lost: fetch the file again")
        return
    if kept:
        yield finish()
