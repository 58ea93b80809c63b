"""Baselines of a study: models that stand beside the arms, and are not trained by steps."""

from typing import Annotated, Any

from pydantic import model_validator

from fairtrial.kinds.baselines.estimators import check_object, is_estimator
from fairtrial.kinds.baselines.models import BASELINES, BaselineSettings
from fairtrial.settings.base import Line, Settings

__all__ = ["Baseline", "BaselineEntry", "BaselineSettings"]

Baseline = Annotated[BaselineSettings, BASELINES]


class BaselineEntry(Settings):
    """A named baseline of a study, fitted on all training rows of its task."""

    name: Line
    model: Baseline

    @model_validator(mode="before")
    @classmethod
    def _name_object(cls, value: Any) -> Any:
        """Give an object of a Python program the name of its class."""
        if is_estimator(value):
            return {"name": type(value).__name__, "model": value}
        if not isinstance(value, BaselineEntry | BaselineSettings):
            check_object(value)
        return value
