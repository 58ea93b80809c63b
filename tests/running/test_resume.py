"""What stops a study costs nothing but time: the same call goes on, to the same tables."""

import polars as pl
import pytest
import tensorflow as tf

from fairtrial.errors import InputError, MachineError
from fairtrial.results import fingerprint
from fairtrial.results.results import Results
from fairtrial.results.saved_stacks import PARTS
from fairtrial.results.store import CURVES, PARAMETERS, RUNS
from fairtrial.running import execute
from fairtrial.running import stack as train
from fairtrial.running.execute import Setup
from fairtrial.running.plan import estimate_memory
from fairtrial.study import Study

STUDY = Study.from_toml("""
name = "Tiny"
seeds = 3
task = { kind = "line", rows = 50, test_rows = 20 }
recipe = { loss = "mse", optimizer = "sgd", steps = 20 }
vary = { loss = ["mse", "huber"], "task.rows" = [50, 60] }
""")


@pytest.fixture
def trained(monkeypatch):
    """The names of the runs that are trained, stack by stack."""
    stacks, real = [], train.train_stack

    def count(plan, progress):
        stacks.append([run.name for row in plan.runs for run in row])
        return real(plan, progress)

    monkeypatch.setattr(train, "train_stack", count)
    return stacks


def run(folder, study=STUDY, **options):
    told = []
    Setup(note=told.append, **options).run_missing(study, folder)
    return told


def assert_same_tables(one, other):
    for name in (CURVES, PARAMETERS):
        assert (one / name).read_bytes() == (other / name).read_bytes()
    first, second = (pl.read_parquet(folder / RUNS).drop("seconds") for folder in (one, other))
    assert first.equals(second)


def list_parts(folder):
    return sorted((folder / PARTS).glob("*.parquet"))


def test_nothing_is_trained_twice(tmp_path, trained):
    assert run(tmp_path) == []
    assert sum(map(len, trained)) == 12
    trained.clear()
    (told,) = run(tmp_path)
    assert trained == []
    assert "12 of 12 runs are there already" in told


def test_a_lost_part_is_trained_again_and_nothing_else(tmp_path, trained):
    run(tmp_path / "whole"), run(tmp_path / "torn")
    trained.clear()
    list_parts(tmp_path / "torn")[0].unlink()
    (tmp_path / "torn" / CURVES).unlink()
    run(tmp_path / "torn")
    assert [len(stack) for stack in trained] == [6]
    assert_same_tables(tmp_path / "whole", tmp_path / "torn")


def test_a_damaged_part_is_trained_again(tmp_path, trained):
    run(tmp_path / "whole"), run(tmp_path / "torn")
    trained.clear()
    damaged = list_parts(tmp_path / "torn")[0]
    damaged.write_bytes(damaged.read_bytes()[:-9])
    told = run(tmp_path / "torn")
    assert any(str(damaged) in sentence and "damaged" in sentence for sentence in told)
    assert [len(stack) for stack in trained] == [6]
    assert_same_tables(tmp_path / "whole", tmp_path / "torn")


@pytest.mark.parametrize(
    ("changes", "n_trained"),
    [
        ({"seeds": 5}, 8),
        ({"seeds": 2}, 0),
        ({"seeds": [2, 7]}, 4),
        ({"name": "Other"}, 0),
        ({"vary": {"loss": ["mse", "mae", "huber"], "task.rows": [50, 60]}}, 6),
        ({"vary": {"loss": ["mse"], "task.rows": [50]}}, 0),
        ({"vary": {"loss": ["mse"], "task.rows": [50, 70]}}, 3),
    ],
)
def test_a_changed_study_trains_what_changed(tmp_path, trained, changes, n_trained):
    run(tmp_path)
    trained.clear()
    changed = STUDY.replace(**changes)
    run(tmp_path, changed)
    assert sum(map(len, trained)) == n_trained
    table = pl.read_parquet(tmp_path / RUNS)
    assert table["run"].to_list() == [one.name for one in changed.list_runs()]
    assert set(pl.read_parquet(tmp_path / CURVES)["run"]) == set(table["run"])


def test_reused_runs_are_what_training_them_gives(tmp_path):
    run(tmp_path / "grown"), run(tmp_path / "grown", STUDY.replace(seeds=5))
    run(tmp_path / "fresh", STUDY.replace(seeds=5))
    grown, fresh = (pl.read_parquet(tmp_path / name / RUNS) for name in ("grown", "fresh"))
    assert grown.columns == fresh.columns
    assert grown["run"].equals(fresh["run"])
    assert grown["mse"].to_list() == pytest.approx(fresh["mse"].to_list(), rel=1e-5)


