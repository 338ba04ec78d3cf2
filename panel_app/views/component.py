"""What the page's own components share: their scripts and styles, read from `assets` and sent with the page."""

from __future__ import annotations

from pathlib import Path
from typing import Final

ASSETS: Final = Path(__file__).parent.parent / "assets"


def asset(name: str) -> str:
    """The text of a file in `assets`."""
    return (ASSETS / name).read_text(encoding="utf-8")


def script(name: str) -> str:
    """A component's module, with the page's shared clock before it."""
    return f"{asset('clock.js')}\n{asset(f'{name}.js')}"


STYLES: Final = asset("parts.css")
