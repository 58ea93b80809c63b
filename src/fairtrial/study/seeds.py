"""The seeds of a study: how many, which ones, or a name that they are drawn from."""

import re
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator, WithJsonSchema

from fairtrial.settings.base import Line, Settings, check_text
from fairtrial.settings.complaints import show
from fairtrial.settings.names import suggest

MOST_SEEDS = 1_000_000
STEP_BITS = 16  # A drawn seed is 1 to 2^16 above the one before.


class NamedSeeds(Settings):
    """The seed that a name stands for, and `count` - 1 further ones drawn from it."""

    name: Line
    count: int = 1


def check_seeds(seeds: object) -> object:
    """Refuse what is neither a number of seeds, nor a list of them, nor a name."""
    if isinstance(seeds, NamedSeeds):
        seeds = seeds.model_dump()
    if isinstance(seeds, str):
        _check_name(seeds)
    elif isinstance(seeds, Mapping):
        _check_named(seeds)
    else:
        _check_numbers(seeds)
    return seeds


def _check_numbers(seeds: object) -> None:
    listed = seeds if isinstance(seeds, list) else [seeds]
    whole = all(type(seed) is int and 0 <= seed < 2**63 for seed in listed)
    too_many = isinstance(seeds, int) and not _is_count(seeds)
    if not whole or not listed or too_many or len(set(map(str, listed))) < len(listed):
        raise ValueError(
            f"{show(seeds)} must be a whole number of seeds from 1 to {MOST_SEEDS:,}, a list of "
            "different whole numbers, none negative, or a name"
        )


def _check_named(seeds: Mapping[str, Any]) -> None:
    known = list(NamedSeeds.model_fields)
    for key in seeds:
        if key not in known:
            raise ValueError(f"{key} is not a known name{suggest(key, known)}")
    if "name" not in seeds:
        raise ValueError(f'{show(seeds)} has no name: give it one, as in {{ name = "Ada" }}')
    _check_name(seeds["name"])
    if not _is_count(seeds.get("count", 1)):
        raise ValueError(
            f"count = {show(seeds['count'])} must be a whole number of seeds from 1 to "
            f"{MOST_SEEDS:,}"
        )


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f'the name {show(name)} must be a text that is not empty, as in "Ada"')
    if name.strip().lstrip("+-").isdecimal():
        raise ValueError(
            f"the name {show(name)} is a number: a whole number of seeds is written without quotes"
        )
    without_exponent = re.sub(r"(?<=[0-9])[eE](?=[+-]?[0-9])", "", name)
    if re.search(r"\d", name) and not any(letter.isalpha() for letter in without_exponent):
        raise ValueError(
            f"the name {show(name)} has no letters: numbers are written without quotes, as in 10 "
            "or [0, 1, 2]"
        )
    check_text(name)


def _is_count(value: object) -> bool:
    return type(value) is int and 1 <= value <= MOST_SEEDS


Seeds = Annotated[
    int | list[int] | str | NamedSeeds,
    BeforeValidator(check_seeds),
    WithJsonSchema({
        "description": "How many seeds, from 0 on; the seeds themselves; or a name, whose sum of "
        "code points is the first seed.",
        "anyOf": [
            {"type": "integer", "minimum": 1, "maximum": MOST_SEEDS},
            {
                "type": "array",
                "items": {"type": "integer", "minimum": 0, "maximum": 2**63 - 1},
                "minItems": 1,
                "uniqueItems": True,
            },
            {"type": "string", "minLength": 1},
            {
                "type": "object",
                "properties": {
                    "name": {"type": "string", "minLength": 1},
                    "count": {"type": "integer", "minimum": 1, "maximum": MOST_SEEDS},
                },
                "required": ["name"],
                "additionalProperties": False,
            },
        ],
    }),
]  # fmt: skip


def list_seeds(seeds: Any, count: int | None = None) -> list[int]:
    """List the seeds of a study file; if more are wanted, numbers above the largest follow."""
    if isinstance(seeds, str):
        seeds = NamedSeeds(name=seeds)
    if isinstance(seeds, NamedSeeds):
        return _draw_seeds(seeds.name, count or seeds.count)
    listed = list(range(seeds)) if isinstance(seeds, int) else list(seeds)
    if count is None:
        return listed
    above = max(listed) + 1
    return [*listed, *range(above, above + count - len(listed))][:count]


def _draw_seeds(name: str, count: int) -> list[int]:
    """Draw seeds from a name that is not empty, in ascending order.

    The first is the sum of the name's code points, as in the lab report. Each further one is above
    the one before by 1 plus the highest 16 bits of the next 32-bit word of the `SeedSequence` of
    that sum. So a larger count begins with the seeds of a smaller one.
    """
    first = sum(map(ord, name))
    words = np.random.SeedSequence(first).generate_state(count - 1, np.uint32)
    steps = (words >> (32 - STEP_BITS)).astype(np.int64) + 1
    return [first, *(first + np.cumsum(steps)).tolist()]
