"""Every run in exactly one stack, and stacks whose rows are alike."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from by_hand import recipe
from fairtrial.running import plan
from fairtrial.running.plan import plan_stacks
from fairtrial.study import Arm, Run
from fairtrial.study.task import DigitsTask, LinearTask, LineTask
from made_up import make_study

LINES = [
    LineTask(kind="line", rows=rows, noise=noise)
    for rows in (50, 60)
    for noise in ("normal", "laplace")
]
DIGITS = DigitsTask(kind="digits")
LINE_RECIPES = [
    recipe("mse"),
    recipe("mae"),
    recipe("huber", "adam"),
    recipe("mse", steps=99),
    recipe("mse", noise={"data": {}}),
    recipe("mse", noise={"weights": {}}),
]
DIGITS_RECIPES = [
    recipe("cross_entropy", optimizer, epochs=epochs, batch_size=size, validation=validation)
    for optimizer in ("sgd", "adam")
    for epochs in (2, 3)
    for size in (32, 64)
    for validation in (None, 0.2)
]
ARMS = [
    Arm(f"arm {number}", task, one)
    for number, (task, one) in enumerate(
        [(task, one) for task in LINES for one in LINE_RECIPES]
        + [(DIGITS, one) for one in DIGITS_RECIPES]
    )
]


def assert_sound(runs, plans):
    planned = Counter(run.name for one in plans for row in one.runs for run in row)
    assert planned == Counter(run.name for run in runs)
    for one in plans:
        assert {len(row) for row in one.runs} == {len(one.runs[0])}
        for row in one.runs:
            assert len({(run.arm.task, run.seed) for run in row}) == 1
            recipes = [run.arm.recipe for run in row]
            assert recipes == [run.arm.recipe for run in one.runs[0]]
            assert len({(r.batch_size, r.validation) for r in recipes}) == 1
            assert len({r.steps for r in one.lanes[0]}) == 1
            assert len({r.noise.data is None for r in recipes}) == 1
        shapes = {
            run.arm.task.rows if run.arm.task.kind == "line" else run.arm.task.kind
            for row in one.runs
            for run in row
        }
        assert len(shapes) == 1
        if one.runs[0][0].arm.task.kind == "digits":
            assert len(one.runs) == 1
        assert one.n_runs == sum(len(row) for row in one.runs)


PAIRS = st.tuples(st.sampled_from(ARMS), st.integers(0, 4))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(PAIRS, min_size=1, max_size=40, unique_by=lambda pair: (pair[0].name, pair[1])))
def test_any_runs(pairs):
    runs = [Run(arm, seed) for arm, seed in pairs]
    assert_sound(runs, plan_stacks(runs, 10**9))


def count_lane_steps(plan):
    """Count the steps (epochs) of all lanes together, if none ends early."""
    return len(plan.runs) * sum(recipe.length for recipe in plan.lanes[0])


def test_a_grid_is_one_stack():
    """Three recipes of one length, two noises, four seeds: eight data sets of three lanes."""
    arms = [arm for arm in ARMS if arm.task in LINES[:2] and arm.recipe in LINE_RECIPES[:3]]
    runs = [Run(arm, seed) for arm in arms for seed in range(4)]
    (one,) = plan_stacks(runs, 10**9)
    assert (len(one.runs), len(one.runs[0])) == (8, 3)
    assert count_lane_steps(one) == 8 * 3 * 20


def test_lengths_of_one_recipe_are_one_lane():
    """Three lengths and another rate; runs that are done already leave the others as they are."""
    digits = [recipe("cross_entropy", "sgd", epochs=n, batch_size=32) for n in (2, 5, 3)]
    other = {"kind": "sgd", "learning_rate": 0.5}
    digits.append(recipe("cross_entropy", other, epochs=2, batch_size=32))
    runs = [Run(Arm(str(number), DIGITS, one), 0) for number, one in enumerate(digits)]
    (one,) = plan_stacks(runs, 10**9)
    assert [lane.length for lane in one.lanes[0]] == [5, 2]
    assert (one.n_runs, count_lane_steps(one), one.length) == (4, 7, 5)
    first, second = one.halve()
    assert [run.arm.name for run in first.runs[0]] == ["0", "1", "2"]
    assert [run.arm.name for run in second.runs[0]] == ["3"]
    assert [half.runs for half in first.halve()] == [first.runs]


def test_steps_of_one_recipe_are_one_lane_where_a_seed_has_both():
    short, long = recipe("mse", steps=10), recipe("mse", steps=90)
    arms = [Arm(str(number), LINES[0], one) for number, one in enumerate([short, long])]
    runs = [Run(arms[0], 0), Run(arms[1], 0), Run(arms[0], 1)]
    plans = plan_stacks(runs, 10**9)
    assert [[run.name for row in one.runs for run in row] for one in plans] == [
        ["0 #0", "1 #0"], ["0 #1"],
    ]  # fmt: skip
    assert [count_lane_steps(one) for one in plans] == [90, 10]


def test_runs_of_one_lane_are_never_cut_apart():
    rates = [{"kind": "sgd", "learning_rate": rate} for rate in (0.1, 0.2, 0.3)]
    arms = [
        Arm(f"{steps} {rate}", LINES[0], recipe("mse", rate, steps=steps))
        for steps in (10, 20)
        for rate in rates
    ]
    runs = [Run(arm, 0) for arm in arms]
    dataset, lane = plan.estimate_memory(runs)
    for room, expected in ((1, [2, 2, 2]), (2, [4, 2]), (3, [6])):
        plans = plan_stacks(runs, dataset + room * lane)
        assert [one.n_runs for one in plans] == expected
        assert [len(one.lanes[0]) for one in plans] == [n // 2 for n in expected]


def test_more_features_are_more_work():
    """Digits have 64 features: twice as many take longer to train on, and must be made as well."""
    many, few = ({"kind": "fourier", "directions": n} for n in (128, 10))
    maps = ["pixels", {"kind": "pixels", "standardise": True}, few, many]
    arms = [
        Arm(str(number), DIGITS, recipe("cross_entropy", epochs=3, batch_size=32, features=one))
        for number, one in enumerate(maps)
    ]
    plans = plan_stacks([Run(arm, 0) for arm in arms], 10**9)
    seconds = {one.recipes[0].features.model_dump_json(): one.seconds for one in plans}
    assert len(seconds) == 4
    assert sorted(seconds.values())[-1] == seconds[arms[3].recipe.features.model_dump_json()]


def test_a_task_with_weights_of_its_own():
    task = LinearTask(kind="linear", features=2, weights=[1.0, -2.0])
    runs = [Run(Arm("a", task, LINE_RECIPES[0]), seed) for seed in range(3)]
    (one,) = plan_stacks(runs, 10**9)
    assert len(one.runs) == 3


def test_seeds_of_mini_batches_train_apart():
    runs = [Run(Arm("a", DIGITS, DIGITS_RECIPES[0]), seed) for seed in range(3)]
    plans = plan_stacks(runs, 10**9)
    assert [one.n_runs for one in plans] == [1, 1, 1]
    assert [count_lane_steps(one) for one in plans] == [2, 2, 2]


def test_stacks_fit_in_memory():
    """Whatever there is: all in one stack, or data sets apart, or lanes apart."""
    arms = [Arm(str(number), LINES[0], LINE_RECIPES[number]) for number in range(3)]
    runs = [Run(arm, seed) for arm in arms for seed in range(4)]
    dataset, lane = plan.estimate_memory(runs[::4])
    for memory, expected in [
        (1, [(1, 1)] * 12),
        (dataset + 2 * lane, [(1, 2)] * 4 + [(1, 1)] * 4),
        (dataset + 3 * lane, [(1, 3)] * 4),
        (2 * (dataset + 3 * lane), [(2, 3)] * 2),
        (10**9, [(4, 3)]),
    ]:
        plans = plan_stacks(runs, memory)
        assert_sound(runs, plans)
        assert [(len(one.runs), len(one.runs[0])) for one in plans] == expected
        for one in plans:
            need = len(one.runs) * (dataset + len(one.runs[0]) * lane)
            assert need <= memory or one.n_runs == 1


def test_data_sets_of_unlike_test_rows_are_stacks_of_their_own():
    recipe = {"loss": "mse", "optimizer": "sgd", "epochs": 1, "batch_size": 500}
    tasks = {"task.test_rows": [100, 200]}
    study = make_study(seeds=2, task="line", recipe=recipe, vary=tasks)
    plans = plan_stacks(study.list_runs())
    assert [len({run.arm.name for runs in plan.runs for run in runs}) for plan in plans] == [1, 1]
