"""Comparison to the last printed digit, and replay files that are wrong."""

import tomllib

import numpy as np
import pytest

from by_hand import descend
from fairtrial.data.load import load_dataset
from fairtrial.errors import InputError
from fairtrial.lab.replay import SHIPPED, ReplayFile, _compare, replay
from fairtrial.lab.shipped import open_shipped
from fairtrial.progress import Status
from fairtrial.study import Study

RUN = """
[[run]]
label = "a run"
{settings}
task = {{ kind = "line", rows = 50 }}
recipe = {{ loss = "mse", optimizer = {{ kind = "sgd", learning_rate = {rate} }}, steps = 9 }}
reported = {reported}
"""


def load(tmp_path, text):
    path = tmp_path / "replay.toml"
    path.write_text(text, encoding="utf-8")
    return ReplayFile.load(path)


def load_run(tmp_path, reported, settings="", rate=0.1):
    return load(tmp_path, RUN.format(settings=settings, reported=reported, rate=rate))


@pytest.mark.parametrize(
    ("reported", "value", "replayed", "match"),
    [
        ("0.9860", 0.98604, "0.9860", True),
        ("0.9860", 0.98596, "0.9860", True),
        ("0.9860", 0.98606, "0.9861", False),
        ("0.12", 0.125, "0.12", True),  # a tie, exact in binary, goes to the even digit
        ("0.13", 0.125, "0.12", False),
        ("2.00", 2.0, "2.00", True),
        ("2", 2.4, "2", True),
        ("-0.0749", -0.07494, "-0.0749", True),
        ("0.00", -0.001, "-0.00", True),
        ("1999", 1999, "1999", True),
        ("1999", 2000, "2000", False),
        ("1e-3", 0.0014, "0.001", True),
        ("0.5", float("nan"), "nan", False),
        ("0.5", float("inf"), "inf", False),
        ("0.5", None, "none", False),
        ("0.9860", 1e30, "1000000000000000019884624838656.0000", False),
        ("0." + "9" * 40, 0.5, "0.5" + "0" * 39, False),
    ],
)
def test_compare(reported, value, replayed, match):
    found = _compare("a", "loss", reported, value)
    assert found == {
        "label": "a", "quantity": "loss", "reported": reported, "replayed": replayed,
        "match": match,
    }  # fmt: skip


def test_the_largest_float_to_the_most_decimals():
    found = _compare("a", "loss", "0." + "1" * 40 + "e-99", float(np.finfo(float).max))
    assert found["replayed"].startswith("17976931348623157") and not found["match"]


def test_finds_what_numpy_finds(tmp_path):
    file = load_run(
        tmp_path,
        '{ "loss@0" = "0.00", "loss@8" = "0.00", loss = "0.00", '
        'slope = "0.000", intercept = "0.000" }',
        "seed = 4",
    )
    told = []
    rows = replay(file, told.append)
    assert told == [Status("replay: a run", 0.0, 1, 0, 1)]
    data = load_dataset(file.run[0].task, 4)
    expected = descend(file.run[0].recipe, data.X, data.y, [0.0], 0.0)
    values = [expected.losses[0], expected.losses[8], expected.losses[8], expected.W[0], expected.b]
    assert [row["quantity"] for row in rows] == list(file.run[0].reported)
    for row, value in zip(rows, values, strict=True):
        assert row["replayed"] == f"{value:.{2 if 'loss' in row['quantity'] else 3}f}"
        assert row["match"] is False
        assert set(row) == {"label", "quantity", "reported", "replayed", "match"}


def test_what_did_not_happen_is_none(tmp_path):
    rows = replay(load_run(tmp_path, '{ stopped_at = "8", "loss@9" = "1.0" }'))
    assert [(row["replayed"], row["match"]) for row in rows] == [("none", False)] * 2


def test_a_run_that_ends_itself(tmp_path):
    """A rate of 1e-30 moves nothing: step 0 is the lowest, and two more are the patience."""
    text = RUN.replace("steps = 9", "steps = 9, stopping = {{ patience = 2 }}")
    file = load(
        tmp_path,
        text.format(settings="", rate="1e-30", reported='{ stopped_at = "2", slope = "0.0" }'),
    )
    assert [row["match"] for row in replay(file)] == [True, True]


def test_a_run_that_diverges_is_no_traceback(tmp_path):
    rows = replay(load_run(tmp_path, '{ loss = "0.9860", slope = "3.0" }', rate="1e18"))
    assert [row["match"] for row in rows] == [False, False]


def test_stateful_draws_twice_are_the_same(tmp_path):
    text = RUN.replace(
        "steps = 9",
        'steps = 9, init = {{ kind = "normal" }}, noise = {{ data = {{ every = 2 }}, '
        "weights = {{ every = 3 }}, learning_rate = {{ every = 4 }} }}",
    )
    reported = '{ loss = "0.00000000", slope = "0.00000000", intercept = "0.00000000" }'
    both = [
        text.format(settings=f'draws = "tensorflow"\nseed = {seed}', rate=0.1, reported=reported)
        for seed in (380, 380, 381)
    ]
    rows = replay(load(tmp_path, "".join(both)))
    found = [row["replayed"] for row in rows]
    assert found[:3] == found[3:6]
    assert not set(found[:3]) & set(found[6:])


