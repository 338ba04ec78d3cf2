"""Market behaviour by script: what a symbol's market can be made to play, each scene by its name, fields and limits.

    Scene
    ├── calm        both sides level, small orders alone: nothing to be found
    ├── vacuum      the depth of one side is pulled and the other thinned, the spread opens; then all comes back
    ├── ignition    a run of aggressive orders moves the price, then most of the way is given back
    └── spoof       a large order away from the touch, a fill on the other side, the large order gone

While a scene plays, the symbol's own traders stand aside; afterwards they go on where they were. Every scene begins by
levelling the best levels of both sides, then is calm for `LEAD_IN_MS`. Times are of the market's clock.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated, Any, Final, Literal, get_args

import msgspec
from msgspec import Meta

from connectors.simulator.faults import BadFault

LEAD_IN_MS: Final = 500
ACT_MS: Final = 50
"""The small orders of a calm market come this far apart."""

Seconds = Annotated[float, Meta(ge=0.2, le=3600)]


class _OfSymbol(msgspec.Struct, frozen=True, tag_field="kind", forbid_unknown_fields=True, kw_only=True):
    """A scene of one symbol: `kind` is its name."""

    symbol: str


class Calm(_OfSymbol, frozen=True, tag="calm"):
    """Both sides are level and only small orders come, for `duration_s`."""

    duration_s: Seconds = 60.0


class Vacuum(_OfSymbol, frozen=True, tag="vacuum"):
    """The near levels of `side` are pulled and the other side is thinned for `duration_s`, then all of it is back."""

    side: Literal["bid", "ask"] = "bid"
    duration_s: Seconds = 1.0


class Ignition(_OfSymbol, frozen=True, tag="ignition"):
    """Takers of `side` (`bid` buys) move the price by `move_bps` in two seconds; four fifths of it is given back."""

    side: Literal["bid", "ask"] = "bid"
    move_bps: Annotated[float, Meta(ge=1, le=50)] = 6.0


class Spoof(_OfSymbol, frozen=True, tag="spoof"):
    """A large order rests on `side`, `away_bps` behind the touch; a second later a taker trades on the other side.

    Half a second after that the large order is cancelled.
    """

    side: Literal["bid", "ask"] = "bid"
    away_bps: Annotated[float, Meta(ge=0.5, le=10)] = 2.0


Scene = Calm | Vacuum | Ignition | Spoof

SCENES: Final[dict[str, type[Scene]]] = {str(kind.__struct_config__.tag): kind for kind in get_args(Scene)}
"""Every scene by its name."""


def parse_scene(asked: object, symbols: Collection[str]) -> Scene:
    """The scene that a JSON value asks for; raises BadFault, whose text says what is allowed."""
    if not isinstance(asked, Mapping) or asked.get("kind") not in SCENES:
        raise BadFault(f"A scene is an object with a kind ({', '.join(SCENES)}) and a symbol.")
    kind = asked["kind"]
    if asked.get("symbol") not in symbols:
        raise BadFault(f"{kind}: no symbol {str(asked.get('symbol'))[:40]!r} is traded here.")
    try:
        scene: Scene = msgspec.convert(asked, type=SCENES[kind])
    except msgspec.ValidationError as error:
        raise BadFault(f"{kind}: {error}; {kind} takes {', '.join(SCENES[kind].__struct_fields__)}.") from None
    return scene


def described_scene(scene: Scene) -> dict[str, Any]:
    """The scene as JSON values, with its kind and every field."""
    return {"kind": scene.__struct_config__.tag, **msgspec.structs.asdict(scene)}
