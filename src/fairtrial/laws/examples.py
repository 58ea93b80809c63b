"""Settings to check a kind with."""

import contextlib
from typing import Any, get_args

from fairtrial.errors import InputError
from fairtrial.kinds.mechanism.kind import Kind
from fairtrial.study.recipe import Recipe

GUESSES = (0.5, 1, 2, [0.5], 10)


def make_example(kind: Kind[...]) -> Any:
    """Make settings of a kind by defaults and guesses; an `InputError` if no guess is allowed."""
    required = [name for name, one in kind.settings.model_fields.items() if one.is_required()]
    make: Any = kind.settings
    for guess in GUESSES[:-1]:
        with contextlib.suppress(InputError):
            return make(**dict.fromkeys(required, guess))
    return make(**dict.fromkeys(required, GUESSES[-1]))


def list_examples(kind: Kind[...]) -> list[Any]:
    """Make settings of a kind: an example, and others for what its defaults leave out.

    In all but the first, numbers whose default is 0 or None are 1/2; each word has every value
    once.
    """
    first = make_example(kind)
    make: Any = kind.settings
    awake = {name: 0.5 for name in kind.numbers if not getattr(first, name)}
    given = {name: getattr(first, name) for name in make.model_fields}
    examples = [first]
    for more in [{}, *_list_other_words(kind, given)] if awake else _list_other_words(kind, given):
        with contextlib.suppress(InputError):
            examples.append(make(**(given | awake | more)))
    return examples


def _list_other_words(kind: Kind[...], given: dict[str, Any]) -> list[dict[str, Any]]:
    """List the values of bools and words that are not the given ones, each alone."""
    values = {
        name: get_args(kind.settings.model_fields[name].annotation) or (True, False)
        for name in kind.words
    }
    return [
        {name: value} for name in values for value in values[name] if value != given[name]
    ]  # fmt: skip


def make_recipe(**settings: Any) -> Recipe:
    """Make a recipe of one step with some settings."""
    return Recipe(**({"loss": "mse", "optimizer": "sgd", "steps": 1} | settings))