def test_other_training_code_reuses_nothing(tmp_path, trained, monkeypatch):
    run(tmp_path)
    trained.clear()
    monkeypatch.setattr(fingerprint, "fingerprint_code", lambda: "other")
    told = run(tmp_path)
    assert sum(map(len, trained)) == 12
    assert not any("earlier call and" in sentence for sentence in told)
    assert any("12 runs that this study does not have" in sentence for sentence in told)


def test_runs_that_are_alike_train_once(tmp_path, trained):
    arms = [{"name": "one"}, {"name": "other"}]
    run(tmp_path, STUDY.replace(vary={}, arms=arms))
    assert sum(map(len, trained)) == 3
    table = pl.read_parquet(tmp_path / RUNS)
    assert table["arm"].to_list() == ["one"] * 3 + ["other"] * 3
    assert table["mse"][:3].equals(table["mse"][3:])


def test_the_folder_remembers_the_stacks(tmp_path, trained):
    """Whatever memory is free by then, the same stacks, and so the same bits."""
    runs = STUDY.list_runs()
    dataset, lane = estimate_memory(runs[:1])
    engine = execute.Here()
    run(tmp_path, memory=(dataset + lane) * engine.n_at_once)
    assert {len(stack) for stack in trained} == {1}
    for path in list_parts(tmp_path)[::2]:
        path.unlink()
    trained.clear()
    run(tmp_path)
    assert [len(stack) for stack in trained] == [1] * 6


@pytest.mark.parametrize("error", [MemoryError(), tf.errors.ResourceExhaustedError(None, None, "")])
def test_a_stack_that_memory_does_not_hold_is_halved(tmp_path, monkeypatch, error):
    run(tmp_path / "whole")
    real = train.train_stack

    def refuse(plan, progress):
        if plan.n_runs > 2:
            raise error
        return real(plan, progress)

    monkeypatch.setattr(train, "train_stack", refuse)
    told = run(tmp_path / "halved")
    assert any("did not hold a stack of 6 runs" in sentence for sentence in told)
    one, other = (pl.read_parquet(tmp_path / name / RUNS) for name in ("whole", "halved"))
    assert one["mse"].to_list() == pytest.approx(other["mse"].to_list(), rel=1e-5)


def test_one_failure_loses_nothing_else(tmp_path, monkeypatch, trained):
    real = train.train_stack

    def refuse(plan, progress):
        if plan.runs[0][0].arm.task.rows == 60:
            raise MemoryError
        return real(plan, progress)

    monkeypatch.setattr(train, "train_stack", refuse)
    with pytest.raises(MachineError, match="does not hold the run"):
        run(tmp_path)
    assert not (tmp_path / RUNS).exists()
    monkeypatch.setattr(train, "train_stack", real)
    trained.clear()
    (told,) = run(tmp_path)
    assert "6 of 12 runs" in told


def test_a_full_disk_loses_nothing_that_was_written(tmp_path, monkeypatch):
    real, written = execute.write_part, []

    def fill(folder, part):
        if written:
            raise MachineError("No space left on device")
        written.append(part)
        return real(folder, part)

    monkeypatch.setattr(execute, "write_part", fill)
    with pytest.raises(MachineError, match="No space"):
        run(tmp_path)
    monkeypatch.setattr(execute, "write_part", real)
    assert any("6 of 12" in sentence for sentence in run(tmp_path))


@pytest.mark.parametrize("name", ["a [1]*?", "ü #1 %20", "'\"", "{a,b}"])
def test_a_folder_of_any_name(tmp_path, trained, name):
    run(tmp_path / name)
    trained.clear()
    run(tmp_path / name, STUDY.replace(seeds=4))
    assert sum(map(len, trained)) == 4
    assert Results(tmp_path / name).runs.height == 16


LENGTHS = STUDY.replace(vary={"loss": ["mse", "huber"], "steps": [20, 30]})


