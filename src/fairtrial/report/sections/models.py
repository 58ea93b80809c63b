"""The parts of a page about the data and the trained models: fits, predictions, weights."""

from collections.abc import Callable

from fairtrial import plots
from fairtrial.errors import FairtrialError
from fairtrial.plots.names import title_arms
from fairtrial.plots.of_data import N_DOTS, list_tasks
from fairtrial.plots.of_images import list_image_arms
from fairtrial.plots.trials import name_series
from fairtrial.plots.vega import Chart
from fairtrial.report.blocks import Block, Figure, Fold, Part, Row, Text, fold_others, make_name
from fairtrial.results.results import Results

MOST_MODELS = 3
"""Arms whose images the page shows; the images of further arms are folded."""


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


def build_models(trial: Results) -> list[Part]:
    """Build the parts: fits for numbers; predictions, weights and mistakes for classes."""
    seed = trial.study.list_seeds()[0]
    try:
        if trial.study.task.has_classes:
            return _build_images(trial, seed)
        return _build_fits(trial, seed)
    except FairtrialError as error:
        text = f"The models cannot be shown: {error}"
        return [Part("Models", [Text(text, notice=True)])]


def _build_fits(trial: Results, seed: int) -> list[Part]:
    blocks: list[Block] = []
    if fits := plots.fits(trial):
        caption = (
            f"Models of seed {seed}. Dots: the first {N_DOTS} training rows. Wide grey line: the "
            "true line. Where lines overlap, the arms agree."
        )
        blocks.append(Figure("fits", "Data and fitted lines", fits, caption))
    elif predictions := plots.predicted_against_true(trial):
        caption = (
            f"Models of seed {seed}, at most {N_DOTS} test rows. Line: prediction equals target."
        )
        blocks.append(Figure("predictions", "Predictions of test rows", predictions, caption))
    if residuals := plots.residuals(trial):
        caption = f"Target minus prediction for all training rows. Models of seed {seed}."
        blocks.append(Figure("residuals", "Residuals", residuals, caption))
    return [Part("Fits", blocks)] if blocks else []


def _build_images(trial: Results, seed: int) -> list[Part]:
    named, _ = name_series(trial)
    shown = list_image_arms(trial)
    arms = {arm: title for arm, title in title_arms(named).items() if arm in shown}
    if not arms:
        return []

    def draw(kind: str, chart: Callable[[Results, str], Chart]) -> list[Figure]:
        return [
            Figure(f"{kind}-{make_name(title)}", title, chart(trial, arm))
            for arm, title in arms.items()
        ]

    marks = "✓ marks a correct prediction, ✗ a wrong one; the true label is above it."
    of_seed = f"Models of seed {seed}."
    parts = [
        ("Nine test images", f"The first nine test rows. {marks} {of_seed}",
         _fold_rows(draw("predictions", plots.predictions))),
        ("Most confident mistakes", "For each model, the nine wrong predictions that it is most "
         f"confident of. {marks} {of_seed}", _fold_rows(draw("mistakes", plots.mistakes))),
        ("Weights of each class", "Orange pixels count for the class, blue ones against it. All "
         "classes and arms share one scale, symmetric about 0 and compressed towards its ends so "
         f"that small weights are visible. {of_seed}", fold_others(draw("weights", plots.weights))),
        ("Confusion", "Rows: true class. Columns: predicted class. Values: per cent of the test "
         "rows of the true class, over all seeds. Blue: correct. Orange: wrong, darker where more "
         "frequent.", fold_others(draw("confusion", plots.confusion))),
    ]  # fmt: skip
    return [Part(heading, [Text(note), *blocks]) for heading, note, blocks in parts]


def _fold_rows(figures: list[Figure]) -> list[Block]:
    """Show the first figures side by side and fold the others."""
    shown, others = figures[:MOST_MODELS], figures[MOST_MODELS:]
    more = "1 more arm" if len(others) == 1 else f"{len(others)} more arms"
    return [Row(shown), *([Fold(more, [Row(others)])] if others else [])]
