"""From a folder to verdicts: studies that are trained, and judged again from what they left."""

import json
import math
import shutil

import numpy as np
import polars as pl
import pytest
import scipy.stats

import fairtrial as ft
from fairtrial.errors import InputError, MachineError
from fairtrial.evidence.account import (
    advise,
    explain,
    is_skewed,
    list_verdicts,
    make_frame,
    summarise_verdicts,
)
from fairtrial.evidence.case import ANYTIME, SIGN_FLIP, Case, weigh_pairs
from fairtrial.evidence.cause import Cause
from fairtrial.evidence.judge import PAIRS, find_undecidable, judge, recall_causes
from fairtrial.evidence.optima import OPTIMA, Minimum, Optima
from fairtrial.evidence.pairs import pair_runs
from fairtrial.evidence.statistics.anytime import WidenedBets, place_bets
from fairtrial.evidence.statistics.sampling import Sampling
from fairtrial.evidence.statistics.sign_flip import list_subset_means
from fairtrial.evidence.tuning import Tuned
from fairtrial.evidence.verdict import Basis, weigh
from fairtrial.results.verdicts import OF_PARTS
from fairtrial.running.counterfactual import make_longer_study
from fairtrial.running.run import list_more_runs
from made_up import make_runs, make_study

# What the design promises of `verdicts.json`.
PROMISED = {
    "say", "on", "better", "than", "where", "seeds", "difference", "low", "high", "p",
    "p_adjusted", "margin", "verdict", "note", "cause", "cause_lacks", "largest_part", *OF_PARTS,
}  # fmt: skip

