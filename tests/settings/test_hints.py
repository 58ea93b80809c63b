"""A hundred wrong study files, each with the hint that a teacher would give."""

import pytest

from fairtrial.errors import InputError
from fairtrial.study import Study

GOOD = """name = "x"
seeds = 3
[task]
kind = "line"
rows = 100
[recipe]
loss = "mse"
optimizer = { kind = "sgd", learning_rate = 0.1 }
steps = 50
"""
VARY = GOOD + '[vary]\n"optimizer.learning_rate" = [0.1, 0.01]\nloss = ["mse", "mae"]\n'
CLAIM = (
    VARY
    + """[[claims]]
say = "s"
better = { loss = "mse" }
than = { loss = "mae" }
on = "mse"
"""
)
CLASSES = """name = "x"
[task]
kind = "digits"
[recipe]
loss = "cross_entropy"
optimizer = "adam"
epochs = 2
batch_size = 32
"""
TABLE = """name = "x"
[task]
kind = "table"
path = "a.csv"
target = "y"
problem = "regression"
[recipe]
loss = "mse"
optimizer = "sgd"
steps = 9
"""


def swap(old, new, text=GOOD):
    assert old in text
    return text.replace(old, new, 1)


def name_arms(one, other):
    arms = "".join(
        f'[[arms]]\nname = "{name}"\nset = {{ steps = {len(name)} }}\n' for name in (one, other)
    )
    return GOOD + arms


def model(settings: str) -> str:
    return f"""[[baselines]]
name = "SVR"
model = {{ kind = "sklearn", estimator = "svm.SVR", {settings} }}
"""


