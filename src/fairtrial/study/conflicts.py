"""Rules between a task and a recipe."""

from collections.abc import Iterator

from fairtrial.kinds.metrics.monitors import LOSS, list_monitors, read_monitor
from fairtrial.settings.complaints import Complaint
from fairtrial.settings.partial import list_known
from fairtrial.study.recipe import Recipe
from fairtrial.study.task import AnyTask


def find_conflicts(task: AnyTask, recipe: Recipe) -> Iterator[Complaint]:
    """Yield a complaint for each setting of the recipe that the task cannot have.

    Each rule stands alone, so that one that reads what is unknown hides no other.
    """
    for find in (
        _find_misfits_of_scale, _find_misfits_of_class_weights, _find_misfits_of_label_noise,
        _find_misfits_of_input_noise, _find_misfits_of_features, _find_misfits_of_loss,
        _find_alien_monitors, _find_misfits_of_injections,
    ):  # fmt: skip
        yield from list_known(find(task, recipe, task.title))


def _find_misfits_of_scale(task: AnyTask, recipe: Recipe, name: str) -> Iterator[Complaint]:
    if task.has_classes and recipe.standardise:
        yield _conflict(
            "standardise",
            f"recipe.standardise = true, but {name} has classes: only targets that are numbers are "
            "standardised; leave it out.",
        )


def _find_misfits_of_class_weights(task: AnyTask, recipe: Recipe, name: str) -> Iterator[Complaint]:
    if not task.has_classes and recipe.class_weights is not None:
        yield _conflict(
            "class_weights",
            f"recipe.class_weights is set, but the targets of {name} are numbers: leave it out.",
        )


def _find_misfits_of_features(task: AnyTask, recipe: Recipe, name: str) -> Iterator[Complaint]:
    if task.image_shape or not task.has_images:  # Else the size is known once they are read.
        for setting, text in recipe.features.find_misfits(name, task.image_shape):
            yield _conflict(f"features.{setting}", text)


def _find_misfits_of_loss(task: AnyTask, recipe: Recipe, name: str) -> Iterator[Complaint]:
    loss = f"recipe.loss = {recipe.loss.kind!r}, but"
    if task.has_classes and not recipe.loss.on_classes:
        yield _conflict("loss", f"{loss} {name} has classes: use 'cross_entropy'.")
    if not task.has_classes and recipe.loss.on_classes:
        yield _conflict("loss", f"{loss} the targets of {name} are numbers: use e.g. 'mse'.")


def _find_misfits_of_injections(task: AnyTask, recipe: Recipe, name: str) -> Iterator[Complaint]:
    if task.has_classes and recipe.noise.on_targets:
        yield _conflict(
            "noise.data",
            f"recipe.noise.data without scale acts on targets that are numbers; {name} has "
            "classes: put noise on the features, as in { scale = 0.1 }, or leave it out.",
        )
    if not task.has_classes and recipe.noise.on_features:
        yield _conflict(
            "noise.data",
            f"recipe.noise.data.scale is for noise on the features of classes; the targets of "
            f"{name} are numbers: name every, low and high instead.",
        )


def _find_misfits_of_label_noise(task: AnyTask, _: Recipe, name: str) -> Iterator[Complaint]:
    if task.label_noise is not None and not task.has_classes:
        text = (
            f"task.label_noise = {task.label_noise.kind!r}, but the targets of {name} are numbers: "
            "put noise on them by task.noise, if the task has it, or leave it out."
        )
        yield Complaint(text, (("task", "label_noise"), ("task", "kind")))


def _find_misfits_of_input_noise(task: AnyTask, _: Recipe, name: str) -> Iterator[Complaint]:
    noise = task.input_noise
    if noise is not None and noise.on_images not in (None, task.has_images):
        fits = "images" if noise.on_images else "features that are not pixels"
        text = (
            f"task.input_noise = {noise.kind!r} is for {fits}, and {name} has other features: use "
            "'normal', or leave it out."
        )
        yield Complaint(text, (("task", "input_noise"), ("task", "kind")))


def _find_alien_monitors(task: AnyTask, recipe: Recipe, name: str) -> Iterator[Complaint]:
    """Yield a complaint where stopping or a schedule watches a metric of another sort of task."""
    on_classes = task.has_classes
    about = "classes" if on_classes else "numbers"
    for place, monitor in recipe.monitors.items():
        watched = read_monitor(monitor)
        if watched and watched.definition.about != about:
            targets = "has classes" if on_classes else "has numbers as targets"
            yield _conflict(
                place,
                f"recipe.{place} = {monitor!r}, but {name} {targets}: use '{LOSS}' or one of "
                f"{', '.join(map(repr, list_monitors(about)))}.",
            )


def _conflict(name: str, text: str) -> Complaint:
    """Place a conflict at a setting of the recipe: or, where an arm changes that, at its task."""
    return Complaint(text, (("recipe", *name.split(".")), ("task", "kind")))
