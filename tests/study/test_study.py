"""Study files: arms and runs, and every error at once in words a user can act on."""

import re

import numpy as np
import pytest

from by_hand import recipe
from fairtrial.errors import InputError
from fairtrial.kinds.losses.numbers import mae as mae_loss
from fairtrial.kinds.noise import injections
from fairtrial.kinds.noise.noises import laplace
from fairtrial.kinds.optimizers.common import sgd
from fairtrial.settings.names import flatten, set_at
from fairtrial.study import Arm, Run, Study
from fairtrial.study import recipe as recipes

BASE = """
name = "Four losses"
seeds = 3
[task]
kind = "line"
rows = 100
[recipe]
loss = "mse"
optimizer = { kind = "sgd", learning_rate = 0.01 }
steps = 50
"""
IMAGES = """
name = "Digits"
[task]
kind = "digits"
[recipe]
loss = "cross_entropy"
optimizer = "adam"
epochs = 2
batch_size = 32
"""


def read(text="", base=BASE):
    return Study.from_toml(base + text)


def errors_of(text="", base=BASE):
    with pytest.raises(InputError) as caught:
        read(text, base)
    return str(caught.value)


def names_of(text):
    return [arm.name for arm in read(text).list_arms()]


# ----------------------------------------------------------------------------------- arms, runs


def test_nothing_varies():
    study = read()
    (arm,) = study.list_arms()
    assert arm == Arm("recipe", study.task, study.recipe)
    assert study.list_runs() == [Run(arm, seed) for seed in (0, 1, 2)]


def test_grid_is_every_combination():
    study = read(
        '[vary]\nloss = ["mse", { kind = "huber", delta = 2.0 }]\n'
        '"optimizer.learning_rate" = [0.1, 0.5]\n"task.noise.scale" = [1, 3.0]'
    )
    arms = study.list_arms()
    assert arms[0].name == "mse, optimizer.learning_rate=0.1, task.noise.scale=1"
    assert arms[-1].name == "huber delta=2.0, optimizer.learning_rate=0.5, task.noise.scale=3.0"
    found = {
        (arm.recipe.loss.kind, arm.recipe.optimizer.learning_rate, arm.task.noise.scale)
        for arm in arms
    }
    assert len(arms) == len(found) == 8
    assert ("huber", 0.5, 1.0) in found
    assert len(study.list_runs()) == len({run.name for run in study.list_runs()}) == 24


def test_hand_picked_arms():
    study = read(
        """
        [[arms]]
        name = "slow"
        set = { "optimizer.learning_rate" = 0.001, stopping = { patience = 7 } }
        [[arms]]
        name = "noisy"
        set = { "task.noise" = "laplace", "noise.weights" = { every = 5, scale = 0.1 } }
        vary = { loss = ["mae", "huber"] }
        """
    )
    slow, mae, huber = study.list_arms()
    assert [arm.name for arm in (slow, mae, huber)] == ["slow", "noisy · mae", "noisy · huber"]
    assert slow.recipe == recipe(
        optimizer={"kind": "sgd", "learning_rate": 0.001}, steps=50, stopping={"patience": 7}
    )
    assert mae.task.noise == laplace()
    assert mae.recipe.loss == mae_loss()
    assert huber.recipe.noise.weights == injections.normal(every=5, scale=0.1)
    assert huber.recipe.steps == 50


def test_grid_and_hand_picked_arms_together():
    text = '[vary]\nsteps = [10, 20]\n[[arms]]\nname = "long"\nset = { steps = 500 }'
    assert names_of(text) == ["steps=10", "steps=20", "long"]


def test_a_table_takes_the_place_of_the_whole_setting():
    text = '[vary]\noptimizer = [{ kind = "sgd", momentum = 0.9 }]'
    assert read(text).list_arms()[0].recipe.optimizer == sgd(momentum=0.9)


def test_a_name_inside_an_absent_table_makes_it():
    assert read('[vary]\n"stopping.patience" = [9]').list_arms()[0].recipe.stopping == (
        recipes.Stopping(patience=9)
    )


