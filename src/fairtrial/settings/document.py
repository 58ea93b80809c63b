"""A TOML text of the user's: its values, and the line that each of them stands on."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fairtrial.errors import InputError
from fairtrial.paths import expand_path, read_file
from fairtrial.settings.hints import hint_toml, looks_like_table

if TYPE_CHECKING:
    from tree_sitter import Node

MOST_LEVELS = 40  # Settings need five; recursion elsewhere is safe below this.
TOO_DEEP = f"this is nested too deeply: at most {MOST_LEVELS} levels; flatten it."
TOO_LARGE = "a whole number is beyond 64 bits, which TOML does not have: shorten it."
LONG_NUMBER = 1000  # Digits; Python itself reads up to 4,300.

# Keys and positions from the top: ("arms", 1, "set", "optimizer.learning_rate").
Place = tuple[str | int, ...]


@dataclass(frozen=True)
class Document:
    """Values, and what errors call their source; `text` is their TOML, None if from Python."""

    source: str
    values: Mapping[str, Any]
    text: str | None = None

    @cached_property
    def lines(self) -> dict[Place, int]:
        """The line of every table and value, counted from 1."""
        return {} if self.text is None else find_lines(self.text)

    def find_line(self, place: Place) -> int | None:
        """Return the line of a place; where the file does not have it, that of its parent."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place)


def read_text(path: str | Path) -> str:
    """Read a text file of the user's, or raise `InputError`."""
    path = expand_path(path)
    try:
        # Not read_text: that would turn a lone carriage return, which TOML refuses, into a line.
        content = read_file(path)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path.
        if "\n" in str(path):
            raise InputError(
                "This is text and no path: read a study from text with Study.from_toml."
            ) from None
        reason = getattr(error, "strerror", None) or "it cannot be read"
        raise InputError(f"{path} cannot be read: {reason}. Check the path.") from None
    try:
        if content.count(0) * 3 > len(content):  # UTF-16 without a mark.
            raise UnicodeDecodeError("utf-8", content, 0, 1, "a null")
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{path}, line {line}: this is not text in UTF-8: save the file as UTF-8."
        ) from None


def parse_toml(text: str, source: str) -> Document:
    """Parse TOML, or raise `InputError` with the line; `source` is what errors call it."""
    try:
        document = Document(source, tomllib.loads(text), text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{source}, {_word_toml_error(str(error), text)}") from None
    except RecursionError:
        raise InputError(f"{source}: {TOO_DEEP}") from None
    except ValueError:  # Python's limit on the digits of a whole number.
        line = _find_long_number(text)
        raise InputError(f"{source}{f', line {line}' if line else ''}: {TOO_LARGE}") from None
    for place, value in _walk(document.values):
        is_deep = len(place) > MOST_LEVELS
        if is_deep or (isinstance(value, int) and not -(2**63) <= value < 2**63):
            line, problem = document.find_line(place), TOO_DEEP if is_deep else TOO_LARGE
            raise InputError(f"{source}, line {line}: {problem}")
    return document


def _word_toml_error(message: str, text: str) -> str:
    reason, _, where = message.removesuffix(")").rpartition(" (at ")
    if where == "end of document":
        where = f"line {text.rstrip(chr(10)).count(chr(10)) + 1}"
    # The parser shows names as Python tuples: ('recipe', 'loss').
    reason = re.sub(
        r"\(((?:'[^']*'(?:, )?)+),?\)",
        lambda names: ".".join(re.findall(r"'([^']*)'", names[1])),
        reason,
    )
    line = re.match(r"line (\d+)", where)
    lines = text.split("\n")
    here = lines[int(line[1]) - 1] if line and int(line[1]) <= len(lines) else ""
    hint = hint_toml(here.rstrip("\r"), reason)
    if looks_like_table(text):
        hint = '; the file looks like a table, and a study names it, as in path = "table.csv"'
    return f"{where}: this is not valid TOML: {reason[:1].lower()}{reason[1:]}{hint}."


def _walk(values: Mapping[str, Any]) -> Iterator[tuple[Place, object]]:
    """Yield every value with its place, parents first."""
    waiting: list[tuple[Place, object]] = [((), values)]
    while waiting:
        place, value = waiting.pop()
        yield place, value
        if isinstance(value, Mapping):
            waiting += [((*place, key), inner) for key, inner in value.items()]
        elif isinstance(value, list):
            waiting += [((*place, position), inner) for position, inner in enumerate(value)]


# ------------------------------------------------------------------------------------------ lines


def find_lines(text: str) -> dict[Place, int]:
    """Find the line of every table and value of a TOML text, counted from 1."""
    lines: dict[Place, int] = {(): 1}
    counts: dict[Place, int] = {}
    for node in _parse(text).children:
        table: Place = ()
        if node.type in ("table", "table_array_element"):
            table = _name_table(node, counts)
            _note(table, node, lines)
        for pair in (node, *node.named_children):
            if pair.type == "pair":
                _find_pair(pair, table, lines)
    return lines


def _name_table(node: "Node", counts: dict[Place, int]) -> Place:
    """Return the place that a header opens; `counts` has the latest entry of each array."""
    place: Place = ()
    parts = _read_key(node.named_children[0])
    for part in parts[:-1]:
        place = (*place, part)
        if place in counts:
            place = (*place, counts[place])
    place = (*place, *parts[-1:])
    if node.type == "table_array_element":
        counts[place] = counts.get(place, -1) + 1
        place = (*place, counts[place])
    return place


def _find_pair(pair: "Node", table: Place, lines: dict[Place, int]) -> None:
    """Note the lines of a key and of everything in its value."""
    waiting: list[tuple[Place, Node]] = [(table, pair)]
    while waiting:
        place, node = waiting.pop()
        inner = [child for child in node.named_children if child.type != "comment"]
        if node.type == "pair":
            place = (*place, *_read_key(inner[0]))
            waiting.append((place, inner[-1]))
        elif node.type == "array":
            waiting += [((*place, position), child) for position, child in enumerate(inner)]
        elif node.type == "inline_table":
            waiting += [(place, child) for child in inner]
        _note(place, node, lines)


def _note(place: Place, node: "Node", lines: dict[Place, int]) -> None:
    """Note the line of a place, and of parents that a dotted key has made on the way."""
    for length in range(1, len(place) + 1):
        lines.setdefault(place[:length], _line_of(node))


def _read_key(node: "Node") -> list[str]:
    """Return the parts of a key, without quotes and escapes."""
    try:
        inner: Any = tomllib.loads(f"{_text_of(node)} = 0")
    except tomllib.TOMLDecodeError:  # A text that is not TOML, or that the parser sees otherwise.
        return [_text_of(node)]
    parts = []
    while isinstance(inner, dict):
        [(part, inner)] = inner.items()
        parts.append(part)
    return parts


def _find_long_number(text: str) -> int | None:
    waiting = [_parse(text)]
    while waiting:
        node = waiting.pop()
        if node.type == "integer" and len(_text_of(node)) > LONG_NUMBER:
            return _line_of(node)
        waiting += reversed(node.named_children)
    return None


def _parse(text: str) -> "Node":
    # Loaded only where there is an error to place.
    import tree_sitter
    import tree_sitter_toml

    language = tree_sitter.Language(tree_sitter_toml.language())
    return tree_sitter.Parser(language).parse(text.encode("utf-8", "replace")).root_node


def _line_of(node: "Node") -> int:
    return node.start_point[0] + 1


def _text_of(node: "Node") -> str:
    return (node.text or b"").decode("utf-8", "replace")
