"""What the documents promise exists: commands, targets, links, settings."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.main import get_command

from cli.app import app
from orderbook.settings import Settings

REPOSITORY = Path(__file__).resolve().parents[3]
DOCUMENTS = [REPOSITORY / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")] + sorted(
    (REPOSITORY / "docs").rglob("*.md")
)
named = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)


@named
def test_every_make_target_exists(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    asked = set(re.findall(r"(?:^ {4}|`)(?:[A-Z_]+=\S+ )*make ([a-z-]+)", document.read_text(), re.MULTILINE))
    assert asked <= targets


@named
def test_every_subcommand_exists(document: Path) -> None:
    commands = set(getattr(get_command(app), "commands"))  # noqa: B009 - a group's, which the type does not say
    asked = set(re.findall(r"(?:^ {4}|`)(?:\.venv/bin/)?orderbook ([a-z]+)", document.read_text(), re.MULTILINE))
    assert asked <= commands


@named
def test_every_link_inside_the_repository_leads_somewhere(document: Path) -> None:
    for link in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
        assert (document.parent / link).exists(), link


@named
def test_every_test_folder_that_is_named_exists(document: Path) -> None:
    for path in re.findall(r"`((?:tests|docs|flink|orderbook|compose)/[\w./-]+)`", document.read_text()):
        assert (REPOSITORY / path).exists(), path


def test_readme_and_ci_run_the_same_tests() -> None:
    assert "    make test\n" in (REPOSITORY / "README.md").read_text()
    assert (REPOSITORY / ".ci" / "run").read_text().rstrip().endswith("make test")


def test_the_changelog_names_every_subcommand() -> None:
    changelog = (REPOSITORY / "CHANGELOG.md").read_text()
    for command in getattr(get_command(app), "commands"):  # noqa: B009 - see above
        assert f"`{command}`" in changelog


def test_settings_named_in_the_documents_exist() -> None:
    known = {name.upper() for name in Settings.model_fields}
    prefixes = ("ALERT_", "SPREAD_", "WATERMARK_", "CHECKPOINT_", "TOPIC_", "DASHBOARD_", "SIMULATOR_", "CALCULATE_")
    for document in DOCUMENTS:
        asked = {
            word for word in re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", document.read_text()) if word.startswith(prefixes)
        }
        assert asked <= known, document.name