@pytest.mark.parametrize("there", [20, 30])
def test_of_a_longer_run_and_the_shorter_one_in_it_the_missing_one_is_trained(
    tmp_path, trained, there
):
    run(tmp_path / "whole", LENGTHS)
    assert [len(stack) for stack in trained] == [12]
    run(tmp_path / "grown", LENGTHS.replace(vary=LENGTHS.vary | {"steps": [there]}))
    trained.clear()
    run(tmp_path / "grown", LENGTHS)
    assert sorted(trained[0]) == [
        f"{loss}, steps={50 - there} #{seed}" for loss in ("huber", "mse") for seed in range(3)
    ]
    whole, grown = (
        [pl.read_parquet(tmp_path / name / table) for table in (RUNS, CURVES, PARAMETERS)]
        for name in ("whole", "grown")
    )
    assert whole[0].drop("seconds").equals(grown[0].drop("seconds"))
    for one, other in zip(whole[1:], grown[1:], strict=True):
        by = ["run", *one.columns[1:3]]  # Parts stand in the order of their first runs.
        assert one.sort(by).equals(other.sort(by))


def test_a_lane_of_two_runs_is_not_halved(tmp_path, monkeypatch):
    def refuse(plan, progress):
        assert plan.n_runs % 2 == 0
        raise MemoryError

    monkeypatch.setattr(train, "train_stack", refuse)
    with pytest.raises(MachineError, match="does not hold the run"):
        run(tmp_path, LENGTHS)


TABLE = """
name = "Table"
seeds = 3
recipe = { loss = "mse", optimizer = "sgd", steps = 20 }
vary = { steps = [20, 30] }
[task]
kind = "table"
path = "PATH"
target = "y"
problem = "regression"
"""


@pytest.mark.parametrize("more", [["3,4"], None, ["3,4,5"]], ids=["longer", "empty", "no-table"])
def test_a_table_that_changes_meanwhile(tmp_path, monkeypatch, more):
    """What was trained on other rows is refused, and never found under the new rows' name."""
    table = tmp_path / "t.csv"
    rows = ["x,y", *(f"{number},{number * number % 7}" for number in range(30))]
    table.write_text("\n".join(rows))
    study = Study.from_toml(TABLE.replace("PATH", str(table)))
    real, n_stacks = train.train_stack, 0

    def train_and_write(plan, progress):  # In the one thread that trains, which then goes on.
        nonlocal n_stacks
        n_stacks += 1
        finished = real(plan, progress)
        if n_stacks == 1:
            table.write_text("" if more is None else "\n".join([*rows, *more]))
        return finished

    monkeypatch.setattr(train, "train_stack", train_and_write)
    monkeypatch.setattr("fairtrial.running.engine.cpu_count", lambda: 1)
    with pytest.raises(MachineError, match="The data changed"):
        run(tmp_path / "out", study, memory=1)
    assert n_stacks > 1
    assert list_parts(tmp_path / "out")
    monkeypatch.setattr(train, "train_stack", real)
    table.write_text("\n".join([*rows, "3,4"]))
    run(tmp_path / "out", study), run(tmp_path / "fresh", study)
    one, other = (pl.read_parquet(tmp_path / name / RUNS) for name in ("out", "fresh"))
    assert one["mse"].to_list() == pytest.approx(other["mse"].to_list(), rel=1e-5)


def test_a_disk_that_fills_while_tables_are_written(tmp_path, monkeypatch):
    """Polars words the system's error itself. The folder is then not taken for a finished one."""
    run(tmp_path)

    def fill(*arguments, **options):
        raise pl.exceptions.ComputeError("parquet: underlying IO error: No space left on device")

    monkeypatch.setattr(pl.LazyFrame, "sink_parquet", fill)
    with pytest.raises(MachineError, match=r"parquet cannot be written: .*Make room"):
        run(tmp_path, STUDY.replace(seeds=2))
    with pytest.raises(InputError, match=r"has no study\.toml"):
        Results(tmp_path)
    monkeypatch.undo()
    run(tmp_path, STUDY.replace(seeds=2))
    assert Results(tmp_path).runs.height == 8


@pytest.mark.parametrize(
    "said", ["", "{}", '{"stack_bytes": 1e400}', '{"stack_bytes": -5}', "[" * 9999]
)
def test_a_plan_that_says_nothing(tmp_path, said):
    run(tmp_path)
    (tmp_path / PARTS / "plan.json").write_text(said)
    (told,) = run(tmp_path)
    assert "12 of 12" in told


def test_another_study_in_the_folder_is_told(tmp_path):
    run(tmp_path)
    assert any("held the tables of 'Tiny'" in one for one in run(tmp_path, STUDY.replace(name="B")))
