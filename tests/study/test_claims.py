"""Claims: which arms they select and compare, and what is refused before anything runs."""

import pytest

from fairtrial.errors import InputError
from fairtrial.settings.names import flatten
from fairtrial.study import Study
from fairtrial.study.claims import Claim, match_arms, match_claim, select_arms
from made_up import make_study

GRID = """
name = "Grid"
task = "line"
recipe = { loss = "mse", optimizer = "sgd", steps = 5 }
[vary]
loss = ["mse", "mae", { kind = "huber", delta = 1.0 }, { kind = "huber", delta = 2 }]
"optimizer.learning_rate" = [0.1, 0.5]
"""
ENTRIES = """
name = "Entries"
task = "line"
recipe = { loss = "mse", optimizer = "sgd", steps = 5 }
[[arms]]
name = "plain"
vary = { loss = ["mse", "mae"] }
[[arms]]
name = "momentum"
set = { "optimizer.momentum" = 0.9, stopping = { patience = 7, restore_best = true } }
vary = { loss = ["mse", "mae"] }
[[arms]]
name = "adam"
set = { optimizer = { kind = "adam", learning_rate = 0.01 } }
[[arms]]
name = "uniform"
set = { "task.noise" = "uniform" }
"""


def list_arms(text):
    return Study.from_toml(text).list_arms()


def names_of(arms):
    return [arm.name for arm in arms]


def claim(**fields):
    return Claim(**{"say": "A beats B", "on": "mse"} | fields)


def pair_names(text, **fields):
    return [(a.name, b.name) for a, b in match_arms(list_arms(text), claim(**fields))]


# ------------------------------------------------------------------------- settings that are absent

WITH_AND_WITHOUT = """
name = "With and without"
task = "line"
recipe = { loss = "mse", optimizer = "sgd", steps = 5, clip = { norm = 3.0 } }
[vary]
clip = ["none", { norm = 1.0 }]
"noise.weights" = ["none", { every = 2 }]
average = ["none", "ema"]
"""


def test_none_makes_an_arm_without_a_setting():
    arms = list_arms(WITH_AND_WITHOUT)
    assert names_of(arms)[:2] == [
        "clip=none, noise.weights=none, average=none", "clip=none, noise.weights=none, ema"
    ]  # fmt: skip
    assert [arm.recipe.clip is None for arm in arms] == [True] * 4 + [False] * 4
    assert [arm.recipe.noise.weights is None for arm in arms] == 2 * [True, True, False, False]
    (plain,) = list_arms(WITH_AND_WITHOUT.split("[vary]")[0].replace(", clip = { norm = 3.0 }", ""))
    assert arms[0].recipe == plain.recipe


@pytest.mark.parametrize(
    ("better", "than", "name"),
    [
        ({"clip": "none"}, {"clip.norm": 1.0}, "clip.norm"),
        ({"clip": "none"}, {"clip": {"norm": 1.0}}, "clip.norm"),
        ({"noise.weights": "none"}, {"noise.weights.every": 2}, "noise.weights.every"),
        ({"noise": {"weights": "none"}}, {"noise.weights.every": 2}, "noise.weights.every"),
        ({"average": "none"}, {"average": "ema"}, "average.decay"),
    ],
)
def test_none_selects_the_arms_without_a_setting(better, than, name):
    pairs = match_arms(list_arms(WITH_AND_WITHOUT), claim(better=better, than=than))
    assert len(pairs) == 4
    assert all(name not in one.settings and name in other.settings for one, other in pairs)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"recipe": {"clip": "None"}}, '"none" to leave it out'),
        ({"recipe": {"validation": "off"}}, '"none" to leave it out'),
        (
            {"vary": {"clip": ["none"], "clip.norm": [1.0]}},
            "recipe.clip.norm is set where clip is 'none': leave one out",
        ),
        (
            {"claims": [{"say": "-", "better": {"clip": "None"}, "than": {"loss": "mse"},
                         "on": "mse"}]},
            "or write 'none' for arms without it",
        ),
    ],
)  # fmt: skip
def test_other_words_for_none_are_refused_with_it(wrong, said):
    study = {"name": "x", "task": "line", "recipe": {"loss": "mse", "optimizer": "sgd", "steps": 5}}
    recipe = study["recipe"] | wrong.pop("recipe", {})
    with pytest.raises(InputError, match=said):
        Study(**{**study, "recipe": recipe, **wrong}).list_arms()