RATE = "learning_rate = 0.1"
WRONG = [
    # Brackets and places.
    (swap("[[claims]]", "[claims]", CLAIM), "write [[claims]], with two brackets, above each"),
    (GOOD + '[arms]\nname = "a"', "write [[arms]], with two brackets, above each"),
    (GOOD + '[baselines]\nname = "a"\nmodel = "svm"', "write [[baselines]], with two brackets"),
    (swap("[task]", "[[task]]"), "write [task], with one pair of brackets, and only once"),
    (swap("[recipe]", "[[recipe]]"), "write [recipe], with one pair of brackets"),
    (GOOD + "[[vary]]\nsteps = [1, 2]", "write [vary], with one pair of brackets"),
    (GOOD + "seeds = 4", "seeds stands at the top of the file, above the first [table]"),
    (swap('name = "x"\n', "") + 'name = "x"', "name stands at the top of the file, above the"),
    ('[study]\nname = "x"\n', "stands at the top of the file: leave out [study]"),
    ('["a\\nb"]\nname = "x"\n', r"stands at the top of the file: leave out [a\nb]"),
    ('["\\u202eb"]\nname = "x"\n', r"stands at the top of the file: leave out [\u202eb]"),
    (GOOD + "[recipe.vary]\nsteps = [1]", "[vary] is a table at the top of the file"),
    (GOOD + '[[recipe.claims]]\nsay = "x"', "[[claims]] is a table at the top of the file"),
    (swap('loss = "mse"\n', "") + '[losses]\nkind = "mse"', "recipe.loss is missing"),
    ('loss = "mse"\n' + GOOD, "did you mean 'recipe.loss'?"),
    ("learning_rate = 0.1\n" + GOOD, "did you mean 'recipe.optimizer.learning_rate'?"),
    ("rows = 5\n" + GOOD, "did you mean 'task.rows'?"),
    (swap("steps = 50", f"steps = 50\n{RATE}"), "did you mean 'optimizer.learning_rate'?"),
    (
        swap("steps = 50", "steps = 50\npatience = 5"),
        "did you mean 'schedule.patience' or 'stopping.patience'?",
    ),
    (swap("steps = 50", "steps = 50\nl2 = 0.1"), "did you mean 'penalty'?"),
    (
        swap("rows = 100", "rows = 100\nscale = 2.0"),
        "did you mean 'input_noise.scale' or 'noise.scale'?",
    ),
    # A name that the kind of the table lacks.
    (
        swap("rows = 100", 'label_noise = { kind = "symmetric", rate = 0.2 }'),
        "label_noise.rate is not a known name; did you mean 'share'? (known: kind, share).",
    ),
    (
        swap("rows = 100", 'noise = { kind = "normal", delta = 2.0 }'),
        "noise.delta is not a known name (known: kind, scale).",
    ),
    (
        swap("rows = 100", 'noise = { kind = "normal", rate = 2.0 }'),
        "noise.rate is not a known name (known: kind, scale).",
    ),
    (
        swap("steps = 50", 'steps = 50\nschedule = { kind = "step", patience = 5 }'),
        "it is a setting of 'reduce_on_plateau', 'halve_on_plateau' (known: kind, factor, every).",
    ),
    (
        swap("learning_rate = 0.1", "steps = 5"),
        "optimizer.steps is not a known name; did you mean 'recipe.steps'?",
    ),
    (
        GOOD + model("parameters = { C = 100.0 }"),
        "did you mean 'settings'? (known: kind, estimator, settings).",
    ),
    (
        GOOD + model("C = 100.0"),
        "it is a setting of 'svm', 'linear_svm', 'linear_model' (known: kind, estimator, settings)",
    ),
    (
        GOOD + model("gamma = 1.0"),
        "model.gamma is not a known name (known: kind, estimator, settings).",
    ),
    (swap('loss = "mse" }\nt', "seed = 1 }\nt", CLAIM), "a claim is over all seeds: leave it out."),
    # The grid.
    (GOOD + "[vary]\nlearning_rate = [0.1]", "did you mean 'optimizer.learning_rate'?"),
    (GOOD + "[vary]\nlr = [0.1]", "did you mean 'optimizer.learning_rate'?"),
    (GOOD + '[vary]\n"optimiser.learning_rate" = [0.1]', "did you mean 'optimizer'?"),
    (GOOD + "[vary]\noptimizer.learning_rate = [0.1]", '"optimizer.learning_rate" = [...]'),
    (GOOD + "[vary.optimizer]\nlearning_rate = [0.1]", '"optimizer.learning_rate" = [...]'),
    (GOOD + "[vary]\nsteps = 5", "write brackets, as in [5]"),
    (GOOD + '[vary]\nloss = "mse"', 'write brackets, as in ["mse"]'),
    (GOOD + '[vary]\n"recipe.loss" = ["mae"]', "leave out 'recipe' and the point after it"),
    (GOOD + "[vary]\nseeds = [1, 2]", "seeds stands at the top of the file"),
    (GOOD + "[vary]\nrows = [10, 20]", "did you mean 'task.rows'?"),
    (GOOD + '[vary]\n"task.row" = [10]', "did you mean 'rows'?"),
    (GOOD + "[vary]\nsteps = [10, 10]", "is there twice"),
    (GOOD + '[vary]\nsteps = ["10"]', "write it without quotes: 10"),
    # Numbers.
    (swap("0.1", '"0.1"'), "write it without quotes: 0.1."),
    (swap("0.1", '"1e-3"'), "write it without quotes: 1e-3."),
    (swap("0.1", '"0,1"'), "write it without quotes: 0.1."),
    (swap("0.1", '".5"'), "write it without quotes: 0.5."),
    (swap("0.1", '"1,234.56"'), "write it without quotes: 1234.56."),
    (swap("0.1", '"10%"'), "write it without quotes: 0.1."),
    (swap("0.1", '"fast"'), "write a number"),
    (swap("0.1", "[0.1, 0.2]"), "several values are varied, as in [vary]"),
    (swap("0.1", "-0.1"), "it must be greater than 0."),
    (swap("steps = 50", 'steps = "50"'), "write it without quotes: 50."),
    (swap("steps = 50", 'steps = "1,000"'), "write it without quotes: 1000."),
    (swap("steps = 50", "steps = 50.0"), "write it without a decimal point or an exponent: 50."),
    (swap("steps = 50", "steps = 1e3"), "write it without a decimal point or an exponent: 1000."),
    (swap("steps = 50", 'steps = "many"'), "write a whole number."),
    (swap("seeds = 3", 'seeds = "3"'), "a whole number of seeds is written without quotes"),
    (swap("seeds = 3", "seeds = 3.0"), "must be a whole number of seeds"),
    (swap("seeds = 3", "seeds = 0"), "must be a whole number of seeds from 1"),
    (swap("seeds = 3", "seed = 3"), "did you mean 'seeds'?"),
    (swap("seeds = 3", "n_seeds = 3"), "did you mean 'seeds'?"),
    ('only_claimed = "true"\n' + GOOD, "write true or false, in small letters"),
    ("only_claimed = 1\n" + GOOD, "write true or false, in small letters"),
    (swap('"x"', "5"), 'write it in quotes: "5".'),
    # Other names.
    (swap("optimizer", "optimiser"), "did you mean 'optimizer'?"),
    (swap("learning_rate", "lr"), "did you mean 'learning_rate'?"),
    (swap("learning_rate", "learning-rate"), "did you mean 'learning_rate'?"),
    (swap("learning_rate", "learningRate"), "did you mean 'learning_rate'?"),
    (swap("learning_rate", "Learning_Rate"), "did you mean 'learning_rate'?"),
    (swap("steps = 50", "iterations = 50"), "did you mean 'steps'?"),
    (swap("epochs", "n_epochs", CLASSES), "did you mean 'epochs'?"),
    (swap("batch_size", "batchsize", CLASSES), "did you mean 'batch_size'?"),
    (swap("[recipe]", "[model]"), "did you mean 'recipe'?"),
    (swap("[task]", "[data]"), "did you mean 'task'?"),
    (swap("rows = 100", "n = 100"), "did you mean 'rows'?"),
    (GOOD + "[grid]\nsteps = [5]", "did you mean 'vary'?"),
    (swap("steps = 50", "steps = 50\nearly_stopping = 5"), "did you mean 'stopping'?"),
    (swap("steps = 50", 'steps = 50\nscheduler = "cosine"'), "did you mean 'schedule'?"),
    (swap("steps = 50", 'steps = 50\nschedule = "stairs"'), "did you mean 'step'?"),
    (swap("steps = 50", "steps = 50\nweight_decay = 0.1"), "did you mean 'penalty'?"),
    (swap('"mse"', '"MSE"'), "did you mean 'mse'?"),
    (swap('"mse"', '"mean_squared_error"'), "did you mean 'mse'?"),
    (swap('"mse"', '"L1"'), "did you mean 'mae'?"),
    (swap('"mse"', '"smooth_l1"'), "did you mean 'huber'?"),
    (swap('"cross_entropy"', '"categorical_crossentropy"', CLASSES), "mean 'cross_entropy'?"),
    (swap('"cross_entropy"', '"log_loss"', CLASSES), "did you mean 'cross_entropy'?"),
    (swap('"sgd"', '"SGD"'), "did you mean 'sgd'?"),
    (swap('"sgd"', '"gradient descent"'), "did you mean 'sgd'?"),
    (swap('"sgd"', '"RMSprop"'), "did you mean 'rmsprop'?"),
    (swap('"digits"', '"MNIST"', CLASSES), "did you mean 'fashion_mnist'?"),
    (swap('"digits"', '"fashion-mnist"', CLASSES), "did you mean 'fashion_mnist'?"),
    (swap('kind = "table"', 'kind = "csv"', TABLE), "did you mean 'table'?"),
    (swap("path", "file", TABLE), "did you mean 'path'?"),
    (swap("target", "y", TABLE), "did you mean 'target'?"),
    (swap('target = "y"', 'target = "y"\nsep = ";"', TABLE), "did you mean 'separator'?"),
    (swap('target = "y"', 'target = "y"\nna_values = ["NA"]', TABLE), "'missing_values'?"),
    (swap('target = "y"', 'target = "y"\ndrop = ["id"]', TABLE), "did you mean 'exclude'?"),
    (swap('target = "y"', 'target = "y"\ncategorical = "town"', TABLE), 'as in ["town"]'),
    (swap("rows = 100", 'noise = { kind = "gaussian" }'), "did you mean 'normal'?"),
    # Claims.
    (swap('"mse" }', '"mes" }', CLAIM), "no arm has it; did you mean 'mse'?"),
    (
        swap('better = { loss = "mse" }', 'better = "mse"', CLAIM),
        'as in { loss = "mse" }, or an',
    ),
    (swap("better", "best", CLAIM), "did you mean 'better'?"),
    (swap("than", "worse", CLAIM), "did you mean 'than'?"),
    (swap('on = "mse"', 'metric = "mse"', CLAIM), "did you mean 'on'?"),
    (swap("say", "title", CLAIM), "did you mean 'say'?"),
    (swap('on = "mse"', 'on = "MSE"', CLAIM), "did you mean 'mse'?"),
    (swap('on = "mse"', 'on = "r_squared"', CLAIM), "did you mean 'r2'?"),
    (swap('on = "mse"', 'on = "loss"', CLAIM), "objectives of different runs are not comparable"),
    (swap('loss = "mse" }\nt', "lr = 0.1 }\nt", CLAIM), "did you mean 'optimizer.learning_rate'?"),
    (swap('loss = "mse" }\nt', '"recipe.loss" = "mse" }\nt', CLAIM), "did you mean 'loss'?"),
    (
        swap('loss = "mse" }\nt', '"optimizer.learning_rate" = "0.1" }\nt', CLAIM),
        "no arm has it; write it without quotes: 0.1.",
    ),
    (CLAIM + 'margin = "0.1"', "write it without quotes: 0.1."),
    # What is no TOML.
    (swap('"mse"', "mse"), 'write text in quotes, as in "mse"'),
    (swap('name = "x"', "name: x"), "write an equals sign, as in name = value"),
    (swap('"x"', "\u201cx\u201d"), 'write straight quotes: "'),
    (GOOD.replace("\n", "\r"), "the lines end as on an old Macintosh: save the file with other"),
    ("<<<<<<< HEAD\n" + GOOD, "remove the marks of a merge, and one of its two sides"),
    ("```toml\n" + GOOD + "```\n", "remove the marks of Markdown around the study"),
    ("<!DOCTYPE html>\n", "the file is a web page, or XML"),
    (GOOD + "\x1a", "remove the control character"),
    (swap('name = "x"', 'name\u00a0= "x"'), "a space or a mark in it is not a plain space"),
    (swap('name = "x"', 'na\u200bme = "x"'), "a space or a mark in it is not a plain space"),
    ("only_claimed = True\n" + GOOD, "write true or false"),
    (swap("steps = 50", "steps = None"), "leave the setting out where it has no value"),
    (swap("steps = 50", "steps = 1,000"), "write numbers without commas, as in 1000"),
    (swap("rows = 100", "slope = 0,1"), "write decimals with a point, as in 0.1"),
    (swap("rows = 100", "slope = .5"), "write a digit before the point, as in 0.1"),
    (swap("rows = 100", "slope = 5."), "write a digit after the point, as in 1.0"),
    (swap("rows = 100", "rows = 007"), "write numbers without zeros in front"),
    (swap("steps = 50", "steps = 50\nvalidation = 20%"), "write a share as a number, as in 0.1"),
    (swap("steps = 50", "steps = 1 000"), "write numbers without spaces"),
    (swap("steps = 50", "steps ="), "give it a value"),
    (swap("steps = 50", "steps == 50"), "write one equals sign"),
    (swap("steps = 50", "steps = 50;"), "a line ends without a semicolon"),
    (swap("seeds = 3", "seeds = (1, 2)"), "write lists in square brackets, as in [1, 2]"),
    (swap("[task]", "[task"), "close the bracket, as in [task]"),
    (swap("[[claims]]", "[[claims]", CLAIM), "close both brackets, as in [[claims]]"),
    ("// rates\n" + GOOD, "a comment begins with #"),
    ('{\n"name": "x"\n}', "a study file is TOML, not JSON"),
    (swap("0.1 }", "0.1, }"), "leave out the comma before the closing brace"),
    (swap('{ kind = "sgd", ', '{ kind = "sgd",\n'), "write a table in braces in one line"),
    (swap("steps = 50", "steps = 50\nsteps = 60"), "write each name, and each [table], once"),
    (GOOD + "[task]\nrows = 5", "write each name, and each [table], once"),
    (swap('path = "a.csv"', 'path = "C:\\data\\a.csv"', TABLE), "write paths with /, or in single"),
    (swap("steps = 50", "batch size = 50"), "a name has no spaces"),
    (swap("steps = 50", "steps"), "write name = value"),
    (swap("rows = 100", "slope = \u22123"), "write the minus as '-'"),
    (swap("seeds =", "seeds \uff1d"), "write = and the other marks as on an English keyboard"),
    (swap("rows = 100", "\u03b1 = 3"), "a name with letters beyond a to z goes in quotes"),
    (swap("seeds = 3", "seeds = 3,"), "leave out the comma at the end of the line"),
    (swap("seeds = 3\n", "seeds = 3 "), "begin a new line after each value"),
    (swap("seeds = 3\n", "seeds = 3 only_claimed = true\n"), "begin a new line after each value"),
    ("import fairtrial as ft\n" + GOOD, "the file is a Python program, not a study"),
    (swap('on = "mse"', 'on = ["mse", "mae"]', CLAIM), "one metric: write a claim for each"),
    (swap("seeds = 3", 'seeds = "0-9"'), "written without quotes, as in 10 or [0, 1, 2]"),
    (swap("seeds = 3", 'seeds = "1, 2, 3"'), "'1, 2, 3' has no letters: numbers are written"),
    (swap("seeds = 3", 'seeds = "1e3"'), "written without quotes, as in 10 or [0, 1, 2]"),
    (swap("seeds = 3", 'seeds = "3.0"'), "written without quotes, as in 10 or [0, 1, 2]"),
    (swap('"x"', '" "'), "' ' must have a letter or another sign that can be seen"),
    (name_arms(" a ", "a"), "arms ' a ' and 'a' look the same: give one of them another name"),
    (name_arms("a\u200b", "a"), "arms 'a\\u200b' and 'a' look the same: give one of them"),
    (name_arms("e\u0301", "\u00e9"), "look the same: give one of them another name."),
    ("study.toml", "'study.toml' is not the text of a study: read a file with Study.load(path)."),
]


