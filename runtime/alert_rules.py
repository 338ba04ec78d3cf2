"""The alert rules in force: the built-in ones, and what the file ALERT_RULES_FILE puts over and beside them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from orderbook.alerts import AlertRules, built_in_rules
from orderbook.alerts.rules_file import read_rules
from orderbook.errors import SettingsError

if TYPE_CHECKING:
    from orderbook.settings import Settings


def rules_in_force(settings: Settings, file: Path | None = None) -> AlertRules:
    """Return the rules under the settings, with `file` in the place of ALERT_RULES_FILE where one is given.

    Raises SettingsError where the file cannot be read, and with `file:line: reason` for each rule that is refused.
    """
    built_in = built_in_rules(settings)
    path = file or settings.alert_rules_file
    if path is None:
        return built_in
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as unreadable:
        why = unreadable.strerror or str(unreadable)
        raise SettingsError(f"the alert rules {path} cannot be read: {why}; see ALERT_RULES_FILE") from None
    except UnicodeDecodeError as unreadable:
        raise SettingsError(f"the alert rules {path} are not UTF-8: {unreadable}") from None
    return read_rules(text, str(path), built_in, settings)