def test_arms_of_one_study_share_their_data():
    """Adding an arm leaves the others what they were."""
    one = read('[vary]\nloss = ["mse", "mae"]').list_arms()
    more = read('[vary]\nloss = ["huber", "mse", "mae"]').list_arms()
    assert more[1:] == one


@pytest.mark.parametrize(
    ("seeds", "expected"), [("4", [0, 1, 2, 3]), ("[7]", [7]), ("[9, 0]", [9, 0])]
)
def test_seeds(seeds, expected):
    assert read(base=BASE.replace("seeds = 3", f"seeds = {seeds}")).list_seeds() == expected


def test_seeds_by_default():
    assert read(base=BASE.replace("seeds = 3", "")).list_seeds() == list(range(20))


@pytest.mark.parametrize(
    "seeds", ["0", "-1", "[]", "[1, 1]", "[-1]", "1.0", "true", '"3"', "[0.5]", "[[1]]"]
)
def test_seeds_refused(seeds):
    assert "whole number of seeds" in errors_of(base=BASE.replace("seeds = 3", f"seeds = {seeds}"))


NAMED = BASE.replace("seeds = 3", 'seeds = { name = "Ada", count = 5 }')


def test_a_name_is_the_sum_of_its_code_points():
    study = read(base=BASE.replace("seeds = 3", 'seeds = "Ada"'))
    assert study.list_seeds() == [65 + 100 + 97]
    assert Study.from_toml(study.to_toml()) == study
    assert study.take_seeds(4).list_seeds() == study.list_seeds(4)


