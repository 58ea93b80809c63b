"""Errors of a study file: all of them at once, and none that only follows from another."""

import itertools
import re
from typing import Any

import pytest

from fairtrial import InputError, Recipe, Study

STUDY = """
name = "Losses"
seeds = 3
metrics = ["mse"]
task = { kind = "line", rows = 50 }
[recipe]
loss = "mse"
optimizer = { kind = "sgd", learning_rate = 0.1 }
schedule = "constant"
steps = 5
[vary]
loss = ["mse", "mae"]
[[arms]]
name = "robust"
set = { loss = "huber", "loss.delta" = 2.0 }
[[baselines]]
name = "trees"
model = { kind = "random_forest", trees = 5 }
[[claims]]
say = "MAE is better."
better = { loss = "mae" }
than = { loss = "mse" }
on = "mse"
[[claims]]
say = "Huber's loss is better."
better = { arm = "robust" }
than = { arm = "trees" }
on = "mae"
margin = 0.1
"""


def list_errors(*changes):
    """List the errors of the study, each as its line and sentence, after changes of its text."""
    text = STUDY.strip()
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    try:
        Study.from_toml(text)
    except InputError as error:
        return re.findall(r"^study, line (\d+): (.*)$", str(error), re.MULTILINE)
    return []


EVERY_STAGE = [
    # What is wrong, by itself, in one stage after the other; the sentence begins so.
    ("seeds = 3", "seeds = 0", "seeds: 0 must be a whole number"),
    ('metrics = ["mse"]', 'metrics = ["msee"]', "metrics[0] = 'msee' is not a known kind"),
    ("rows = 50", "row = 50", "task.row is not a known name"),
    ('loss = "mse"\nopt', 'loss = "mes"\nopt', "recipe.loss = 'mes' is not a known kind"),
    ("rate = 0.1", "rate = -0.1", "recipe.optimizer.learning_rate = -0.1: it must be greater"),
    ('"constant"', '{ kind = "step", evry = 2 }', "recipe.schedule.evry is not a known name"),
    ("steps = 5", "epochs = 5", "recipe: epochs and batch_size go together."),
    ('["mse", "mae"]', '["mse", "maee"]', "arm 'maee': recipe.loss = 'maee' is not a known kind"),
    (
        'set = { loss = "huber", "loss.delta" = 2.0 }',
        'set = { loss = "huber", "loss.dela" = 2.0 }',
        "arm 'robust': recipe.loss.dela is not a known name; did you mean 'delta'?",
    ),
    ("trees = 5", "tree = 5", "baselines[0].model.tree is not a known name; did you mean 'trees'?"),
    ('{ loss = "mse" }\non', '{ lss = "mse" }\non', "claims[0].than.lss is not a known name; did"),
    (
        'on = "mse"',
        'on = "msse"',
        "claims[0].on = 'msse' is not a known metric; did you mean 'mse'",
    ),
    ('{ arm = "robust" }', '{ arm = "rubost" }', "claims[1].better.arm = 'rubost': no arm has it"),
    ("margin = 0.1", "margin = -0.1", "claims[1].margin = -0.1: it must be greater than or equal"),
]


def test_errors_of_all_stages_are_told_at_once():
    told = list_errors(*((old, new) for old, new, _ in EVERY_STAGE))
    for (_, sentence), (_, _, expected) in zip(told, EVERY_STAGE, strict=True):
        assert sentence.startswith(expected)
    lines = [int(line) for line, _ in told]
    assert lines == sorted(lines)


@pytest.mark.parametrize(("old", "new", "expected"), EVERY_STAGE)
def test_an_error_has_no_consequences(old, new, expected):
    told = list_errors((old, new))
    assert len(told) == 1
    assert told[0][1].startswith(expected)


@pytest.mark.parametrize("pair", list(itertools.combinations(EVERY_STAGE, 2)))
def test_two_errors_are_both_told(pair):
    told = list_errors(*((old, new) for old, new, _ in pair))
    assert len(told) == 2
    for (_, sentence), (_, _, expected) in zip(told, pair, strict=True):
        assert sentence.startswith(expected)


