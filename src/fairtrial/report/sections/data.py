"""The part of a page about the data."""

from __future__ import annotations

from fairtrial import plots
from fairtrial.errors import FairtrialError
from fairtrial.plots.of_data import list_tasks
from fairtrial.plots.of_images import list_image_arms
from fairtrial.report.blocks import Block, Figure, Part, Text
from fairtrial.results.results import Results


def build_data(trial: Results) -> Part:
    """Build the part: noise beside its density, labelled images, or the targets of a table."""
    heading = "The data"
    try:
        return Part(heading, _show_rows(trial))
    except FairtrialError as error:
        return Part(heading, [Text(f"The data cannot be shown: {error}", notice=True)])


def _show_rows(trial: Results) -> list[Block]:
    seed = trial.study.list_seeds()[0]
    task = next(iter(list_tasks(trial)))
    if task.has_noise:
        chart = plots.noise(trial)
        if chart is None:
            return [Text("The targets have no noise.")]
        caption = (
            f"Grey: the noise of the {task.rows:,} rows of seed {seed}, without the outermost "
            "0.1 % at either end. Line: its density."
        )
        return [Figure("noise", "Noise on the targets", chart, caption)]
    blocks: list[Block] = []
    if list_image_arms(trial):
        chart = plots.samples(trial)
        blocks.append(Figure("samples", "The first training image of each class", chart))
    targets = Figure("targets", "Targets of the training rows", plots.targets(trial))
    return [*blocks, targets]