SPLIT = ("objective", "unfinished", "noise_floor")
FASTER = {
    "say": "The higher rate gets closer",
    "better": {"optimizer.learning_rate": 0.1},
    "than": {"optimizer.learning_rate": 0.01},
    "on": "parameter_error",
    "margin": 0.05,
}
LOSSES = {
    "say": "MSE beats MAE",
    "better": {"loss": "mse"},
    "than": {"loss": "mae"},
    "on": "parameter_error",
    "where": {"optimizer.learning_rate": 0.1},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("judged")
    ft.run(make_study([FASTER, LOSSES]), place)
    return place


def read(folder):
    return json.loads((folder / "verdicts.json").read_text())


def test_verdicts_are_what_numpy_and_scipy_say(folder):
    runs = pl.read_parquet(folder / "runs.parquet")
    errors = {
        rate: runs.filter(pl.col("optimizer.learning_rate") == rate)
        .group_by("seed", maintain_order=True)
        .agg(pl.col("parameter_error").mean())["parameter_error"]
        .to_numpy()
        for rate in (0.01, 0.1)
    }
    differences = errors[0.01] - errors[0.1]
    row = read(folder)[0]
    assert row["difference"] == pytest.approx(differences.mean())
    tested = scipy.stats.permutation_test(
        (differences - 0.05,), np.mean, permutation_type="samples", alternative="greater"
    )
    assert row["p"] == pytest.approx(2 * tested.pvalue)
    # No flip of the other claim has so large a t, so that it adds none.
    assert row["p_adjusted"] == pytest.approx(row["p"])
    assert (row["verdict"], row["seeds"], row["over"]) == ("holds", 8, "seeds")
    assert row["low"] <= row["difference"] <= row["high"]
    assert [pair["seeds"] for pair in row["pairs"]] == [8, 8]


def test_what_is_promised_is_there(folder):
    for row in read(folder):
        assert set(row) >= PROMISED
        assert sum(row[name] for name in SPLIT) == pytest.approx(row["difference"])
        assert row["objective_and_unfinished"] is row["unfinished_and_noise_floor"] is None
    table = pl.read_parquet(folder / PAIRS)
    assert table.group_by("claim").len().sort("claim").rows() == [(0, 16), (1, 8)]
    both = table["objective"] + table["unfinished"] + table["noise_floor"]
    means = table.group_by("claim", "seed", maintain_order=True).agg(pl.col("difference").mean())
    by_seed = table.with_columns(both=both).unique(["claim", "seed"], maintain_order=True)
    np.testing.assert_allclose(by_seed["both"], means["difference"], atol=1e-12)


def test_judging_again_changes_nothing_and_needs_no_training(folder, monkeypatch):
    before = [(folder / name).read_bytes() for name in ("verdicts.json", PAIRS)]
    monkeypatch.setattr("fairtrial.running.execute.Setup.run_missing", None)
    judge(folder)
    assert [(folder / name).read_bytes() for name in ("verdicts.json", PAIRS)] == before


def test_claims_of_another_file(folder, tmp_path, monkeypatch):
    # When they are first stated is part of a verdict.
    for module in ("evidence", "results"):
        monkeypatch.setattr(f"fairtrial.{module}.design.tell_time", lambda: "2026-01-01T00:00:00Z")
    other = tmp_path / "other.toml"
    other.write_text(
        '[[claims]]\nsay = "Slower"\nbetter = { "optimizer.learning_rate" = 0.01 }\n'
        'than = { "optimizer.learning_rate" = 0.1 }\non = "mse"\n'
    )
    before = (folder / "verdicts.json").read_bytes()
    (row,) = judge(folder, other)
    assert (row["say"], row["verdict"]) == ("Slower", "reversed")
    same = {
        "say": "Slower", "better": {"optimizer.learning_rate": np.float64(0.01)},
        "than": {"optimizer.learning_rate": 0.1}, "on": "mse",
    }  # fmt: skip
    for claims in ([same], (ft.Claim(**same),)):
        frame, other_frame = ft.Trial(folder).judge(claims), make_frame([row])
        assert [one.name for one in frame if not one.equals(other_frame[one.name])] == []
    assert (folder / "verdicts.json").read_bytes() == before
    other.write_text(other.read_text().replace('"mse"', '"loss"'))
    with pytest.raises(InputError, match="objectives of different runs are not comparable"):
        judge(folder, other)
    with pytest.raises(InputError, match=r"claims: add some, as `fairtrial new` shows\.$"):
        judge(folder, [])
    with pytest.raises(
        InputError, match=r"claims\[0\]\.btter is not a known name; did you mean 'better"
    ):
        ft.Trial(folder).judge([{**same, "btter": {}}])
    other.write_text("")
    with pytest.raises(InputError, match="states no claims"):
        judge(folder, other)


def test_a_folder_without_claims_says_how_to_judge_others(tmp_path):
    ft.run(make_study(seeds=2), tmp_path)
    with pytest.raises(InputError, match=r"judge those of a file with --claims FILE \(Python"):
        judge(tmp_path)


def test_the_python_interface(folder):
    assert judge(folder) == ft.Trial(folder).list_verdicts() == read(folder)
    assert ft.judge(folder).equals(ft.Trial(folder).verdicts)


def test_the_same_recipe_under_two_names_is_equivalent_with_difference_0(tmp_path):
    arms = [{"name": "one"}, {"name": "other"}]
    claim = {"better": {"arm": "one"}, "than": {"arm": "other"}, "on": "parameter_error"}
    (row,) = ft.run(make_study([claim], vary={}, arms=arms), tmp_path).list_verdicts()
    assert (row["verdict"], row["difference"], row["low"], row["high"]) == ("equivalent", 0, 0, 0)
    assert (
        row["cause"]
        == "Every run has the same parameter_error as the run that it is compared with."
    )


def test_a_claim_that_cannot_be_judged_does_not_make_the_others_harder(tmp_path):
    lost = {**LOSSES, "where": {"optimizer.learning_rate": 30.0}, "on": "mse"}
    vary = {"loss": ["mse", "mae"], "optimizer.learning_rate": [0.1, 0.01, 30.0]}
    rows = ft.run(make_study([FASTER, lost], vary=vary), tmp_path).list_verdicts()
    assert rows[1]["verdict"] == "undecided" and rows[1]["difference"] is None
    assert "a run diverged in 8 of 8 pairs" in rows[1]["note"]
    assert rows[0]["p_adjusted"] == rows[0]["p"]
    json.loads(json.dumps(rows), parse_constant=lambda name: pytest.fail(name))


def test_undecidable_claims_are_named_before_the_run():
    few = make_study([FASTER, LOSSES], seeds=4)
    assert find_undecidable(few) == (
        "4 seeds cannot tell better from worse in any of the 2 claims, whatever they show; that "
        "takes 6 seeds."
    )
    assert find_undecidable(make_study([FASTER, LOSSES], seeds=6)) == ""
    assert find_undecidable(make_study([], seeds=1)) == ""
    assert find_undecidable(few, ANYTIME, 20) == ""
    assert "5 seeds cannot" in find_undecidable(few, ANYTIME, 5)


def test_files_that_are_damaged_or_absent(folder, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    for damage in ("{broken", '[{"method": 1}]', "[{}]", "7"):
        (copy / "verdicts.json").write_text(damage)
        (copy / OPTIMA).write_bytes(b"broken")
        assert judge(copy) == read(folder)
    (copy / "runs.parquet").write_bytes(b"broken")
    with pytest.raises(InputError, match=r"runs\.parquet cannot be read: it is damaged or missing"):
        judge(copy)


def test_a_folder_that_cannot_be_written_is_judged_all_the_same(folder, monkeypatch):
    def refuse(path, write):
        raise MachineError("Read-only.")

    monkeypatch.setattr("fairtrial.evidence.judge.write_file", refuse)
    said = []
    assert judge(folder, note=said.append) == read(folder)
    assert "The verdicts are not kept" in said[0]


def test_arguments_that_cannot_be():
    with pytest.raises(InputError, match="is not a study"):
        ft.run("study.toml", "out")


def test_a_method_that_is_not_known(folder):
    with pytest.raises(InputError, match="method = 'bogus' is not known"):
        judge(folder, method="bogus")


def make_table_study(path):
    random = np.random.default_rng(0)
    x = random.normal(size=40)
    pl.DataFrame({"a": x, "y": 2 * x + random.normal(size=40)}).write_csv(path)
    task = {"kind": "table", "path": str(path), "target": "y", "problem": "regression"}
    claim = {"better": {"loss": "mse"}, "than": {"loss": "mae"}, "on": "mse"}
    return make_study([claim], task=task, vary={"loss": ["mse", "mae"]})


def test_a_table_that_is_gone_leaves_the_split(tmp_path):
    (row,) = ft.run(make_table_study(tmp_path / "t.csv"), tmp_path / "out").list_verdicts()
    assert row["objective"] is not None and row["over"] == "seeds and test rows"
    assert "Every seed splits the same rows" in row["note"] and row["dominant"] is None
    (tmp_path / "t.csv").unlink()
    assert judge(tmp_path / "out") == [row]


def test_what_was_known_is_kept_of_the_same_difference_alone(folder):
    rows, before = read(folder), read(folder)
    for old in before:
        old["counterfactual"] = {"verdict": "equivalent"}
    before[0]["difference"] += 1e-9
    recall_causes(rows, before)
    assert [row["counterfactual"] for row in rows] == [None, {"verdict": "equivalent"}]


def make_case(differences, method=SIGN_FLIP, shared=None, tuned=None):
    """A claim of huber over mse with these differences."""
    claim = {"better": {"loss": "mae"}, "than": {"loss": "mse"}}
    study = make_study([claim], vary={"loss": ["mse", "mae"]}, seeds=len(differences))
    runs = make_runs(
        study,
        lambda arm, seed: {"mse": 0.0 if arm.recipe.loss.kind == "mae" else differences[seed]},
    )
    pairs = pair_runs(study.claims[0], study.list_arms(), runs, study.list_seeds())
    sampling = Sampling(method)
    evidence = weigh_pairs(pairs.differences, 0.0, sampling, pairs.table)
    if shared:
        tests = WidenedBets(place_bets(pairs.differences), shared**0.5)
        if method == SIGN_FLIP:
            tests = list_subset_means(pairs.differences, shared)
        evidence = weigh(pairs.differences, 0.0, Basis(tests, "seeds and test rows", shared))
    other = tuned and weigh_pairs(tuned.differences, 0.0, sampling, tuned.pairs)
    return Case(study.claims[0], pairs, sampling, evidence, Cause({}), tuned, other)


UP = np.linspace(1.0, 2.0, 10)


def make_tuned(differences):
    pairs = pl.DataFrame({"seed": range(len(differences)), "better": "a", "than": "b"})
    pairs = pairs.with_columns(better_value=pl.Series(differences), than_value=0.0)
    return Tuned(differences, pairs, [{}], [{}], "mse", "")


def test_what_is_shared_widens_either_test():
    for method in (SIGN_FLIP, ANYTIME):
        alone, shared = make_case(UP, method), make_case(UP, method, 0.5**2)
        assert shared.evidence.wide[0] < alone.evidence.wide[0]
        assert shared.evidence.wide[1] > alone.evidence.wide[1]
        assert shared.evidence.p > alone.evidence.p


def test_too_few_seeds_are_told_how_many_it_takes():
    assert "would decide it; it takes at least 6: --until" in advise(make_case(UP[:1]), 1)
    assert "at least" not in advise(make_case(UP - UP.mean()), 1)


def test_seeds_that_would_not_decide_against_what_is_shared():
    differences = np.array([0.9, -0.2, 0.4, 0.6, -0.2, 0.1, 0.5, 0.1])
    assert "more seeds would probably" in advise(make_case(differences), 1)
    assert "needs more test rows" in advise(make_case(differences, shared=0.3**2), 1)


def test_a_verdict_that_does_not_survive_tuning():
    tuned = [make_tuned(UP), make_tuned(-UP), None]
    cases = [make_case(UP, tuned=one) for one in tuned]
    rows = list_verdicts(cases)
    assert [row["verdict"] for row in rows] == ["holds"] * 3
    assert [row["tuned"] and row["tuned"]["survives"] for row in rows] == [True, False, None]
    assert rows[1]["tuned"]["verdict"] == "reversed"
    assert "still holds" in explain(rows[0]) and "settings: reversed" in explain(rows[1])


def test_the_same_figures_have_the_same_verdict_tuned_or_not():
    """Both are adjusted for all claims, not for those alone that could be tuned."""
    differences = UP[:6]
    tuned = make_tuned(differences)
    rows = list_verdicts(
        [make_case(differences, tuned=tuned), make_case(differences * [1, -1, 1, 1, -1, -1])]
    )
    assert rows[0]["verdict"] == rows[0]["tuned"]["verdict"] == "undecided"


# ------------------------------------------------------------------------------ until decided


def test_only_undecided_claims_get_seeds(tmp_path):
    """The rates differ widely, and the losses so little that twelve seeds cannot tell."""
    study = make_study([{**FASTER, "where": {"loss": "mse"}}, LOSSES], seeds=9)
    rows = ft.run(study, tmp_path, until_decided=True, max_seeds=12).list_verdicts()
    assert {row["method"] for row in rows} == {ANYTIME}
    assert rows[0]["verdict"] == "holds"
    seeds = dict(
        pl.read_parquet(tmp_path / "runs.parquet").group_by("arm").len().iter_rows()
    )  # fmt: skip
    assert seeds["mse, optimizer.learning_rate=0.01"] == 9
    assert rows[1]["verdict"] == "undecided" and rows[1]["seeds"] == 12
    assert seeds["mae, optimizer.learning_rate=0.1"] == 12
    assert judge(tmp_path) == rows, "the folder remembers how it was judged"
    plain = ft.run(study, tmp_path).list_verdicts()
    assert {row["method"] for row in plain} == {SIGN_FLIP}
    assert {row["seeds"] for row in plain} == {9}


def test_named_seeds_go_on_with_the_name(tmp_path):
    study = make_study([LOSSES], seeds={"name": "Ada", "count": 2})
    (row,) = ft.run(study, tmp_path, until_decided=True, max_seeds=5).list_verdicts()
    seeds = study.take_seeds(5).list_seeds()
    assert row["verdict"] == "undecided" and row["seeds"] == 5, "no claim is decided by five"
    pairs = pl.read_parquet(tmp_path / "pairs.parquet")
    assert pairs["seed"].unique(maintain_order=True).to_list() == seeds


def test_a_claim_that_cannot_be_judged_gets_no_seeds(tmp_path):
    vary = {"loss": ["mse", "mae"], "optimizer.learning_rate": [0.1, 30.0]}
    lost = {**LOSSES, "where": {"optimizer.learning_rate": 30.0}, "on": "mse"}
    study = make_study([lost], vary=vary, seeds=2)
    (row,) = ft.run(study, tmp_path, until_decided=True, max_seeds=12).list_verdicts()
    assert row["p"] is None and "diverged" in row["note"]
    assert pl.read_parquet(tmp_path / "runs.parquet")["seed"].n_unique() == 2


def test_seeds_go_to_the_neediest_claim():
    study = make_study([{**FASTER, "where": {"loss": "mse"}}, LOSSES], seeds=2)
    runs = list_more_runs(study, {0: 3, 1: 5}, [2, 3, 4, 5], 2)
    counts = {
        name: sum(run.arm.name == name for run in runs) for name in {r.arm.name for r in runs}
    }
    assert counts == {
        "mse, optimizer.learning_rate=0.01": 1,
        "mse, optimizer.learning_rate=0.1": 3,
        "mae, optimizer.learning_rate=0.1": 3,
    }
    assert {run.seed for run in runs} == {2, 3, 4}


@pytest.mark.parametrize(
    ("claims", "most", "sentence"),
    [([], 20, "states no claims"), ([FASTER], 5, "--max-seeds allows 5")],
)
def test_wishes_that_cannot_be(claims, most, sentence, tmp_path):
    with pytest.raises(InputError, match=sentence):
        ft.run(make_study(claims), tmp_path, until_decided=True, max_seeds=most)


# ------------------------------------------------------------------------------ counterfactual


def test_trained_to_the_end_a_budget_is_gone(tmp_path):
    """At the low rate the line is a third of the way; trained on, no rate is better."""
    claim = {**FASTER, "where": {"loss": "mse"}}
    (row,) = ft.run(make_study([claim]), tmp_path, counterfactual=True).list_verdicts()
    assert (row["verdict"], row["objective"]) == ("holds", 0.0)
    longer = row["counterfactual"]
    assert longer["verdict"] == "equivalent" and longer["unfinished"] == []
    assert abs(longer["difference"]) < 0.02 * row["difference"]
    assert longer["steps"] in (100 * 4**k for k in range(1, 5))
    assert "After more training: equivalent" in explain(row)
    assert judge(tmp_path) == [row], "judging again keeps what longer runs have said"
    assert pl.read_parquet(tmp_path / "runs.parquet")["steps"].unique().to_list() == [100]


def test_longer_runs_do_not_stop_early():
    recipe = {"loss": "mse", "optimizer": "sgd", "steps": 20, "stopping": {"patience": 3}}
    study = make_study([], recipe=recipe, vary={"loss": ["mse", "mae"]})
    longer = make_longer_study(study, study.list_arms(), {"mse": 4, "mae": 16}).list_arms()
    assert [(arm.recipe.steps, arm.recipe.stopping) for arm in longer] == [
        (80, None),
        (320, None),
    ]
    assert [arm.recipe.loss.kind for arm in longer] == ["mse", "mae"]


def test_longer_runs_have_no_setting_that_theirs_did_not_have():
    """The first arm holds rows out, clips, and has noise; the others do not."""
    recipe = {"loss": "mse", "optimizer": "sgd", "steps": 20}
    vary = {
        "clip": [{"norm": 1.0}, "none"], "validation": [0.2, "none"],
        "noise.weights": [{"every": 2}, "none"],
    }  # fmt: skip
    study = make_study([], recipe=recipe, vary=vary)
    arms = study.list_arms()
    longer = make_longer_study(study, arms, {arm.name: 4 for arm in arms}).list_arms()
    for one, other in zip(longer, arms, strict=True):
        assert one.recipe == other.recipe.model_copy(update={"steps": 80})


def test_without_a_minimum_nothing_tells_when_training_ends(tmp_path, monkeypatch):
    claim = {**FASTER, "where": {"loss": "mse"}}
    ft.run(make_study([claim]), tmp_path)
    unknown = Minimum("takes longer than 30 seconds", np.array([]), np.array([]), {})
    monkeypatch.setattr(Optima, "find", lambda optima, arm, seeds, metric: [unknown] * len(seeds))
    (row,) = ft.run(make_study([claim]), tmp_path, counterfactual=True).list_verdicts()
    longer = row["counterfactual"]
    assert (longer["verdict"], longer["difference"]) == ("undecided", None)
    assert "No minimum is known" in longer["note"]
    assert not (tmp_path / "counterfactual").exists()


def test_noise_that_moves_weights_for_ever_is_not_trained_away(tmp_path):
    arms = [
        {"name": "calm"},
        {"name": "shaken", "set": {"noise.weights": {"every": 1, "scale": 1.0}}},
    ]
    claim = {"better": {"arm": "calm"}, "than": {"arm": "shaken"}, "on": "parameter_error"}
    recipe = {"loss": "mse", "optimizer": {"kind": "sgd", "learning_rate": 0.1}, "steps": 100}
    (row,) = ft.run(
        make_study([claim], vary={}, arms=arms, recipe=recipe), tmp_path
    ).list_verdicts()
    assert (row["verdict"], row["offers_counterfactual"]) == ("holds", False)
    assert (row["unfinished"], row["cause_lacks"]) == (None, ["calm"])
    assert row["unfinished_and_noise_floor"] == pytest.approx(row["difference"])
    assert "all of it from training with injected noise" in row["cause"]


def train_on(tmp_path, slow):
    """A slow arm against MAE at a rate of 2, which jumps about its minimum."""
    arms = [
        {"name": "slow", "set": slow},
        {"name": "jumping", "set": {"loss": "mae", "optimizer.learning_rate": 2.0}},
    ]
    claim = {"better": {"arm": "slow"}, "than": {"arm": "jumping"}, "on": "parameter_error"}
    short = {"loss": "mse", "optimizer": {"kind": "sgd", "learning_rate": 0.001}, "steps": 20}
    study = make_study([claim], vary={}, arms=arms, recipe=short)
    (row,) = ft.run(study, tmp_path, counterfactual=True).list_verdicts()
    assert row["largest_part"] == "unfinished"
    return row["counterfactual"]


def test_an_arm_that_does_not_get_there_is_named(tmp_path):
    longer = train_on(tmp_path, {})
    assert longer["unfinished"] == ["jumping"]
    assert "have not come within 1 %" in longer["note"]
    assert longer["steps"] == 20 * 4**4


def test_an_arm_that_diverges_when_trained_on_is_said(tmp_path):
    """Noise lets the rate grow by 15 % a step on average; 20 steps only do not show it."""
    longer = train_on(tmp_path, {"noise.learning_rate": {"every": 1, "low": 1.0, "high": 1.3}})
    assert (longer["verdict"], longer["difference"]) == ("undecided", None)
    assert "diverged" in longer["note"]


def test_a_noise_floor_is_not_trained_away(tmp_path):
    """At a rate of 4 MAE jumps about its minimum, and would do so for any number of steps."""
    recipe = {"loss": "mae", "optimizer": {"kind": "sgd", "learning_rate": 0.05}, "steps": 400}
    arms = [{"name": "calm"}, {"name": "jumping", "set": {"optimizer.learning_rate": 4.0}}]
    claim = {"better": {"arm": "calm"}, "than": {"arm": "jumping"}, "on": "parameter_error"}
    (row,) = ft.run(
        make_study([claim], vary={}, arms=arms, recipe=recipe), tmp_path
    ).list_verdicts()
    assert (row["verdict"], row["largest_part"]) == ("holds", "noise_floor")
    assert row["objective"] == 0.0 and abs(row["unfinished"]) < 0.5 * row["noise_floor"]
    assert not row["offers_counterfactual"]
    assert "The largest part is the noise floor." in row["cause"]


def test_folders_without_averages_tell_the_last_two_parts_together(folder, tmp_path):
    old = shutil.copytree(folder, tmp_path / "old")
    (old / "averages.parquet").unlink()
    (old / "verdicts.json").unlink()
    for row, before in zip(judge(old), read(folder), strict=True):
        assert row["cause_lacks"] == ["average"]
        assert row["unfinished"] is None and row["objective"] == before["objective"]
        both = before["unfinished"] + before["noise_floor"]
        assert row["unfinished_and_noise_floor"] == pytest.approx(both)
        assert row["verdict"] == before["verdict"]


def test_runs_trained_without_claims_stay_when_a_claim_is_added(tmp_path):
    arms = [{"name": "one"}, {"name": "other", "set": {"optimizer.learning_rate": 0.1}}]
    claim = {"better": {"arm": "other"}, "than": {"arm": "one"}, "on": "parameter_error"}
    study, notes = make_study([], vary={}, arms=arms), []
    assert ft.run(study, tmp_path).averages.is_empty()
    (row,) = ft.run(
        make_study([claim], vary={}, arms=arms), tmp_path, note=notes.append
    ).list_verdicts()
    assert any("16 of 16 runs are there" in note for note in notes)
    assert (row["objective"], row["cause_lacks"]) == (0.0, ["average"])


# -------------------------------------------------------------------------------------- sentences


@pytest.mark.parametrize(
    ("draw", "n", "share"), [("exponential", 30, 0.7), ("normal", 30, 0.03), ("normal", 8, 0.03)]
)
def test_skewed_differences_are_noticed(draw, n, share):
    random = np.random.default_rng(4)
    noticed = np.mean([is_skewed(getattr(random, draw)(size=n)) for _ in range(300)])
    assert noticed >= share if share > 0.5 else noticed <= share


def test_what_cannot_be_skewed():
    assert not is_skewed(np.zeros(20)) and not is_skewed(np.array([1.0, 9.0, 1.0]))


def test_the_summary_has_no_gaps(folder):
    rows = summarise_verdicts(read(folder))
    assert list(rows[0]) == ["claim", "verdict", "difference", "on", "why"]
    assert all(row["difference"].endswith("]") for row in rows)
    assert not math.isnan(float(rows[0]["difference"].split()[0]))
