"""Which library each reference is computed with, read from its code."""

import types
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
TITLES = {
    "keras": "Keras", "sklearn": "scikit-learn", "skimage": "scikit-image", "scipy": "SciPy",
    "numpy": "NumPy",
}  # fmt: skip


def _list_codes(code):
    yield code
    for one in code.co_consts:
        if isinstance(one, types.CodeType):
            yield from _list_codes(one)


def _list_modules(reference, seen):
    """List the modules that a reference, and what it calls in its file, speaks of."""
    parts = []
    if isinstance(reference, tuple | list):
        parts = reference
    elif isinstance(reference, types.ModuleType):
        yield reference.__name__.partition(".")[0]
    elif isinstance(reference, types.FunctionType) and reference not in seen:
        seen.add(reference)
        names = {name for code in _list_codes(reference.__code__) for name in code.co_names}
        yield from names & TITLES.keys()  # Imported within the function.
        parts = [reference.__globals__[name] for name in names & reference.__globals__.keys()]
    elif isinstance(reference, type) and reference.__module__.startswith("reference."):
        parts = vars(reference).values()
    elif not isinstance(reference, types.FunctionType | type):
        yield type(reference).__module__.partition(".")[0]
    for one in parts:
        yield from _list_modules(one, seen)


def name_library(reference):
    """Return the first library of `TITLES` that a reference speaks of.

    A text has the library and a file, which imports it.
    """
    if isinstance(reference, str):
        title, _, file = reference.partition(": ")
        name = next(name for name in TITLES if TITLES[name] == title)
        text = (ROOT / file).read_text(encoding="utf-8")
        assert f"import {name}" in text or f"from {name}" in text, reference
        return title
    found = {*_list_modules(reference, set()), "numpy"}
    return next(title for name, title in TITLES.items() if name in found)
