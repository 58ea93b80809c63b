"""Settings that are lengths in target units, in those units or relative to the data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin

from pydantic import TypeAdapter
from pydantic_core import CoreSchema, core_schema

from fairtrial.settings.base import NonNegative, Positive, Settings


class InTargetUnits:
    """Marks a setting as a length in target units, which may be relative to the data."""


if TYPE_CHECKING:  # Functions are given numbers, and settings also tables: `huber(delta={...})`.
    Length = float | Any
    Distance = float | Any
else:
    Length = Annotated[Positive, InTargetUnits()]
    Distance = Annotated[NonNegative, InTargetUnits()]


class TimesMad(Settings):
    """A length relative to the data: `times_mad` times a robust standard deviation.

    That is the normalised median absolute deviation of the residuals at the start of training:
    1.4826 times the median of their distances from their median, over the training rows of the run.
    """

    times_mad: Positive


class LengthChoice:
    """What stands at such a setting: a number, or a table that is relative to the data."""

    is_number = True

    def __init__(self, number: Any):
        self._number: TypeAdapter[Any] = TypeAdapter(number)

    def list_models(self) -> list[type[Any]]:
        """Return the model of the table."""
        return [TimesMad]

    def validate(self, value: Any) -> Any:
        """Make a number, or the settings of a table."""
        if isinstance(value, TimesMad):
            return value
        if isinstance(value, Mapping):
            return TimesMad.__pydantic_validator__.validate_python(value)
        return self._number.validator.validate_python(value, strict=True)

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> CoreSchema:
        describe: Any = {"pydantic_js_functions": [self._describe]}
        return core_schema.no_info_plain_validator_function(self.validate, metadata=describe)

    def _describe(self, schema: CoreSchema, handler: Any) -> Any:
        choices: list[Any] = [self._number.core_schema, TimesMad.__pydantic_core_schema__]
        return handler(core_schema.union_schema(choices))


def is_length(annotation: Any) -> bool:
    """Say whether an annotation marks a length in target units.

    Examples
    --------
    >>> is_length(Length), is_length(float)
    (True, False)
    """
    is_marked = get_origin(annotation) is Annotated
    return is_marked and any(isinstance(one, InTargetUnits) for one in get_args(annotation)[1:])