def test_none_selects_no_baseline_and_is_no_loss():
    lasso = """
[[baselines]]
name = "Lasso"
model = { kind = "sklearn", estimator = "linear_model.Lasso" }
"""
    arms = list_arms(WITH_AND_WITHOUT + lasso)
    assert "Lasso" not in names_of(select_arms(arms, {"clip": "none"}))
    claims = """
[[claims]]
say = "-"
better = { loss = "none" }
than = { clip = "none" }
on = "mse"
"""
    with pytest.raises(InputError, match=r"better\.loss = 'none': no arm has it"):
        Study.from_toml(WITH_AND_WITHOUT + claims)


# ------------------------------------------------------------------------------------- selectors


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ({"loss": "huber"}, ["huber delta=1.0", "huber delta=2"]),
        ({"loss.kind": "huber"}, ["huber delta=1.0", "huber delta=2"]),
        ({"loss": {"kind": "huber"}}, ["huber delta=1.0", "huber delta=2"]),
        ({"loss": {"kind": "huber", "delta": 1.0}}, ["huber delta=1.0"]),
        ({"loss": {"delta": 2.0}}, ["huber delta=2"]),
        ({"loss.delta": 2}, ["huber delta=2"]),
        ({"loss": "mse", "loss.kind": "mae"}, []),
        ({"loss": "mae", "schedule": "constant", "init.value": 0}, ["mae"]),  # defaults count
        ({"loss": "mae", "task": "line", "task.noise": "normal"}, ["mae"]),
        ({"loss": "mae", "task": {"noise": {"scale": 1.0}, "rows": 10_000}}, ["mae"]),
        ({"loss": "mae", "steps": True}, []),
        ({"loss": "mae", "task.slope": 4.0}, []),
        ({"stopping.patience": 100}, []),
        ({"arm": "mae, optimizer.learning_rate=0.1"}, ["mae"]),
        ({"arm": "mae"}, []),
        ({"loss": "mae", "penalty": {}}, []),
    ],
)
def test_select_arms_of_a_grid(selector, expected):
    selector = {"optimizer.learning_rate": 0.1} | selector
    assert names_of(select_arms(list_arms(GRID), selector)) == [
        f"{name}, optimizer.learning_rate=0.1" for name in expected
    ]


def test_an_empty_selector_selects_all():
    assert select_arms(list_arms(GRID), {}) == list_arms(GRID)


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ({"arm": "plain"}, ["plain · mse", "plain · mae"]),
        ({"arm": "plain · mae"}, ["plain · mae"]),
        ({"arm": "adam"}, ["adam"]),
        ({"stopping.restore_best": True}, ["momentum · mse", "momentum · mae"]),
        ({"stopping.restore_best": 1}, []),
        ({"arm": "momentum", "loss": "mae"}, ["momentum · mae"]),
        ({"optimizer.beta1": 0.9}, ["adam"]),
        ({"task.noise": "uniform"}, ["uniform"]),
    ],
)
def test_select_hand_picked_arms(selector, expected):
    assert names_of(select_arms(list_arms(ENTRIES), selector)) == expected


# ------------------------------------------------------------------------------------------ pairs


