"""The parts of a page about what was learned: fitted lines, residuals, predictions, weights."""

from __future__ import annotations

from collections.abc import Callable

from fairtrial import plots
from fairtrial.errors import FairtrialError
from fairtrial.plots.layout import Chart
from fairtrial.plots.of_data import N_DOTS
from fairtrial.plots.of_runs import name_series
from fairtrial.plots.rows import has_plain_pixels
from fairtrial.report.blocks import Block, Figure, Fold, Part, Row, Text, make_name
from fairtrial.study.task import has_classes
from fairtrial.trial.trial import Trial

MOST_MODELS = 3
"""Arms whose images are shown at once; further ones are folded."""


def build_models(trial: Trial) -> list[Part]:
    """Build the parts: of lines and tables their fits, of images what the model makes of them."""
    seed = trial.study.list_seeds()[0]
    try:
        if has_classes(trial.study.task):
            return _build_images(trial, seed)
        return _build_fits(trial, seed)
    except FairtrialError as error:
        text = f"What was learned cannot be shown: {error}"
        return [Part("What was learned", [Text(text, notice=True)])]


def _build_fits(trial: Trial, seed: int) -> list[Part]:
    blocks: list[Block] = []
    fits = plots.fits(trial)
    if fits is not None:
        caption = (
            f"Seed {seed}; dots: the first {N_DOTS} rows it was trained on; wide grey line: the "
            "truth. Where lines lie on one another, the arms agree."
        )
        blocks.append(Figure("fits", "Data and fitted lines", fits, caption))
    elif (told := plots.told(trial)) is not None:
        caption = f"Seed {seed}; {N_DOTS} test rows at most; line: where both are equal."
        blocks.append(Figure("told", "Predictions of test rows", told, caption))
    residuals = plots.residuals(trial)
    if residuals is not None:
        caption = f"Seed {seed}; target minus prediction, all training rows."
        blocks.append(Figure("residuals", "Residuals", residuals, caption))
    return [Part("Fits", blocks)] if blocks else []


def _build_images(trial: Trial, seed: int) -> list[Part]:
    named, _ = name_series(trial)
    arms = {
        arm: " · ".join(filter(None, (setting, series)))
        for arm, setting, series in named.select("arm", "setting", "series")
        .unique(maintain_order=True)
        .iter_rows()
        if has_plain_pixels(trial, arm)
    }

    if not arms:
        return []

    def draw(kind: str, chart: Callable[[Trial, str], Chart]) -> list[Figure]:
        return [
            Figure(f"{kind}-{make_name(title)}", title, chart(trial, arm))
            for arm, title in arms.items()
        ]

    marks = "✓ where the prediction is right, ✗ where it is wrong, under the true label."
    of_seed = f"Models of seed {seed}."
    parts = [
        ("Nine test images", f"The first nine of the test rows. {marks} {of_seed}",
         draw("predictions", plots.predictions)),
        ("The most confidently wrong", f"The nine test rows that each model was surest of, and "
         f"wrong about. {marks} {of_seed}", draw("mistakes", plots.mistakes)),
    ]  # fmt: skip
    tall = [
        ("What the classes look for", "An orange pixel speaks for the class, a blue one against "
         "it. One scale for all classes and arms, symmetric about 0 and compressed towards its "
         f"ends so that small weights show too. {of_seed}", draw("weights", plots.weights)),
        ("Confusion", "Test rows of each class (a row) told as each class (a column), in per cent "
         "of the class, over all seeds. Blue: right; the more orange, the more often mistaken.",
         draw("confusion", plots.confusion)),
    ]  # fmt: skip
    return [
        *(Part(heading, [Text(note), *_fold_rows(figures)]) for heading, note, figures in parts),
        *(Part(heading, [Text(note), *_fold_tall(figures)]) for heading, note, figures in tall),
    ]


def _fold_rows(figures: list[Figure]) -> list[Block]:
    """Show some figures side by side, and fold the others."""
    shown, others = figures[:MOST_MODELS], figures[MOST_MODELS:]
    more = "1 more arm" if len(others) == 1 else f"{len(others)} more arms"
    return [Row(shown), *([Fold(more, [Row(others)])] if others else [])]


def _fold_tall(figures: list[Figure]) -> list[Block]:
    """Show the first figure, and fold the others one by one."""
    return [*figures[:1], *(Fold(figure.title, [figure]) for figure in figures[1:])]