def test_there_are_a_hundred():
    assert len(WRONG) >= 100
    for text in (GOOD, VARY, CLAIM, CLASSES, TABLE):
        Study.from_toml(text)


@pytest.mark.parametrize(("text", "hint"), WRONG)
def test_hints(text, hint):
    with pytest.raises(InputError) as error:
        Study.from_toml(text)
    assert hint in str(error.value)
    assert all(line.endswith((".", "?", "?)")) for line in str(error.value).splitlines())
    assert "?." not in str(error.value)


@pytest.mark.parametrize(
    ("removed", "added", "sentence"),
    [
        (
            "steps = 50\n",
            "",
            "a recipe needs steps (full batch), or epochs with batch_size.",
        ),
        ("steps = 50", "steps = 50\nepochs = 2\nbatch_size = 5", "leave one of them out."),
    ],
)
def test_length_of_a_recipe_says_what_is_missing(removed, added, sentence):
    with pytest.raises(InputError) as error:
        Study.from_toml(swap(removed, added))
    assert str(error.value).endswith(sentence)


def test_a_path_of_code_is_shown_as_it_was_written(tmp_path):
    path = tmp_path / "study.toml"
    path.write_text('plugins = "kinds.py"\n' + GOOD)
    with pytest.raises(InputError, match=r"plugins = 'kinds\.py': .* as in \[\"kinds\.py\"\]\.$"):
        Study.load(path)