def test_what_a_claim_leaves_open_is_matched_like_with_like():
    rates = [f"optimizer.learning_rate={rate}" for rate in (0.1, 0.5)]
    assert sorted(pair_names(GRID, better={"loss": "huber"}, than={"loss": "mse"})) == sorted(
        (f"huber delta={delta}, {rate}", f"mse, {rate}") for delta in ("1.0", "2") for rate in rates
    )
    assert pair_names(
        GRID,
        better={"optimizer.learning_rate": 0.5},
        than={"optimizer.learning_rate": 0.1},
        where={"loss": "huber"},
    ) == [
        (f"huber delta={delta}, {rates[1]}", f"huber delta={delta}, {rates[0]}")
        for delta in ("1.0", "2")
    ]


@pytest.mark.parametrize(
    ("better", "than", "expected"),
    [
        # An entry's name leaves open what its own grid varies.
        (
            "momentum",
            "plain",
            [("momentum · mse", "plain · mse"), ("momentum · mae", "plain · mae")],
        ),
        # An arm's own name leaves nothing open.
        ("momentum · mse", "plain · mae", [("momentum · mse", "plain · mae")]),
        (
            "momentum · mse",
            "plain",
            [("momentum · mse", "plain · mse"), ("momentum · mse", "plain · mae")],
        ),
        # The grid of the one is the recipe of the other.
        ("adam", "plain", [("adam", "plain · mse")]),
        ("adam", "momentum", [("adam", "momentum · mse")]),
        ("uniform", "plain", [("uniform", "plain · mse")]),
        ("adam", "adam", []),
    ],
)  # fmt: skip
def test_arms_by_name(better, than, expected):
    assert pair_names(ENTRIES, better={"arm": better}, than={"arm": than}) == expected


@pytest.mark.parametrize(
    ("better", "than", "expected"),
    [
        # The learning rate is left open, and SGD's is another.
        ({"optimizer": "adam"}, {"optimizer": "sgd"}, [("adam", "plain · mse")]),
        ({"optimizer.momentum": 0.9}, {"optimizer.momentum": 0.0}, []),  # stopping differs
        (
            {"optimizer.momentum": 0.9, "stopping.patience": 7},
            {"optimizer.momentum": 0.0},
            [("momentum · mse", "plain · mse"), ("momentum · mae", "plain · mae")],
        ),
        (
            {"loss": "mae"},
            {"loss": "mse"},
            [("plain · mae", "plain · mse"), ("momentum · mae", "momentum · mse")],
        ),
        ({"task.noise": "uniform"}, {"task.noise": "normal"}, [("uniform", "plain · mse")]),
    ],
)  # fmt: skip
def test_pairs_by_settings(better, than, expected):
    assert pair_names(ENTRIES, better=better, than=than) == expected


def test_pairs_against_trying_all():
    """The join finds what comparing every pair of flat settings finds."""
    arms = list_arms(GRID + '"task.rows" = [9, 10]\nsteps = [4, 5]\n')
    better, than = {"loss": "mae", "steps": 4}, {"loss": "mse"}

    def flat(arm):
        return flatten({"task": arm.task.model_dump(), **arm.recipe.model_dump()})

    expected = [
        (a, b)
        for a in arms
        for b in arms
        if a.recipe.loss.kind == "mae" and a.recipe.steps == 4 and b.recipe.loss.kind == "mse"
        and all(
            flat(a).get(name) == flat(b).get(name)
            for name in flat(a) | flat(b)
            if name not in ("loss.kind", "steps")
        )
    ]  # fmt: skip
    found = match_arms(arms, claim(better=better, than=than))
    assert len(found) == 8
    assert sorted(map(repr, found)) == sorted(map(repr, expected))


def test_many_arms_are_matched_without_trying_every_pair():
    values = ", ".join(f"{number}.0" for number in range(1, 3_001))
    text = GRID.partition("[vary]")[0] + f'[vary]\n"optimizer.learning_rate" = [{values}]\n'
    arms = list_arms(text + 'loss = ["mse", "mae"]')
    assert len(match_arms(arms, claim(better={"loss": "mae"}, than={"loss": "mse"}))) == 3_000


