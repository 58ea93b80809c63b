"""Laws of training side by side, on recipes that Hypothesis makes up.

Each shape and each set of kinds compiles anew, so both are few: four lanes of every loss and every
optimizer, on two data sets of 24 rows.
"""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from by_hand import recipe
from fairtrial.data.dataset import Dataset
from fairtrial.data.load import load_dataset
from fairtrial.parameters import Parameters
from fairtrial.study.task import LineTask
from fairtrial.training import eager, epoch, stacked
from fairtrial.training.hyperparameters import list_kinds
from fairtrial.training.programs import compile_program

law = settings(max_examples=6, deadline=None, derandomize=True)
# An example is dozens of steps of the eager driver for each of its recipes and seeds.
law_beside_eager = settings(law, max_examples=3)
STEPS = 10  # Each noise strikes: periods are up to 9.
TASK = LineTask(kind="line", rows=24, test_rows=2)
SEEDS = (3, 8)
LOSSES = ("mse", "mae", "huber", "hybrid")
OPTIMIZERS = ("sgd", "adam", "rmsprop", "sgd")
SCHEDULES = ("constant", "linear", "cosine")

rates = st.floats(1e-3, 0.1)
shares = st.floats(0.05, 0.95)
periods = st.integers(1, 9)


def build(kind, **numbers):
    return st.fixed_dictionaries({"kind": st.just(kind), **numbers})


LOSS_SETTINGS = {
    "mse": build("mse"),
    "mae": build("mae"),
    "huber": build("huber", delta=st.floats(0.1, 3)),
    "hybrid": build("hybrid", alpha=shares),
}
EPSILONS = st.floats(1e-7, 1e-2)
OPTIMIZER_SETTINGS = {
    "sgd": build("sgd", learning_rate=rates, momentum=shares),
    "adam": build("adam", learning_rate=rates, beta1=shares, beta2=shares, epsilon=EPSILONS),
    "rmsprop": build("rmsprop", learning_rate=rates, rho=shares, epsilon=EPSILONS),
}
NOISE = st.fixed_dictionaries(
    {
        "data": st.fixed_dictionaries({"every": periods, "low": shares}),
        "weights": st.fixed_dictionaries({"every": periods, "scale": shares}),
        "learning_rate": st.fixed_dictionaries({"every": periods, "low": shares}),
    }
)


@st.composite
def lanes(draw, noisy):
    """Four recipes: every loss and every optimizer, in any pairing."""
    made = []
    for loss, optimizer in zip(draw(st.permutations(LOSSES)), OPTIMIZERS, strict=True):
        settings_of_loss = draw(LOSS_SETTINGS[loss])
        settings_of_optimizer = draw(OPTIMIZER_SETTINGS[optimizer])
        noise = draw(NOISE) if noisy else {}
        penalty = {"l2": draw(shares), "l1": draw(shares)} if noisy else {}
        made.append(
            recipe(
                settings_of_loss, settings_of_optimizer, steps=STEPS, noise=noise, penalty=penalty
            )
        )
    return made


def train(recipes, seeds=SEEDS):
    sets = [load_dataset(TASK, seed) for seed in seeds]
    return stacked.train(stacked.Stack(recipes, sets, seeds))


def assert_close(found, expected, tolerance=1e-5):
    assert (found.outcome, found.ended_at) == (expected.outcome, expected.ended_at)
    assert found.curves.keys() == expected.curves.keys()
    for name, (at, values) in expected.curves.items():
        assert found.curves[name][0].tolist() == at.tolist()
        np.testing.assert_allclose(
            found.curves[name][1], values, rtol=tolerance, atol=tolerance, err_msg=name
        )
    for one, other in ((found.W, expected.W), (found.b, expected.b)):
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


def assert_identical(found, expected):
    assert_close(found, expected, 0.0)


def compare_with_eager(recipes, rows, n_sets, tolerance=1e-5):
    """On both data sets, or each lane on one of them in turn."""
    for place, one in enumerate(recipes):
        for row in [(place + number) % 2 for number in range(n_sets)]:
            expected = eager.train(one, load_dataset(TASK, SEEDS[row]), SEEDS[row])
            assert_close(rows[row][place], expected, tolerance)


@pytest.mark.parametrize(
    ("noisy", "n_sets"),
    [(True, 1), *(pytest.param(noisy, 2, marks=pytest.mark.long) for noisy in (False, True))],
)
def test_stacked_equals_eager(noisy, n_sets):
    @law_beside_eager
    @given(lanes(noisy))
    def holds(recipes):
        compare_with_eager(recipes, train(recipes), n_sets)

    holds()


# Without noise it is another program, which is compiled again.
@pytest.mark.parametrize("noisy", [True, pytest.param(False, marks=pytest.mark.long)])
def test_permuting_lanes_permutes_results(noisy):
    @law
    @given(lanes(noisy), st.permutations(range(4)))
    def holds(recipes, order):
        for found, expected in zip(
            train([recipes[place] for place in order]), train(recipes), strict=True
        ):
            for place, trace in zip(order, found, strict=True):
                assert_close(trace, expected[place], 2e-6)

    holds()