def test_further_seeds_of_a_name():
    study = read(base=NAMED)
    seeds = study.list_seeds()
    words = np.random.SeedSequence(262).generate_state(4, np.uint32)
    expected = [262]
    for word in words:
        expected.append(expected[-1] + 1 + int(word) // 2**16)
    assert seeds == expected == sorted(set(seeds))
    assert Study.from_toml(study.to_toml()) == study
    more = study.take_seeds(9)
    assert more.seeds.name == "Ada"
    assert more.list_seeds()[:5] == seeds and len(more.list_seeds()) == 9
    assert study.list_seeds(9) == more.list_seeds()
    assert study.take_seeds(2).list_seeds() == seeds[:2]
    assert [run.seed for run in study.list_runs()] == seeds


@pytest.mark.parametrize("seeds", ["Ada", {"name": "Ada", "count": 3}, {"name": "Ada"}])
def test_named_seeds_in_python(seeds):
    plain = read()
    made = Study(name="x", seeds=seeds, task=plain.task, recipe=plain.recipe)
    assert made.list_seeds() == read(base=NAMED).list_seeds()[: len(made.list_seeds())]
    assert len(made.list_seeds()) == (seeds.get("count", 1) if isinstance(seeds, dict) else 1)
    assert made.replace(name="y").list_seeds() == made.list_seeds()
    again = Study(name="y", seeds=made.seeds, task=plain.task, recipe=plain.recipe)
    assert again.list_seeds() == made.list_seeds()


@pytest.mark.parametrize(
    ("seeds", "expected"),
    [
        ('""', "seeds: the name '' must be a text that is not empty"),
        ('" "', "seeds: the name ' ' must be a text that is not empty"),
        ('{ name = "" }', "seeds: the name '' must be a text that is not empty"),
        ("{ name = 3 }", "seeds: the name 3 must be a text"),
        ('"3"', "seeds: the name '3' is a number: a whole number of seeds is written without"),
        ('{ name = "Ada", count = 0 }', "count = 0 must be a whole number of seeds from 1 to 1,0"),
        ('{ name = "Ada", count = 2.0 }', "count = 2.0 must be a whole number"),
        ('{ name = "Ada", cuont = 2 }', "cuont is not a known name; did you mean 'count'? (known"),
        ("{ count = 2 }", "seeds: { count = 2 } has no name: give it one"),
        ('"A\\nB"', "must be one line"),
    ],
)
def test_named_seeds_refused(seeds, expected):
    told = errors_of(base=BASE.replace("seeds = 3", f"seeds = {seeds}"))
    assert told.startswith("study, line 3: seeds: ")
    assert expected in told


@pytest.mark.parametrize(
    ("seeds", "count", "expected"),
    [(3, 5, [0, 1, 2, 3, 4]), ([9, 0], 4, [9, 0, 10, 11]), ([9, 0], 1, [9]), (3, 2, [0, 1])],
)
def test_seeds_that_follow(seeds, count, expected):
    assert read().replace(seeds=seeds).list_seeds(count) == expected


def test_take_seeds_counts_from_0_without_a_name():
    assert read().replace(seeds=[9, 0]).take_seeds(3).list_seeds() == [0, 1, 2]


def test_replace():
    study = read('[vary]\nloss = ["mse", "mae"]').replace(seeds=[5])
    assert study.list_seeds() == [5]
    assert len(study.list_arms()) == 2
    with pytest.raises(InputError, match="whole number of seeds"):
        study.replace(seeds=0)


# -------------------------------------------------------------------------------------- errors


def test_all_errors_at_once():
    base = """
        nam = "x"
        seeds = 0
        [task]
        kind = "line"
        rows = 1
        noise = { kind = "laplac", scale = 1.0 }
        [recipe]
        loss = { kind = "huber", delta = -1.0 }
        optimizer = { kind = "sgd", learning_rat = 0.1 }
        steps = "many"
        [vary]
        steps = []
    """
    text = errors_of(base=base)
    for line in [
        "study, line 2: nam is not a known name; did you mean 'name'?",
        "study, line 3: seeds: 0 must be a whole number of seeds",
        "study, line 6: task.rows = 1: it must be greater than or equal to 2.",
        "study, line 7: task.noise = 'laplac' is not a known kind; did you mean 'laplace'?",
        "study, line 9: recipe.loss.delta = -1.0: it must be greater than 0.",
        "study, line 10: recipe.optimizer.learning_rat is not a known name; did you mean 'learning",
        "study, line 11: recipe.steps = 'many': it must be a valid integer; write a whole number.",
        "study, line 13: vary.steps = []: it must have at least 1 item.",
    ]:
        assert line in text
    numbers = [int(line.split()[2].rstrip(":")) for line in text.splitlines()]
    assert numbers == [2, 3, 6, 7, 9, 10, 11, 13]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[vary]\nloss = ["mse", "hubr"]', "recipe.loss = 'hubr' is not a known kind; did you"),
        ('[vary]\n"loss.delta" = [1.0]', "recipe.loss.delta is not a known name"),
        ('[vary]\n"optimiser.momentum" = [0.5]', "did you mean 'optimizer'?"),
        ("[vary]\nsteps = []", "vary.steps = []"),
        ("[vary]\nsteps = 5", "vary.steps = 5: it must be a valid list; write"),
        ("[vary]\nsteps = [0]", "arm 'steps=0': recipe.steps = 0: it must be greater"),
        ('[[arms]]\nname = ""', "arms[0].name = ''"),
        ('[[arms]]\nname = "a"\nvary = { steps = [] }', "arms[0].vary.steps = []"),
        ('[[arms]]\nname = "a"\nsett = {}', "arms[0].sett is not a known name; did you mean 'set'"),
        (
            '[[arms]]\nname = "a"\npenalty = { l2 = 0.1 }',
            "arms[0].penalty is not a known name; the settings of an arm are in its set, as in",
        ),
        ('[[arms]]\nset = { steps = 9 }', "arms[0].name is missing"),
        ('[[arms]]\nname = "a"\n[[arms]]\nname = "a"', "arm 'a' is there twice"),
        ("[vary]\nsteps = [9, 9]", "arm 'steps=9' is there twice"),
        ('[vary]\nloss = ["mse", { kind = "mse" }]', "arm 'mse' is there twice"),
        (
            '[vary]\n"optimizer.learning_rate" = [1, 1.0]',
            "arms 'optimizer.learning_rate=1' and 'optimizer.learning_rate=1.0' are the same: list "
            "each value once, in one spelling.",
        ),
        (
            '[vary]\nloss = ["huber", { kind = "huber", delta = 1.0 }]',
            "arms 'huber' and 'huber delta=1.0' are the same",
        ),
        ('[vary]\n"task.rows" = [1]', "task.rows = 1: it must be greater than or equal to 2."),
        ('[vary]\n"task.row" = [5]', "task.row is not a known name; did you mean 'rows'?"),
        ('[vary]\nloss = ["cross_entropy"]', "the targets of line are numbers"),
        (
            'stopping = { monitor = "validation_mse" }',
            "stopping.monitor = 'validation_mse' needs validation rows: set validation",
        ),
        (
            'validation = 0.2\nstopping = { monitor = "validation_accuracy" }',
            "'validation_accuracy', but line has numbers as targets: use 'loss' or one of "
            "'validation_mse', 'validation_mae', 'validation_rmse', 'validation_r2', ",
        ),
        (
            'validation = 0.2\n[recipe.schedule]\nkind = "reduce_on_plateau"\n'
            'monitor = "validation_accuracy"',
            "recipe.schedule.monitor = 'validation_accuracy', but line has numbers as targets",
        ),
        ("[vary]\nepochs = [5]", "steps (full batch) and epochs do not go together"),
        ("[recipe.schedule]\nfloor = 1.0", "recipe.schedule has no kind: name one"),
        ("[recipe.noise.data]\nlow = 3.0", "low (3) must not be above high (2)"),
    ],
)  # fmt: skip
def test_one_error(text, expected):
    assert expected in errors_of(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('loss = "mse"', "digits has classes: use 'cross_entropy'."),
        ("noise = { data = {} }", "noise.data without scale acts on targets that are numbers"),
        (
            'validation = 0.1\nstopping = { monitor = "validation_mae" }',
            "'validation_mae', but digits has classes: use 'loss' or one of "
            "'validation_accuracy', 'validation_cross_entropy', ",
        ),
    ],
)
def test_conflicts_with_images(text, expected):
    base = IMAGES
    if text.startswith("loss"):
        base = base.replace('loss = "cross_entropy"', text)
    else:
        base += text
    assert expected in errors_of(base=base)


