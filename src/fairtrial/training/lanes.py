"""Which runs one lane trains: a longer run passes through all that a shorter one is."""

from __future__ import annotations

from collections.abc import Sequence

from fairtrial.study.recipe import Recipe


def share_lanes(recipes: Sequence[Recipe]) -> tuple[list[Recipe], list[int]]:
    """Give recipes that differ in their length alone one lane, as long as the longest of them.

    Parameters
    ----------
    recipes : sequence of Recipe
        Of runs on the same data, with the same seed.

    Returns
    -------
    longest : list of Recipe
        What each of the L lanes trains, in the order in which the lanes are first needed.
    places : list of int
        For each of the recipes given, its lane.
    """
    lanes: dict[Recipe, int] = {}
    places = [lanes.setdefault(recipe.course, len(lanes)) for recipe in recipes]
    longest: dict[int, Recipe] = {}
    for place, recipe in zip(places, recipes, strict=True):
        longest[place] = max(longest.get(place, recipe), recipe, key=lambda one: one.length)
    return list(longest.values()), places
