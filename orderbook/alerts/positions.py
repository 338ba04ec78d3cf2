"""YAML as plain values, and on which line each of them stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import yaml  # type: ignore[import-untyped]  # published without type information

Path = tuple[str | int, ...]

DEEPEST: Final = 8
"""Levels a document may nest; a document that refers to itself would have no end."""

PLAIN: Final = frozenset({"tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"})


class Misplaced(Exception):
    """Something at a line that cannot be read."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Positioned:
    """A document's value and the line, from 1, of each path in it."""

    value: object
    lines: dict[Path, int] = field(default_factory=dict)

    def line(self, path: Path) -> int:
        """Return the line of a path, or of the nearest one above it that stands in the document."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def read_positioned(text: str) -> Positioned:
    """Return the only document of a YAML text, None for an empty one.

    Raises Misplaced where it is not YAML, holds a key twice, nests too deeply or asks for anything but plain values.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        document = Positioned(None)
        return Positioned(None if node is None else _value(node, (), document.lines), document.lines)
    except yaml.MarkedYAMLError as wrong:
        mark = wrong.problem_mark or wrong.context_mark
        raise Misplaced(1 if mark is None else mark.line + 1, f"not YAML: {wrong.problem}") from None
    except yaml.YAMLError as wrong:
        raise Misplaced(1, f"not YAML: {' '.join(str(wrong).split())}") from None
    except RecursionError:
        raise Misplaced(1, f"nests deeper than {DEEPEST} levels") from None


def _value(node: yaml.Node, path: Path, lines: dict[Path, int]) -> object:
    line = node.start_mark.line + 1
    lines.setdefault(path, line)
    if len(path) > DEEPEST:
        raise Misplaced(line, f"nests deeper than {DEEPEST} levels")
    if not isinstance(node, yaml.ScalarNode) and node.tag not in PLAIN:
        raise Misplaced(line, f"not plain: {node.tag} makes more than a mapping or a list of it")
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, lines)
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, (*path, index), lines) for index, item in enumerate(node.value)]
    try:
        return yaml.constructor.SafeConstructor().construct_object(node)
    except ValueError as wrong:
        raise Misplaced(line, f"{node.value!r} is no {node.tag.rpartition(':')[2]}: {wrong}") from None


def _mapping(node: yaml.MappingNode, path: Path, lines: dict[Path, int]) -> dict[str, object]:
    read: dict[str, object] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            raise Misplaced(line, "a key is not a name")
        # As it is written: YAML would read a rule called `on` as true.
        key = str(key_node.value)
        if key in read:
            raise Misplaced(line, f"{key!r} stands twice, first on line {lines[*path, key]}")
        lines[*path, key] = line
        read[key] = _value(value_node, (*path, key), lines)
    return read