# ------------------------------------------------------------------------------------------ rules

CLAIM = """
[[claims]]
say = "A beats B"
better = { loss = "mae" }
than = { loss = "mse" }
on = "mse"
"""


def errors_of(text):
    with pytest.raises(InputError) as caught:
        Study.from_toml(text)
    return str(caught.value)


def change(old, new, text=CLAIM):
    assert old in text
    return text.replace(old, new)


def test_a_claim_is_kept():
    text = (
        GRID + CLAIM + 'margin = 0.5\nwhere = { "optimizer.learning_rate" = 0.1 }\nover = "seeds"'
    )
    (kept,) = Study.from_toml(text).claims
    assert kept == Claim(
        say="A beats B", better={"loss": "mae"}, than={"loss": "mse"}, on="mse", margin=0.5,
        where={"optimizer.learning_rate": 0.1}, over="seeds",
    )  # fmt: skip
    plain = Study.from_toml(GRID + CLAIM).claims[0]
    assert (plain.margin, plain.where, plain.over) == (0.0, {}, None)


REFUSED = [
    ("say", "''", "claims[0].say = ''"),
    ("margin", "-1", "claims[0].margin = -1: it must be greater than or equal to 0."),
    ("margin", "nan", "claims[0].margin = nan: it must be a finite number."),
    ("margin", "'1 %'", "must be a valid number; write a number in the metric's unit."),
    ("margn", "1", "claims[0].margn is not a known name; did you mean 'margin'?"),
    ("over", '"examples"', "claims[0].over = 'examples': it must be 'seeds'."),
    ("better", "{}", "claims[0].better = {}: it must have at least 1 item."),
    ("better", '"mae"', "claims[0].better = 'mae': it must be a table"),
    ("better", '{ los = "mae" }', "better.los is not a known name; did you mean 'loss'?"),
    ("better", '{ "loss.knd" = "mae" }', 'better."loss.knd" is not a known name; did you mean'),
    ("better", '{ loss = { knd = "mae" } }', "better.loss.knd is not a known name; did you mean"),
    ("better", '{ "task.nois.scale" = 1 }', "did you mean 'task.noise.scale'?"),
    ("better", '{ recipe = { loss = "mae" } }', "did you mean claims[0].better.loss?"),
    ("better", '{ loss = { "loss.delta" = 1 } }', 'did you mean claims[0].better."loss.delta"?'),
    (
        "better",
        '{ schedule = ["cosine", "step"] }',
        "better.schedule is a list, and no arm has one",
    ),
    ("better", '{ loss = ["mse", "mae"] }', "better.loss is a list, and no arm has one there"),
    ("better", "{ schedule = [3] }", "better.schedule[0] = 3: name a kind, or its settings"),
    ("better", "{ schedule = [] }", "better.schedule = []: schedule is a table"),
    ("better", "{ schedule = [{}] }", "better.schedule[0] = {}: name a kind, or its settings"),
    ("better", '{ "data.noise" = "laplace" }', "did you mean 'task.noise'?"),
    ("better", '{ "average.steps" = 5 }', "did you mean 'average.share'?"),
    ("better", '{ where = { loss = "mse" } }', "did you mean claims[0].where.loss?"),
    (
        "better",
        '{ schedule = [{ kind = "step", fctor = 1 }] }',
        "better.schedule[0].fctor is not a",
    ),
    ("better", "{ penalty = {} }", "penalty is a table: name its settings (known: penalty.l2, pe"),
    ("better", "{ loss = 3 }", "claims[0].better.loss = 3: loss is a table: name its settings"),
    ("better", "{ arm = 3 }", "claims[0].better.arm = 3: it must be the name of an arm."),
    ("better", '{ arm = "mae, optimizer.learning_rate=1" }', "did you mean 'mae, optimizer.learn"),
    ("better", '{ loss = "hubr" }', "loss = 'hubr': no arm has it; did you mean 'huber'?"),
    ("better", '{ loss = "mae", steps = 6 }', "better.steps = 6: no arm has it (known: 5)."),
    ("better", '{ loss = "mae", "loss.delta" = 1.0 }', "no arm has all of it."),
    ("than", '{ loss = "mae" }', "claims[0]: better and than select the same arms: name what"),
    ("than", '{ steps = 5, loss = "hybrid" }', "claims[0].than.loss = 'hybrid': no arm has it"),
    ("on", '"loss"', "on = 'loss': objectives of different runs are not comparable; name a metric"),
    ("on", '"parameter_eror"', "is not a known metric; did you mean 'parameter_error'?"),
    ("on", '"accuracy"', "runs of the arm 'mae, optimizer.learning_rate=0.1' have no such metric"),
    ("where", "{ steps = 6 }", "claims[0].where.steps = 6: no arm has it"),
    ("where", "{ steps = [5, 6] }", "where.steps = [5, 6]: no arm has it; name one value, not a"),
]


