"""Noise on the training rows that a task may have, beside that on its targets."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from fairtrial.kinds.corruptions import (
    INPUT_NOISES,
    LABEL_NOISES,
    InputNoiseSettings,
    LabelNoiseSettings,
)
from fairtrial.settings.base import Settings


class TaskNoise(Settings):
    """Noise on training rows, drawn for each seed; test rows stay as they are."""

    input_noise: Annotated[InputNoiseSettings, INPUT_NOISES] | None = Field(
        default=None,
        description="Noise on the features of training rows, validation rows too, drawn for each "
        "seed. Test rows stay clean.",
    )
    label_noise: Annotated[LabelNoiseSettings, LABEL_NOISES] | None = Field(
        default=None,
        description="Wrong classes of training rows, validation rows too, drawn for each seed. "
        "Test rows stay clean.",
    )

    @property
    def has_noisy_rows(self) -> bool:
        """Whether each seed trains on rows with noise of its own, also where rows are fixed."""
        return self.input_noise is not None or self.label_noise is not None