@law
@given(lanes(noisy=True))
def test_permuting_data_sets_permutes_results(recipes):
    one, other = train(recipes), train(recipes, SEEDS[::-1])
    for found, expected in zip(other, one[::-1], strict=True):
        for pair in zip(found, expected, strict=True):
            assert_close(*pair, 2e-6)


@law
@given(lanes(noisy=True), st.sampled_from(OPTIMIZERS), st.integers(0, 4))
def test_adding_a_lane_changes_no_other(recipes, optimizer, place):
    added = recipe("mse", optimizer, steps=STEPS)
    more = [*recipes[:place], added, *recipes[place:]]
    for found, expected in zip(train(more), train(recipes), strict=True):
        others = found[:place] + found[place + 1 :]
        for pair in zip(others, expected, strict=True):
            assert_close(*pair, 2e-6)


@law
@given(lanes(noisy=True))
def test_a_second_run_is_the_same_to_the_last_bit(recipes):
    for one, other in zip(train(recipes), train(recipes), strict=True):
        for pair in zip(one, other, strict=True):
            assert_identical(*pair)


@law
@given(lanes(noisy=True), st.integers(0, 2**40), st.integers(0, 2**40))
def test_another_seed_is_another_run(recipes, seed, apart):
    traces = train(recipes, (seed, seed + 1 + apart))
    for one, other in zip(*traces, strict=True):
        assert not np.array_equal(one.curves["loss"][1], other.curves["loss"][1])
        assert float(one.b) != float(other.b)


@law
@given(st.sampled_from(LOSSES), st.floats(-8, 8), rates)
def test_shifting_y_shifts_b(loss, shift, rate):
    """From a start that is shifted alike; by regression equivariance."""
    data = load_dataset(TASK, 3)
    moved = dataclasses.replace(data, y=data.y + np.float32(shift), true_parameters=None)
    one = recipe(loss, {"kind": "sgd", "learning_rate": rate}, steps=20)
    start = Parameters(np.float32([0.5]), np.float32(0.5))
    there = Parameters(np.float32([0.5]), np.float32(0.5 + shift))
    found, expected = eager.train(one, moved, 3, there), eager.train(one, data, 3, start)
    np.testing.assert_allclose(found.b - shift, expected.b, atol=2e-5)
    np.testing.assert_allclose(found.W, expected.W, atol=2e-5)


@pytest.mark.usefixtures("plain")
@law
@given(lanes(noisy=False), st.floats(-4, 4))
def test_shifting_y_and_start_in_a_stack(recipes, shift):
    """The constant start is both W's and b's, so the slope of the data moves along."""
    sets = [load_dataset(TASK, seed) for seed in SEEDS]
    x = [data.X[:, 0] for data in sets]
    moved = [
        dataclasses.replace(data, y=data.y + np.float32(shift) * (1 + x_of), true_parameters=None)
        for data, x_of in zip(sets, x, strict=True)
    ]
    plain = [dataclasses.replace(data, true_parameters=None) for data in sets]
    there = [
        one.model_copy(update={"init": one.init.model_copy(update={"value": shift})})
        for one in recipes
    ]
    found = stacked.train(stacked.Stack(there, moved, SEEDS))
    expected = stacked.train(stacked.Stack(recipes, plain, SEEDS))
    for pairs in zip(found, expected, strict=True):
        for one, other in zip(*pairs, strict=True):
            np.testing.assert_allclose(one.W - shift, other.W, atol=1e-4)
            np.testing.assert_allclose(one.b - shift, other.b, atol=1e-4)


# ------------------------------------------------------------------------------ no new compiling
# What is traced again is compiled again; that it is compiled makes no difference here.


def change_numbers(one):
    """The same kinds, with every number another."""
    changed = {
        name: getattr(one.optimizer, name) * 0.5
        for name in ("learning_rate", *one.optimizer.definition.numbers)
    }
    loss = {name: value * 0.5 for name, value in one.loss if name != "kind"}
    return recipe(
        one.loss.model_dump() | loss,
        one.optimizer.model_dump() | changed,
        steps=one.steps + 7,
        schedule={"kind": "halve_on_plateau", "patience": 3, "floor": 0.02},
        stopping={"patience": 5},
        init={"kind": "constant", "value": 0.25},
        noise={
            "data": {"every": 2, "low": 0.1, "high": 0.3},
            "weights": {"every": 3, "scale": 0.01},
            "learning_rate": {"every": 4, "low": 0.8, "high": 1.3},
        },
    )


@pytest.mark.usefixtures("plain")
def test_a_new_number_never_traces_again():
    recipes = [
        recipe(
            loss,
            {"kind": optimizer, "learning_rate": 0.1},
            schedule="halve_on_plateau",
            noise={"data": {}, "weights": {}, "learning_rate": {}},
        )
        for loss, optimizer in zip(LOSSES, OPTIMIZERS, strict=True)
    ]
    program = stacked.compile_steps(list_kinds(recipes))
    before = train(recipes)
    count = program.experimental_get_tracing_count()
    assert count >= 1
    changed = [change_numbers(one) for one in recipes]
    assert list_kinds(changed) == list_kinds(recipes)
    after = train(changed, (5, 9))
    assert program.experimental_get_tracing_count() == count
    assert before[0][0].ended_at != after[0][0].ended_at
    train(recipes, (5,))  # another shape does: the count can tell
    assert program.experimental_get_tracing_count() == count + 1