def test_noise_on_features_is_for_classes():
    study = read("noise = { data = { scale = 0.1 } }", IMAGES)
    assert study.recipe.noise.data == injections.features(scale=0.1)
    assert Study.from_toml(study.to_toml()) == study
    assert study.list_arms()[0].settings["noise.data.scale"] == 0.1
    varied = read('[vary]\n"noise.data.scale" = [0.1, 0.5]', IMAGES).list_arms()
    assert [arm.recipe.noise.data.scale for arm in varied] == [0.1, 0.5]


@pytest.mark.parametrize(
    ("text", "base", "expected"),
    [
        ("noise = { data = { scale = 0.1 } }", BASE, "the targets of line are numbers: name every"),
        ("noise = { data = { scale = -0.1 } }", IMAGES, "recipe.noise.data.scale = -0.1: it must"),
        ("noise = { data = { scal = 0.1 } }", IMAGES, "recipe.noise.data.scal is not a known name"),
        ("noise = { data = { scale = 0.1, evry = 2 } }", IMAGES, "recipe.noise.data.evry is not a"),
        ("noise = { data = 3 }", IMAGES, "recipe.noise.data = 3: it must be a table"),
    ],
)
def test_noise_on_features_refused(text, base, expected):
    assert expected in errors_of(text, base)


TABLE = """
name = "Houses"
[task]
kind = "table"
path = "data/houses.csv"
target = "price"
problem = "PROBLEM"
"""
REGRESSION = TABLE.replace("PROBLEM", "regression")
CLASSIFICATION = TABLE.replace("PROBLEM", "classification")
FULL_BATCH = '[recipe]\nloss = "mse"\noptimizer = "sgd"\nsteps = 5\n'
BATCHES = '[recipe]\nloss = "cross_entropy"\noptimizer = "sgd"\nepochs = 5\nbatch_size = 8\n'