@pytest.mark.parametrize(("field", "value", "expected"), REFUSED)
def test_claims_refused(field, value, expected):
    lines = CLAIM.strip().splitlines()
    places = [number for number, line in enumerate(lines) if line.startswith(f"{field} =")]
    if places:
        lines[places[0]] = f"{field} = {value}"
    else:
        lines.append(f"{field} = {value}")
    text = GRID + "\n".join(lines)
    told = errors_of(text)
    line = text.splitlines().index(f"{field} = {value}") + 1
    assert told.startswith(f"study, line {line}: claims[0]")
    assert len(told.splitlines()) == 1
    assert expected in told


def test_loss_fluctuation_compares_runs_of_one_objective():
    fluctuating = change('on = "mse"', 'on = "late_loss_fluctuation"')
    told = errors_of(GRID + fluctuating)
    assert told == (
        "study, line 13: claims[0].on = 'late_loss_fluctuation': objectives of different runs are "
        "not comparable; 'mae, optimizer.learning_rate=0.1' and 'mse, optimizer.learning_rate=0.1' "
        "differ in loss: compare arms that share loss, penalty, standardise and class_weights, or "
        "name another metric."
    )
    rates = change('{ loss = "mae" }', '{ "optimizer.learning_rate" = 0.5 }', fluctuating)
    rates = change('{ loss = "mse" }', '{ "optimizer.learning_rate" = 0.1 }', rates)
    assert Study.from_toml(GRID + rates).claims
    assert Study.from_toml(GRID + change('on = "mse"', 'on = "late_fluctuation"')).claims


def test_lengths_relative_to_unlike_starts_are_unlike_objectives():
    relative = {"kind": "huber", "delta": {"times_mad": 1.345}}
    starts = {"init": ["constant", {"kind": "normal", "scale": 1.0}]}
    claim = {"better": {"init": "normal"}, "than": {"init": "constant"}}
    for loss, is_refused in ((relative, True), ("huber", False)):
        recipe = {"loss": loss, "optimizer": "sgd", "steps": 9}
        parts = {"recipe": recipe, "vary": starts}
        if is_refused:
            with pytest.raises(InputError, match="differ in init"):
                make_study([claim | {"on": "late_loss_fluctuation"}], **parts)
        else:
            make_study([claim | {"on": "late_loss_fluctuation"}], **parts)


def test_a_claim_that_lacks_a_field():
    told = errors_of(GRID + change('say = "A beats B"\n', ""))
    assert told == "study, line 9: claims[0].say is missing: give it a value."


def test_where_holds_on_both_sides():
    told = errors_of(GRID + CLAIM + 'where = { loss = "mae" }')
    assert told.startswith("study, line 12: claims[0].than.loss = 'mse': no arm has it")


