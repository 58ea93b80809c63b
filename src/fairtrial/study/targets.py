"""What of a task and a recipe fits targets that are numbers, or those that are classes."""

from __future__ import annotations

from collections.abc import Iterator

from fairtrial.study.recipe import Recipe
from fairtrial.study.task import AnyTask

Misfits = Iterator[tuple[tuple[str, ...], str]]


def find_misfits_of_targets(task: AnyTask, recipe: Recipe) -> Misfits:
    """Yield the place of each setting that does not fit the targets or rows, with a sentence."""
    on_classes, name = task.has_classes, task.title
    if on_classes and recipe.standardise:
        yield (
            ("recipe", "standardise"),
            f"recipe.standardise = true, but {name} has classes: only targets that are numbers are "
            "standardised; leave it out.",
        )
    if not on_classes and recipe.class_weights is not None:
        yield (
            ("recipe", "class_weights"),
            f"recipe.class_weights is set, but the targets of {name} are numbers: leave it out.",
        )
    yield from _find_misfits_of_noise(task, name)


def _find_misfits_of_noise(task: AnyTask, name: str) -> Misfits:
    if task.label_noise is not None and not task.has_classes:
        yield (
            ("task", "label_noise"),
            f"task.label_noise = {task.label_noise.kind!r}, but the targets of {name} are numbers: "
            "put noise on them by task.noise, if the task has it, or leave it out.",
        )
    noise = task.input_noise
    if noise is not None and noise.on_images not in (None, task.has_images):
        fits = "images" if noise.on_images else "features that are not pixels"
        yield (
            ("task", "input_noise"),
            f"task.input_noise = {noise.kind!r} is for {fits}, and {name} has other features: use "
            "'normal', or leave it out.",
        )
