"""Words for a terminal: whatever came from outside reaches it as text that it does not obey."""

from __future__ import annotations

import logging

import click


def plain(text: str) -> str:
    """Without control, direction and other unprintable characters; line breaks stay."""
    return "".join(char if char.isprintable() or char == "\n" else " " for char in text)


def one_line(text: str, limit: int) -> str:
    """On one line, cut after so many characters."""
    return " ".join(plain(text[: limit * 4]).split())[:limit].rstrip()


def tell(text: str) -> None:
    """Say something to the person, on stderr: stdout is for data."""
    click.echo(plain(text), err=True)


class PlainFormatter(logging.Formatter):
    """Log lines quote platforms and files; neither may write into the operator's terminal."""

    def format(self, record: logging.LogRecord) -> str:
        return plain(super().format(record))