@pytest.mark.parametrize(
    ("table", "recipe", "expected"),
    [
        (REGRESSION, FULL_BATCH, []),
        (REGRESSION, FULL_BATCH + "noise = { data = {} }", []),
        (REGRESSION, FULL_BATCH + "validation = 0.2", []),
        (REGRESSION, BATCHES, ["the targets of a regression table are numbers"]),
        (REGRESSION, BATCHES.replace("cross_entropy", "mae"), []),
        (CLASSIFICATION, BATCHES + "validation = 0.2", []),
        (CLASSIFICATION, BATCHES + "noise = { data = {} }", ["a classification table has classes"]),
        (CLASSIFICATION, FULL_BATCH, ["a classification table has classes: use"]),
        (CLASSIFICATION, FULL_BATCH.replace("mse", "cross_entropy"), []),
    ],
)
def test_conflicts_with_tables(table, recipe, expected):
    if not expected:
        assert read(recipe, table).task.kind == "table"
        return
    lines = errors_of(recipe, table).splitlines()
    assert len(lines) == len(expected)
    for line, part in zip(lines, expected, strict=True):
        assert part in line


PLACES = [
    # Lines are counted from 1; BASE ends with line 10, and what is added begins with line 11.
    ("[vary]\nloss = [\n  'mse',\n  'hubr',\n]", 14, "arm 'hubr': recipe.loss = 'hubr' is not"),
    ("[vary]\nloss = [\n'mse', { kind = 'huber', delta = -1 }]", 13, "recipe.loss.delta = -1"),
    ('[vary]\nloss = ["mse"]\n"loss.delta" = [\n\n1.0]', 15, "recipe.loss.delta is not a known"),
    ('[vary]\nsteps = [5]\nloss = ["brier"]', 13, "the targets of line are numbers"),
    (
        "[vary]\nloss = ['mse']\nepochs = [5]",
        13,
        "steps (full batch) and epochs do not go together",
    ),
    (
        "[vary]\nepochs = [5]\nloss = ['mse']",
        12,
        "steps (full batch) and epochs do not go together",
    ),
    ('[vary]\ntask = [\n"digits"]\nsteps = [5]\nloss = ["mse"]', 15, "digits has classes"),
    ("[vary]\nsteps = [\n9,\n8,\n9]", 15, "arm 'steps=9' is there twice"),
    ('[[arms]]\nname = "a"\n[[arms]]\nset = { steps = 2 }\nname = "a"', 15, "'a' is there twice"),
    ('[[arms]]\nname = "a"\n[arms.set]\n"optimizer.momentum" = 2', 14, "momentum = 2: it must be"),
    ('[[arms]]\nname = "a"\n\n[[arms]]\nname = "b"\nset."optimizer.rho" = 0.1', 16, "rho is not"),
    ('[[arms]]\nname = "a"\nvary.steps = [\n9,\n0]', 15, "arm 'a · steps=0': recipe.steps = 0"),
    ('[[arms]]\nname = "a"\nset.steps = 0\nvary.loss = ["mse", "mae"]', 13, "'a · mse' (and 1 mo"),
    ('[[arms]]\nname = "a"\nset = { optimizer = { kind = "adm" } }', 13, "did you mean 'adam'"),
    ("[recipe.schedule]\nkind = 'halve_on_plateau'\nfloor = 1.0", 9, "is below schedule.floor"),
    ("[recipe.noise.data]\nlow = 3.0", 12, "low (3) must not be above high (2)"),
    ("[recipe.noise]\n[recipe.noise.weights]\nscale = -1", 13, "recipe.noise.weights.scale = -1"),
    ("recipe_ = 1", 11, "recipe.recipe_ is not a known name"),
    ("[[arms]]\nset = { steps = 9 }", 11, "arms[0].name is missing"),
    ("[vary]\noptimizer.momentum = [0.1]", 12, 'a dotted name goes in quotes, as in "optimizer'),
    ('"validat\\u0069on" = 1.5', 11, "recipe.validation = 1.5: it must be less than 1"),
]


