"""The console's looks: calm by day and by night, and two of high contrast."""

from __future__ import annotations

from textual.theme import Theme

DEFAULT = "answerback"

THEMES = (
    Theme(
        name=DEFAULT,
        primary="#7aa2d6",
        secondary="#8f9bb3",
        accent="#e0b25c",
        warning="#e0a458",
        error="#ef7b7b",
        success="#7fbf95",
        foreground="#d7dae0",
        background="#15181e",
        surface="#1a1e25",
        panel="#262b35",
        dark=True,
        variables={
            "footer-key-foreground": "#e0b25c",
            "footer-background": "#15181e",
            "footer-description-foreground": "#9aa3b2",
            "border-blurred": "#333a47",
            "quiet": "#8791a2",
            "brand": "#7aa2d6",
            "customer": "#e0b25c",
        },
    ),
    Theme(
        name="answerback-light",
        primary="#2f5d9b",
        secondary="#5b6577",
        accent="#8a5a00",
        warning="#8f5300",
        error="#b3261e",
        success="#2c6e49",
        foreground="#1f2430",
        background="#f4f5f7",
        surface="#fbfbfc",
        panel="#e4e7ec",
        dark=False,
        variables={
            "footer-key-foreground": "#8a5a00",
            "footer-background": "#f4f5f7",
            "footer-description-foreground": "#4d5666",
            "border-blurred": "#c5cbd5",
            "quiet": "#586173",
            "brand": "#2f5d9b",
            "customer": "#8a5a00",
        },
    ),
    Theme(
        name="high-contrast",
        primary="#6fc3ff",
        secondary="#ffffff",
        accent="#ffe14d",
        warning="#ffc04d",
        error="#ff8080",
        success="#7dff9b",
        foreground="#ffffff",
        background="#000000",
        surface="#000000",
        panel="#2a2a2a",
        dark=True,
        text_alpha=1.0,
        variables={
            "footer-key-foreground": "#ffe14d",
            "footer-background": "#000000",
            "footer-description-foreground": "#ffffff",
            "border-blurred": "#9a9a9a",
            "quiet": "#d0d0d0",
            "brand": "#6fc3ff",
            "customer": "#ffe14d",
        },
    ),
    Theme(
        name="high-contrast-light",
        primary="#003a8c",
        secondary="#000000",
        accent="#6b3f00",
        warning="#6b3f00",
        error="#9b0000",
        success="#005a1e",
        foreground="#000000",
        background="#ffffff",
        surface="#ffffff",
        panel="#dcdcdc",
        dark=False,
        text_alpha=1.0,
        variables={
            "footer-key-foreground": "#003a8c",
            "footer-background": "#ffffff",
            "footer-description-foreground": "#000000",
            "border-blurred": "#6a6a6a",
            "quiet": "#333333",
            "brand": "#003a8c",
            "customer": "#6b3f00",
        },
    ),
)
NAMES = tuple(theme.name for theme in THEMES)
OTHERS = ("nord", "gruvbox", "tokyo-night", "catppuccin-latte", "solarized-light")
"""Looks that Textual brings and that read well here."""


def defaults(*, dark: bool) -> dict[str, str]:
    """Our own variables for Textual's themes, which know nothing of them."""
    if dark:
        return {"quiet": "#9aa3b2", "brand": "#7aa2d6", "customer": "#e0b25c"}
    return {"quiet": "#586173", "brand": "#2f5d9b", "customer": "#8a5a00"}
