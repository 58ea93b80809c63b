"""What all settings share: the words a study file may use, each with its rule.

The settings are frozen Pydantic models, so the same rules hold for studies written in TOML and for
studies built in Python. Numbers carry their units in the docstrings.
"""

from __future__ import annotations

import unicodedata
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """Base of all settings: frozen, strict about types, no unknown keys, finite numbers only."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    def __hash__(self) -> int:
        # Pydantic's own refuses lists, and a task that holds one is still a key of tables of runs.
        values = vars(self).values()
        return hash(tuple(tuple(value) if isinstance(value, list) else value for value in values))


def _check_range(value: float) -> float:
    """Refuse what float32, in which training runs, would make 0 or infinite."""
    if value and not 1e-30 <= abs(value) <= 1e30:
        raise ValueError(f"{value:g} must be 1e-30 to 1e30 in size, as training is in float32")
    return value


# What the schema of study files says of `_check_range`.
_MOST: Any = {"maximum": 1e30}

Number = Annotated[
    float, Field(json_schema_extra={"minimum": -1e30} | _MOST), AfterValidator(_check_range)
]
Positive = Annotated[
    float, Field(gt=0, json_schema_extra={"minimum": 1e-30} | _MOST), AfterValidator(_check_range)
]
NonNegative = Annotated[float, Field(ge=0, json_schema_extra=_MOST), AfterValidator(_check_range)]
Share = Annotated[float, Field(gt=0, lt=1)]
Rows = Annotated[int, Field(ge=2, lt=2**31)]
Decay = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1, lt=2**31)]


def check_text(text: str) -> str:
    """Refuse what would tear tables and terminals apart."""
    if any(unicodedata.category(letter) == "Cc" for letter in text):
        raise ValueError(f"{text!r} must be one line, without tabs or control characters")
    return text


Line = Annotated[str, Field(min_length=1), AfterValidator(check_text)]


def expand_bare_name(value: object) -> object:
    """Write `"mse"` as `{"kind": "mse"}`: a kind without settings may be its bare name."""
    return {"kind": value} if isinstance(value, str) else value