@pytest.mark.parametrize(("text", "line", "expected"), PLACES)
def test_errors_name_their_line(text, line, expected):
    told = errors_of(text)
    assert len(told.splitlines()) == 1
    assert told.startswith(f"study, line {line}: ")
    assert expected in told


def test_an_error_of_the_recipe_itself_is_told_once_and_not_as_an_arm():
    told = errors_of("noise = { data = { scale = 0.1 } }\n[vary]\nsteps = [8, 9]")
    assert told.startswith("study, line 11: recipe.noise.data.scale is for noise on the features")
    assert len(told.splitlines()) == 1


def test_one_error_hides_no_other():
    told = errors_of(
        '[vary]\nloss = ["mse", "hubr"]\n[[arms]]\nname = 5\n[[arms]]\nname = "a"\n'
        "set = { steps = 0 }",
        BASE.replace("seeds = 3", "seeds = 0"),
    )
    assert [line.partition(":")[0] for line in told.splitlines()] == [
        f"study, line {line}" for line in (3, 12, 14, 17)
    ]


def test_what_comes_from_python_has_no_lines():
    with pytest.raises(InputError) as caught:
        read('[vary]\nloss = ["mse", "mae"]').replace(seeds=0, vary={"steps": [0]})
    assert str(caught.value).splitlines()[0].startswith("Four losses: seeds: 0 must be")
    assert "Four losses: arm 'steps=0': recipe.steps = 0: it must be" in str(caught.value)


def test_too_many_arms_are_refused_without_making_them():
    grid = "".join(f'"{name}" = {list(range(1, 2001))}\n' for name in ("steps", "batch_size"))
    told = errors_of("[vary]\n" + grid)
    assert told.startswith("study, line 11: the study has 4,000,000 arms: at most 100,000 are")
    wide = "".join(f"x{number} = [1, 2]\n" for number in range(20_000))
    assert "more than 10^18 arms" in errors_of("[[arms]]\nname = 'a'\n[arms.vary]\n" + wide)


def test_replace_keeps_what_was_not_given_open():
    """Defaults stay defaults: another kind takes its own."""
    study = read('[vary]\noptimizer = ["adam"]', BASE.replace(", learning_rate = 0.01", ""))
    assert study.replace(seeds=1).list_arms() == study.list_arms()


def test_errors_of_every_arm():
    text = errors_of('[vary]\n"optimizer.momentum" = [1.0, 0.5, 2.0]')
    assert "arm 'optimizer.momentum=1.0'" in text
    assert "arm 'optimizer.momentum=2.0'" in text
    assert "momentum=0.5" not in text


@pytest.mark.parametrize(
    "text", ["name = ", "= 1", '[recipe]\nloss = "mae"', "x = 1\nx = 2", "\x00", "a.b.c = ]"]
)
def test_not_toml(text):
    assert re.match(r"study, line \d+(, column \d+)?: this is not valid TOML: ", errors_of(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a = 1\r\nb = ", "study, line 2: this is not valid TOML: invalid value; give it a value."),
        ("a = 1\nb = [\n\n\n", "study, line 2: this is not valid TOML: invalid value."),
        ("", "study, line 1: name is missing"),
        (
            "length,price\n1.0,2.0\n",
            "study, line 1, column 7: this is not valid TOML: expected '=' after a key in a "
            "key/value pair; the file looks like a table, and a study names it, as in path = "
            '"table.csv".',
        ),
        (
            "seeds # 1, 2\n",
            "study, line 1, column 7: this is not valid TOML: expected '=' after a key in a "
            "key/value pair; write name = value.",
        ),
        (
            'a = [\n "b"\n "c",\n]',
            "study, line 3, column 2: this is not valid TOML: unclosed array.",
        ),
        ("[a.b]\n[a.b]\n", "study, line 2, column 5: this is not valid TOML: cannot declare a.b"),
        ("x = 1\n" + "a." * 50 + "b = 1", "study, line 2: this is nested too deeply: at most 40"),
        ("x = 1\na = [\n1,\n-" + "9" * 5000 + "]", "study, line 4: a whole number is beyond 64"),
        ("x = 1\n[a]\ny = 1\nb = [2,\n{ c = 0x" + "f" * 20 + "}]", "study, line 5: a whole num"),
    ],
)
def test_where_it_stops_being_toml(text, expected):
    assert errors_of(base=text).startswith(expected)


