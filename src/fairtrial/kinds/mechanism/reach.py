"""What of a file of kinds can change what one of its kinds does."""

from __future__ import annotations

import ast
from collections.abc import Iterable

# What finds other functions without their names: then all of the file counts.
DYNAMIC = {"globals", "locals", "vars", "eval", "exec", "modules"}


def keep_reachable(text: str, own: int, others: Iterable[int]) -> str:
    r"""Return a file's source without the other kinds that the rest of it does not name.

    All else at the level of the module counts: it runs when the file is imported.

    Parameters
    ----------
    text : str
        The source of a file that was run.
    own : int
        The first line of a kind, with its decorators, counted from 1.
    others : iterable of int
        Those of other kinds.

    Examples
    --------
    >>> text = "@loss\ndef a(r): return b(r)\n@loss\ndef b(r): return r\n@metric\ndef c(): ..."
    >>> print(keep_reachable(text, 1, [3, 5]), end="")
    @loss
    def a(r): return b(r)
    @loss
    def b(r): return r
    """
    statements = {_find_start(one): one for one in ast.parse(text).body}
    left = {line: statements[line] for line in {*others} - {own} if line in statements}
    left = {line: one for line, one in left.items() if isinstance(one, ast.FunctionDef)}
    kept = [one for line, one in statements.items() if line not in left]
    if DYNAMIC & _list_names(statements.values()):
        return text
    while kept:  # What is kept may name others, which may name others.
        names = _list_names(kept)
        kept = [left.pop(line) for line, one in [*left.items()] if one.name in names]
    lines = text.split("\n")
    cut = {at for line, one in left.items() for at in range(line, (one.end_lineno or line) + 1)}
    return "\n".join(line for number, line in enumerate(lines, 1) if number not in cut)


def _find_start(statement: ast.stmt) -> int:
    """Find the first line of a statement, with its decorators."""
    decorators = getattr(statement, "decorator_list", [])
    return min(one.lineno for one in (statement, *decorators))


def _list_names(statements: Iterable[ast.stmt]) -> set[str]:
    """List what statements name, also in texts, as those of annotations and `getattr`."""
    nodes = (one for statement in statements for one in ast.walk(statement))
    fields = (getattr(one, field, "") for one in nodes for field in ("id", "attr", "value", "name"))
    return {value for value in fields if isinstance(value, str)}
