"""What of a recipe fits targets that are numbers, or those that are classes."""

from __future__ import annotations

from collections.abc import Iterator

from fairtrial.study.recipe import Recipe


def find_misfits_of_targets(
    recipe: Recipe, name: str, on_classes: bool
) -> Iterator[tuple[str, str]]:
    """Yield each setting of a recipe that does not fit the targets, with a sentence.

    Parameters
    ----------
    recipe : Recipe
    name : str
        Of the task, for the sentence.
    on_classes : bool
        Whether its targets are classes; else numbers.
    """
    if on_classes and recipe.standardise:
        yield (
            "standardise",
            f"recipe.standardise = true, but {name} has classes: only targets that are numbers are "
            "standardised; leave it out.",
        )