@pytest.mark.parametrize("number", ["9" * 5000, "0x" + "f" * 5000, str(2**63), str(-(2**63) - 1)])
@pytest.mark.parametrize("place", ["seeds = {}\n", "name = 'x'\n[task]\nslope = {}", "a = [[{}]]"])
def test_whole_numbers_beyond_64_bits(number, place):
    assert "beyond 64 bits" in errors_of(base=place.format(number))


def test_nested_too_deeply():
    assert "nested too deeply" in errors_of(base="a = " + "[" * 5000 + "]" * 5000)


def test_load(tmp_path):
    path = tmp_path / "study.toml"
    path.write_text(BASE, encoding="utf-8")
    assert Study.load(path) == read()
    assert Study.load(str(path)) == read()


def test_tables_are_taken_from_the_folder_of_their_study(tmp_path, monkeypatch):
    (tmp_path / "study.toml").write_text(
        REGRESSION
        + FULL_BATCH
        + """
        [vary]
        "task.path" = ["houses.csv", "../flats.csv", "/data/huts.csv"]
        [[arms]]
        name = "set"
        set = { "task.path" = "villas.csv" }
        [[arms]]
        name = "whole"
        set = { task = { kind = "table", path = "a.csv", target = "y", problem = "regression" } }
        """,
        encoding="utf-8",
    )
    expected = {
        "houses.csv": f"{tmp_path}/houses.csv",
        "flats.csv": f"{tmp_path}/../flats.csv",
        "huts.csv": "/data/huts.csv",
        "set": f"{tmp_path}/villas.csv",
        "whole": f"{tmp_path}/a.csv",
    }
    monkeypatch.chdir(tmp_path)
    study = Study.load("study.toml")
    assert study.task.path == f"{tmp_path}/data/houses.csv"
    assert {arm.name: arm.task.path for arm in study.list_arms()} == expected
    monkeypatch.chdir("/")
    assert Study.from_toml(study.to_toml()) == study
    assert read(FULL_BATCH, REGRESSION).task.path == "/data/houses.csv"


def test_load_says_which_file(tmp_path):
    path = tmp_path / "study.toml"
    path.write_text("seeds = 0", encoding="utf-8")
    with pytest.raises(InputError, match=r"study\.toml, line 1: seeds"):
        Study.load(path)
    path.write_text(BASE + "[vary]\nsteps = [0]", encoding="utf-8")
    with pytest.raises(InputError, match=r"study\.toml, line 12: arm 'steps=0'"):
        Study.load(path)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        Study.load(tmp_path / "absent.toml")
    with pytest.raises(InputError, match="directory"):
        Study.load(tmp_path)
    (tmp_path / "latin").write_bytes("x = 1\nname = 'é'".encode("latin-1"))
    with pytest.raises(InputError, match="latin, line 2: this is not text in UTF-8"):
        Study.load(tmp_path / "latin")
    with pytest.raises(InputError, match="has a null character, which no path has"):
        Study.load("a\0b")


@pytest.mark.parametrize(
    "change", [lambda text: b"\xef\xbb\xbf" + text, lambda text: text.replace(b"\n", b"\r\n")]
)
def test_files_from_windows(tmp_path, change):
    path = tmp_path / "study.toml"
    path.write_bytes(change(BASE.encode()))
    assert Study.load(path) == read()
    path.write_bytes(change(BASE.replace("rows = 100", "rows = 1").encode()))
    with pytest.raises(InputError, match=r"study\.toml, line 6: task\.rows = 1"):
        Study.load(path)


# --------------------------------------------------------------------------------- round trips