CLAIM = 'better = { loss = "mae" }'
VALUE = 'better = { "optimizer.learning_rate" = 0.7 }'
BETA = 'better = { "optimizer.beta1" = 0.5 }'
NOTHING_ELSE = [
    # A claim on what is unknown is not judged.
    [("rate = 0.1", "rat = 0.7"), (CLAIM, VALUE)],
    [('kind = "sgd"', 'kind = "sdg"'), (CLAIM, VALUE)],
    [("[vary]", "[varry]"), (CLAIM, 'better = { loss = "quantile" }')],
    [("[[arms]]", "[[arm]]"), (CLAIM, 'better = { loss = "quantile" }')],
    [('["mse", "mae"]', '"mae"')],
    [('name = "robust"', "name = 5")],
    [('name = "trees"', 'name = "robust"')],
    [("rows = 50", "slop = 4.0"), (CLAIM, 'better = { "task.slope" = 4.0 }')],
    [('kind = "line"', 'kind = "lin"'), ('on = "mse"', 'on = "accuracy"')],
    # A misspelt name is not missing as well, and what is told as None is not told twice.
    [('loss = "mse"\nopt', 'lss = "mse"\nopt')],
    [('name = "Losses"', 'nme = "Losses"')],
    # A name that the chosen kind has not.
    [("[vary]", '[vary]\n"optimizer.beta1" = [0.5]'), (CLAIM, BETA)],
    [("[vary]", '[vary]\n"loss.delta" = [1.0]'), (CLAIM, 'better = { "loss.delta" = 1.0 }')],
    [("rate = 0.1", "rate = 0.1, beta1 = 0.5"), (CLAIM, BETA)],
    [("steps = 5", "epochs = 5"), ('on = "mse"', 'on = "seconds"'), (CLAIM, VALUE)],
    # Settings beside one of an unknown name may be what it is meant for.
    [("steps = 5", "stepps = 5")],
    [("steps = 5", "steps = 5\npenalty = { proximal = true, l_1 = 0.1 }")],
    # A rule that the recipe breaks is not told of its arms again.
    [("steps = 5", "steps = 5\nepochs = 3"), ("[vary]", "[vary]\nsteps = [5, 6]")],
    # What an arm adds to a table whose kind is not known.
    [
        ('loss = "mse"\nopt', 'loss = "hubre"\nopt'),
        ('loss = ["mse", "mae"]', '"loss.delta" = [1.0]'),
    ],
]


@pytest.mark.parametrize("changes", NOTHING_ELSE)
def test_what_depends_on_an_error_is_not_judged(changes):
    assert len(list_errors(changes[0])) == 1
    assert len(list_errors(*changes)) == 1


MORE = [
    # A known setting beside a wrong one is judged.
    ([("rate = 0.1", "rate = -0.1"), ("steps = 5", "epochs = 5")], 2),
    ([("rate = 0.1", "rate = -0.1"), (CLAIM, 'better = { loss = "quantile" }')], 2),
    ([("rate = 0.1", "rate = -0.1"), ('on = "mse"', 'on = "accuracy"')], 2),
    # Several rules of one recipe are broken.
    ([("steps = 5", 'epochs = 5\nstopping = { monitor = "validation_mse" }')], 2),
    # Both sides of a claim.
    ([(CLAIM, 'better = { lss = "mae" }'), ('{ arm = "trees" }', '{ arm = "tree" }')], 2),
    ([(CLAIM, "better = 5"), ('than = { loss = "mse" }', 'than = { loss = "quantile" }')], 2),
    # A name that no kind has, where the kind is not known.
    (
        [
            ('kind = "sgd"', 'kind = "sdg"'),
            ("[vary]", '[vary]\n"optimizer.momentumm" = [0.1, 0.2]'),
        ],
        2,
    ),
    # A list that is wrong beside others in the grid.
    ([('["mse", "mae"]', '"mae"\n"optimizer.momentumm" = [0.1, 0.2]')], 2),
    ([("[[baselines]]", "vary = { steps = 5, batch_siz = [5] }\n[[baselines]]")], 2),
    # The task cannot have what the recipe has.
    ([("rate = 0.1", "rate = -0.1"), ("steps = 5", "steps = 5\nclass_weights = 'balanced'")], 2),
    ([("steps = 5", "steps = 5\nstandardise = 5\nclass_weights = 'balanced'")], 2),
    ([("steps = 5", "steps = 5\nadjust = 1"), ('name = "Losses"', "adjust_for_claims = 1")], 3),
]


@pytest.mark.parametrize(("changes", "n_errors"), MORE)
def test_what_does_not_depend_on_an_error_is_judged(changes, n_errors):
    told = list_errors(*changes)
    assert len(told) == len(set(told)) == n_errors


def test_settings_from_python_tell_broken_rules_beside_wrong_values():
    optimizer: Any = {"kind": "sgd", "learning_rate": -1.0}
    loss: Any = "mse"
    with pytest.raises(InputError) as caught:
        Recipe(loss=loss, optimizer=optimizer, epochs=5)
    assert str(caught.value).splitlines() == [
        "Recipe: optimizer.learning_rate = -1.0: it must be greater than 0.",
        "Recipe: epochs and batch_size go together.",
    ]