def test_a_claim_without_a_match_says_what_differs():
    momentum = 'better = { "optimizer.momentum" = 0.9 }\nthan = { "optimizer.momentum" = 0.0 }'
    told = errors_of(ENTRIES + f'[[claims]]\nsay = "x"\non = "mse"\n{momentum}')
    assert told == (
        "study, line 21: claims[0]: no arm of better is like an arm of than in all that they leave "
        "open; 'momentum · mse' and 'plain · mse' differ in stopping.monitor, stopping.patience, "
        "stopping.restore_best: name that in better and than, or vary it on both sides."
    )


def test_errors_of_settings_arms_and_claims_come_together():
    told = errors_of(
        change(
            "steps = 5",
            "steps = 5, noise = { data = { scale = 0.1 } }",
            GRID.replace('"Grid"', "''"),
        )
        + change('on = "mse"', 'on = "loss"')
        + change('loss = "mae"', 'los = "mae"')
    )
    assert [line.partition(": ")[0] for line in told.splitlines()] == [
        f"study, line {line}" for line in (2, 4, 13, 17)
    ]


def test_claims_are_judged_only_where_all_arms_are_right():
    """What a claim selects may be the arm that is wrong."""
    told = errors_of(change('"mae", {', '"mae", "hubr", {', GRID) + change('"mae"', '"hybrid"'))
    assert len(told.splitlines()) == 1


def test_a_claim_on_validation_needs_validation_rows():
    text = """
name = "Digits"
task = "digits"
recipe = { loss = "cross_entropy", optimizer = "sgd", epochs = 1, batch_size = 64 }
[vary]
optimizer = ["sgd", "adam"]
"optimizer.learning_rate" = [0.1]
[[claims]]
say = "Adam"
better = { optimizer = "adam" }
than = { optimizer = "sgd" }
on = "validation_accuracy"
"""
    assert "have no such metric (known: accuracy, cross_entropy, expected" in errors_of(text)
    assert Study.from_toml(text.replace("64 }", "64, validation = 0.1 }")).claims


# --------------------------------------------------------------------------------------- effects

STARTS = """
name = "Starts"
task = "line"
recipe = { loss = "mse", optimizer = "sgd", steps = 5, init = "normal" }
[vary]
loss = ["mse", "mae"]
"init.scale" = [0.1, 1.0]
"optimizer.learning_rate" = [0.01, 0.1]
"""
FAR = {"of": {"init.scale": 1.0}, "against": {"init.scale": 0.1}}


def test_an_effect_compares_four_arms_that_are_alike_in_all_else():
    matches = match_claim(
        list_arms(STARTS), claim(better={"loss": "mae"}, than={"loss": "mse"}, effect=FAR)
    )
    assert len(matches) == 2
    for match, rate in zip(matches, ("0.01", "0.1"), strict=True):
        end = f"optimizer.learning_rate={rate}"
        assert names_of(match.arms) == [
            f"mae, init.scale=1.0, {end}",
            f"mse, init.scale=1.0, {end}",
            f"mae, init.scale=0.1, {end}",
            f"mse, init.scale=0.1, {end}",
        ]


@pytest.mark.parametrize(
    ("effect", "complaint"),
    [
        ({"of": {"init.scale": 1.0}, "against": {"init.scale": 3.0}}, "no arm has it"),
        ({"of": {"loss": "mae"}, "against": {"loss": "mse"}}, "name it in one of them"),
        ({"of": {"init.skale": 1.0}, "against": {"init.scale": 0.1}}, "did you mean"),
        (FAR | {"size": "big"}, "smaller"),
        ({"of": {"init.scale": 1.0}}, "against"),
    ],
)
def test_effects_that_compare_nothing_are_refused(effect, complaint):
    study = Study.from_toml(STARTS)
    entry = {"say": "-", "better": {"loss": "mae"}, "than": {"loss": "mse"}, "on": "mse"}
    with pytest.raises(InputError, match=complaint):
        study.replace(claims=[entry | {"effect": effect}])