@pytest.mark.parametrize(
    "study",
    [
        read(),
        read(base=IMAGES),
        read('[vary]\nloss = ["mse", { kind = "huber", delta = 2.0 }]\n"task.rows" = [10, 20]'),
        read('[[arms]]\nname = "a \\"b\\" · é"\nset = { "noise.data" = {}, steps = 9 }'),
        read("[recipe.stopping]\n[recipe.noise]\nweights = { every = 3 }"),
    ],
)
def test_round_trip(study):
    again = Study.from_toml(study.to_toml())
    assert again == study
    assert again.list_runs() == study.list_runs()


def test_set_at():
    tables = {"loss": "mse", "optimizer": {"kind": "sgd"}, "stopping": None}
    optimizer = tables["optimizer"]
    set_at(tables, "loss.delta", 1)
    set_at(tables, "optimizer.momentum", 0.9)
    set_at(tables, "stopping.patience", 5)
    set_at(tables, "steps", 7)
    assert tables == {
        "loss": {"kind": "mse", "delta": 1},
        "optimizer": {"kind": "sgd", "momentum": 0.9},
        "stopping": {"patience": 5},
        "steps": 7,
    }
    assert optimizer == {"kind": "sgd"}  # what others may hold is not changed


def test_flatten():
    nested = {"a": {"b": {"c": 1}, "d": None}, "e": [1], "f": {}}
    assert flatten(nested, "x.") == {"x.a.b.c": 1, "x.e": [1]}


def test_a_dotted_name_wins_over_its_table_whatever_comes_first():
    """Arms do what their names say: the rate holds for both optimizers."""
    study = Study.from_toml("""
name = "Rates and optimizers"
task = "line"
recipe = { loss = "mse", optimizer = "sgd", steps = 5 }
[vary]
"optimizer.learning_rate" = [0.1, 0.5]
optimizer = ["sgd", "adam"]
""")
    arms = {arm.name: arm.recipe.optimizer for arm in study.list_arms()}
    found = {name: (optimizer.kind, optimizer.learning_rate) for name, optimizer in arms.items()}
    assert found == {
        "optimizer.learning_rate=0.1, sgd": ("sgd", 0.1),
        "optimizer.learning_rate=0.1, adam": ("adam", 0.1),
        "optimizer.learning_rate=0.5, sgd": ("sgd", 0.5),
        "optimizer.learning_rate=0.5, adam": ("adam", 0.5),
    }


def test_a_varied_kind_keeps_what_was_given_and_no_default_of_the_old_one():
    study = Study.from_toml("""
name = "Kinds"
task = "line"
recipe = { loss = "mse", optimizer = { kind = "sgd", learning_rate = 0.3 }, steps = 5 }
[vary]
"optimizer.kind" = ["sgd", "adam"]
""")
    assert [arm.recipe.optimizer.learning_rate for arm in study.list_arms()] == [0.3, 0.3]
    assert Study.from_toml(study.to_toml()).list_arms() == study.list_arms()


@pytest.mark.parametrize("delta", ["1e-60", "1e300"])
def test_numbers_that_float32_cannot_hold_are_refused(delta):
    with pytest.raises(InputError, match=r"recipe\.loss\.delta: 1e.* training is in float32"):
        Study.from_toml(f"""
name = "Tiny"
task = "line"
recipe = {{ loss = {{ kind = "huber", delta = {delta} }}, optimizer = "sgd", steps = 5 }}
""")


@pytest.mark.parametrize(
    "text", ["a\\tb", "a\\nb", "\\u001b[31m", "\\u0000", "\\u202ea", "a\\u2066", "\\u2028"]
)
def test_names_that_would_tear_tables_apart(text):
    told = errors_of(f'[[arms]]\nname = "{text}"')
    assert "must be one line, without tabs, control characters or" in told


def test_file_that_holds_the_name_of_a_file_is_no_study(tmp_path):
    (tmp_path / "study.toml").write_text("other.toml")
    with pytest.raises(InputError, match=r"study\.toml, line 1: "):
        Study.load(tmp_path / "study.toml")