# ---------------------------------------------------------------------------------------- files


@pytest.mark.parametrize(
    ("reported", "settings", "expected"),
    [
        ('{ los = "1.0" }', "", "'los' is not a quantity: use loss, loss@STEP, slope"),
        ('{ "loss@" = "1.0" }', "", "'loss@' is not a quantity"),
        ('{ "loss@x" = "1.0" }', "", "'loss@x' is not a quantity"),
        (f'{{ "loss@{"9" * 5000}" = "1.0" }}', "", "is not a quantity"),
        ('{ loss = "" }', "", "loss = '' is not a number as text"),
        ('{ loss = "nan" }', "", "loss = 'nan' is not a number as text"),
        ('{ loss = "1e999999999" }', "", "is not a number as text"),
        ('{ loss = "1.0.0" }', "", "is not a number as text"),
        ("{ loss = 1.0 }", "", "reported.loss = 1.0: it must be a valid string"),
        ("{}", "", "reported"),
        ('{ loss = "1.0" }', "seed = -1", "seed = -1"),
        ('{ loss = "1.0" }', f"seed = {2**31}", "must be less than 2147483648"),
        ('{ loss = "1.0" }', 'draws = "numpy"', "'named' or 'tensorflow'"),
        ('{ loss = "1.0" }', "sed = 1", "sed is not a known name; did you mean 'seed'?"),
    ],
)
def test_bad_runs(tmp_path, reported, settings, expected):
    with pytest.raises(InputError) as caught:
        load_run(tmp_path, reported, settings)
    assert expected in str(caught.value)
    assert "replay.toml, line " in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "run is missing"),
        ("run = []", "run = []"),
        ("[[run]", "not valid TOML"),
        (
            '[[run]]\nlabel = "a"\ntask = "digits"\nrecipe = { loss = "cross_entropy", '
            'optimizer = "sgd", epochs = 1, batch_size = 9 }\nreported = { loss = "1" }',
            "'digits' cannot be replayed: only a line can",
        ),
        (
            '[[run]]\nlabel = "a"\ntask = "line"\nrecipe = { loss = "cross_entropy", '
            'optimizer = "sgd", steps = 9 }\nreported = { loss = "1" }',
            "the targets of line are numbers",
        ),
    ],
)
def test_bad_files(tmp_path, text, expected):
    with pytest.raises(InputError) as caught:
        load(tmp_path, text)
    assert expected in str(caught.value)


def test_errors_name_their_line(tmp_path):
    text = (
        '[[run]]\nlabel = "a"\ntask = "line"\nreported = { loss = "1" }\n[run.recipe]\n'
        'optimizer = "sgd"\nsteps = 9\nloss = "cross_entropy"\n[[run]]\nlabel = "b"\nseed = -1'
    )
    with pytest.raises(InputError) as caught:
        load(tmp_path, text)
    lines = [line.partition("replay.toml, ")[2] for line in str(caught.value).splitlines()]
    assert lines[0].startswith("line 8: run[0]: recipe.loss = 'cross_entropy', but the targets of")
    assert "line 11: run[1].seed = -1: it must be greater than or equal to 0." in lines


def test_all_errors_of_all_runs(tmp_path):
    one = RUN.format(settings="seed = -1", rate=0.1, reported='{ loss = "x" }')
    with pytest.raises(InputError) as caught:
        load(tmp_path, one + one)
    text = str(caught.value)
    for place in ("run[0].seed", "run[0].reported", "run[1].seed", "run[1].reported"):
        assert place in text


def test_noise_that_the_report_did_not_draw_is_refused_before_anything_runs(tmp_path):
    path = tmp_path / "replay.toml"
    path.write_text("""
[[run]]
label = "Laplace"
draws = "tensorflow"
task = { kind = "line", noise = "laplace" }
recipe = { loss = "mse", optimizer = "sgd", steps = 2 }
reported = { slope = "3.0" }
""")
    with pytest.raises(InputError, match=r"laplace.*normal, uniform, compressed_normal"):
        ReplayFile.load(path)


def test_arms_shown_beside_replayed_runs_have_their_loss_and_rate():
    reported = tomllib.loads(SHIPPED.with_name("reported.toml").read_text(encoding="utf-8"))
    arms = {arm.name: arm for arm in Study.load(open_shipped("line")).list_arms()}
    known = {row["label"]: arms[row["arm"]].recipe for row in reported["replayed"]}
    for run in ReplayFile.load(SHIPPED).run:
        own = known[run.label]
        assert (own.loss, own.steps) == (run.recipe.loss, run.recipe.steps)
        assert own.optimizer == run.recipe.optimizer
