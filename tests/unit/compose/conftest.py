"""compose.yaml as Compose itself reads it: variables put in, merge keys resolved."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pytest
import yaml  # type: ignore[import-untyped]  # published without type information

from tests.servers import REPOSITORY

COMPOSE: Final = REPOSITORY / "compose"
VARIABLE: Final = re.compile(r"\$\{(?P<name>[A-Z0-9_]+)(?:(?P<kind>:-|:\?)(?P<word>[^}]*))?\}")


class MissingVariable(Exception):
    """A variable that the file requires is not set; the text is the file's own message."""


def interpolated(text: str, variables: Mapping[str, str]) -> str:
    """Put the variables in, as Compose does: `${NAME}`, `${NAME:-default}` and `${NAME:?message}`."""

    def value(found: re.Match[str]) -> str:
        if set_to := variables.get(found["name"]):
            return set_to
        if found["kind"] == ":?":
            raise MissingVariable(found["word"])
        return found["word"] or ""

    return VARIABLE.sub(value, text)


@dataclass(frozen=True, slots=True)
class Stack:
    """The file as one mapping."""

    document: dict[str, Any]

    @property
    def services(self) -> dict[str, dict[str, Any]]:
        services: dict[str, dict[str, Any]] = self.document["services"]
        return services

    def with_profiles(self, *profiles: str) -> set[str]:
        """The services that `docker compose --profile ... up` starts."""
        return {
            name
            for name, service in self.services.items()
            if not service.get("profiles") or set(service["profiles"]) & set(profiles)
        }


def load_stack(variables: Mapping[str, str]) -> Stack:
    text = interpolated((REPOSITORY / "compose.yaml").read_text(encoding="utf-8"), variables)
    return Stack(yaml.safe_load(text))


@pytest.fixture
def stack() -> Stack:
    return load_stack({"POSTGRES_PASSWORD": "of-the-test"})