# -------------------------------------------------------------------------------- mini-batches


@st.composite
def softmax_lanes(draw):
    return [
        recipe(
            "cross_entropy",
            draw(OPTIMIZER_SETTINGS[optimizer]),
            epochs=1,
            batch_size=16,
            validation=0.2,
            schedule=schedule,
            init={"kind": "normal", "scale": draw(shares)},
            noise={
                "weights": draw(st.fixed_dictionaries({"every": periods, "scale": shares})),
                "learning_rate": draw(st.fixed_dictionaries({"every": periods, "low": shares})),
            }
            | ({"data": {"scale": draw(shares)}} if on_features else {}),
        )
        for optimizer, on_features, schedule in zip(
            ("adam", "sgd", "rmsprop"),
            (True, True, False),
            draw(st.permutations(SCHEDULES)),
            strict=True,
        )
    ]


def make_pixels():
    random = np.random.default_rng(1)
    X = random.integers(0, 17, size=(50, 6)).astype(np.uint8)
    y = random.integers(0, 3, 50).astype(np.int32)
    return Dataset(X, y, X[:20], y[:20], n_classes=3, divisor=16)


@law_beside_eager
@given(softmax_lanes(), st.integers(0, 2**40), st.permutations(range(3)))
def test_mini_batches(recipes, seed, order):
    """40 rows train in batches of 16: stacked equals eager, lanes permute, runs repeat."""
    data = make_pixels()
    (traces,) = stacked.train(stacked.Stack(recipes, [data], [seed]))
    (again,) = stacked.train(stacked.Stack(recipes, [data], [seed]))
    (moved,) = stacked.train(stacked.Stack([recipes[place] for place in order], [data], [seed]))
    for place, (one, found) in enumerate(zip(recipes, traces, strict=True)):
        assert_close(found, eager.train(one, data, seed), 1e-4)
        assert_close(moved[order.index(place)], found, 1e-5)
        assert_identical(again[place], found)


@pytest.mark.usefixtures("plain")
def test_a_new_number_never_traces_an_epoch_again():
    def build_lanes(rate, patience, scale, epochs):
        return [
            recipe(
                "cross_entropy",
                {"kind": optimizer, "learning_rate": rate},
                epochs=epochs,
                batch_size=16,
                stopping={"patience": patience},
                init={"kind": "normal", "scale": scale},
            )
            for optimizer in ("adam", "sgd")
        ]

    program = None
    epoch.compile_batches.cache_clear()
    counts = []
    for numbers in ((0.1, 5, 0.5, 1), (0.3, 2, 0.1, 3)):
        recipes = build_lanes(*numbers)
        program = epoch.compile_batches(list_kinds(recipes), 16, 16, compile_program)
        stacked.train(stacked.Stack(recipes, [make_pixels()], [4]))
        counts.append(program.experimental_get_tracing_count())
    assert counts == [1, 1]


@st.composite
def number_lanes(draw):
    """Every loss and every optimizer, by epochs."""
    return [
        recipe(
            draw(LOSS_SETTINGS[loss]),
            draw(OPTIMIZER_SETTINGS[optimizer]),
            epochs=2,
            batch_size=8,
            validation=0.2,
            schedule=schedule,
            noise=draw(NOISE),
        )
        for loss, optimizer, schedule in zip(
            draw(st.permutations(LOSSES)), OPTIMIZERS, [*SCHEDULES, "constant"], strict=True
        )
    ]


@pytest.mark.parametrize("n_sets", [1, pytest.param(2, marks=pytest.mark.long)])
def test_mini_batches_of_numbers(n_sets):
    """19 rows train in batches of 8: stacked equals eager, lanes permute, runs repeat."""

    @law_beside_eager
    @given(number_lanes(), st.permutations(range(4)))
    def holds(recipes, order):
        traces, again = train(recipes), train(recipes)
        moved = train([recipes[place] for place in order])
        compare_with_eager(recipes, traces, n_sets, 1e-4)
        for row, found in enumerate(traces):
            for place, one in enumerate(found):
                assert_close(moved[row][order.index(place)], one, 1e-5)
                assert_identical(again[row][place], one)

    holds()


@pytest.mark.usefixtures("plain")
def test_a_new_number_never_traces_an_epoch_of_numbers_again():
    epoch.compile_batches.cache_clear()
    counts = []
    for rate, epochs in ((0.1, 1), (0.3, 3)):
        settings = {"epochs": epochs, "batch_size": 8, "validation": 0.2}
        recipes = [
            recipe(loss, {"kind": "sgd", "learning_rate": rate}, **settings) for loss in LOSSES
        ]
        program = epoch.compile_batches(list_kinds(recipes), 8, 1, compile_program)
        train(recipes)
        counts.append(program.experimental_get_tracing_count())
    assert counts == [1, 1]
