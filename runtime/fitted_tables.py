"""The fitted tables in force: those that come with the product, or those of FITTED_FILE in their place."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

from orderbook.errors import SettingsError
from orderbook.fitted import FittedTables, decode_fitted

if TYPE_CHECKING:
    from orderbook.settings import Settings


def fitted_in_force(settings: Settings) -> FittedTables:
    """Return the tables that the metrics use. Raises SettingsError where FITTED_FILE cannot be read or holds none."""
    path = settings.fitted_file
    if path is None:
        return decode_fitted(resources.files("orderbook").joinpath("fitted.json").read_bytes(), "orderbook/fitted.json")
    try:
        text = path.read_bytes()
    except OSError as unreadable:
        why = unreadable.strerror or str(unreadable)
        raise SettingsError(f"the fitted tables {path} cannot be read: {why}; see FITTED_FILE") from None
    return decode_fitted(text, str(path))
