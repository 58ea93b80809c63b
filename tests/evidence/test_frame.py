"""Verdicts on runs that another program trained, one row per run."""

from itertools import product

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import stats

import fairtrial as ft
from fairtrial.errors import InputError

ADAM = {"say": "Adam is better", "better": {"optimizer": "adam"}, "than": {"optimizer": "sgd"}}
ON_ACCURACY = ADAM | {"on": "accuracy"}
N_SEEDS = 8


def make_frame(metric="accuracy", rates=(0.1, 0.2), spread=0.01, gap=0.05):
    """Two optimizers at some rates; Adam is higher by about `gap`."""
    random = np.random.default_rng(7)
    rows = [
        {"optimizer": name, "rate": rate, "seed": seed}
        | {metric: 0.8 + gap * (name == "adam") + spread * random.normal()}
        for name, rate, seed in product(("adam", "sgd"), rates, range(3, 3 + N_SEEDS))
    ]
    return pl.DataFrame(rows)


def subtract(frame, metric="accuracy"):
    """Adam minus SGD, the mean over the rates, seed by seed."""
    means = frame.group_by("optimizer", "seed").agg(pl.col(metric).mean()).sort("seed")
    adam, sgd = (
        means.filter(pl.col("optimizer") == name)[metric].to_numpy() for name in ("adam", "sgd")
    )
    return adam - sgd


def flip_signs(differences):
    """The two-sided p-value of the sign-flip test, from all flips."""
    flips = np.array(list(product((1.0, -1.0), repeat=len(differences))))
    means = flips @ differences / len(differences)
    observed = differences.mean()
    return min(
        1.0, 2.0 * min(np.mean(means >= observed - 1e-12), np.mean(means <= observed + 1e-12))
    )


# ------------------------------------------------------------------------------ what is computed


@pytest.mark.parametrize("gap", [0.05, 0.004, -0.006])
def test_drawn_rows_are_judged_by_the_sign_flip_test(gap):
    frame = make_frame(gap=gap)
    verdicts = ft.judge(frame, claims=[ON_ACCURACY], rows="drawn")
    row, differences = verdicts.row(0, named=True), subtract(frame)
    assert row["difference"] == pytest.approx(differences.mean())
    assert row["p"] == pytest.approx(flip_signs(differences))
    assert (row["seeds"], row["method"], row["rows"]) == (N_SEEDS, "sign-flip test", "drawn")
    # The interval holds the shifts that the test does not reject at 5 %.
    for end, inside in ((row["low"], 1e-6), (row["high"], -1e-6)):
        assert (
            flip_signs(differences - end - inside) > 0.05 >= flip_signs(differences - end + inside)
        )


@pytest.mark.parametrize("given", [{}, {"rows": "split"}, {"rows": "split", "test_share": 0.5}])
def test_split_rows_are_judged_by_the_corrected_t_test(given):
    """Nadeau and Bengio (2003): the variance of the mean is s² (1/n + t/(1 - t))."""
    frame = make_frame(gap=0.02)
    row = ft.judge(frame, claims=[ON_ACCURACY], **given).row(0, named=True)
    differences, share = subtract(frame), given.get("test_share", 0.25)
    error = np.sqrt(np.var(differences, ddof=1) * (1 / N_SEEDS + share / (1 - share)))
    reach = stats.t.ppf(0.975, N_SEEDS - 1) * error
    assert row["low"] == pytest.approx(differences.mean() - reach)
    assert row["high"] == pytest.approx(differences.mean() + reach)
    assert row["rows"] == "split" and f"with {share:.0%} of them for the test" in row["why"]


def test_default_is_wider_than_what_the_caller_may_say():
    widths = [
        (row["high"] - row["low"])
        for given in ({}, {"rows": "drawn"}, {"rows": "fixed"})
        for row in ft.judge(make_frame(), claims=[ON_ACCURACY], **given).to_dicts()
    ]
    assert widths[0] > widths[1] == widths[2]


def test_same_verdicts_as_of_runs_that_were_trained_here(tmp_path):
    study = ft.Study.from_toml("""
        name = "Rates"
        seeds = 7
        task = { kind = "line", rows = 100 }
        recipe = { loss = "mse", optimizer = "sgd", steps = 60 }
        vary = { loss = ["mse", "huber"], "optimizer.learning_rate" = [0.01, 0.1] }
        [[claims]]
        say = "The higher rate is better"
        better = { "optimizer.learning_rate" = 0.1 }
        than = { "optimizer.learning_rate" = 0.01 }
        on = "parameter_error"
        margin = 0.05
        [[claims]]
        say = "The rate matters more for Huber"
        better = { loss = "huber" }
        than = { loss = "mse" }
        on = "mae"
        effect.of = { "optimizer.learning_rate" = 0.1 }
        effect.against = { "optimizer.learning_rate" = 0.01 }
        [[claims]]
        say = "One arm by its name"
        better = { arm = "huber, optimizer.learning_rate=0.01" }
        than = { arm = "mse, optimizer.learning_rate=0.1" }
        on = "mse"
    """)  # fmt: skip
    trial = ft.run(study, tmp_path)
    judged = ft.judge(trial.runs, claims=study.claims, rows="drawn")
    same = [
        "say", "verdict", "difference", "low", "high", "on", "level", "over", "p", "p_adjusted",
        "p_equivalent", "adjustment", "n_claims", "beats", "effect", "correlation", "pairs",
    ]  # fmt: skip
    assert judged.select(same).equals(trial.verdicts.select(same))
    assert judged["largest_part"].is_null().all() and "cause" in judged.columns
    # The same columns, and the same table from the folder.
    assert judged.columns == trial.verdicts.columns
    assert ft.judge(tmp_path).equals(trial.verdicts)


def test_none_selects_the_runs_of_a_frame_without_a_setting():
    clips = [None] * 6 + [1.0] * 6
    frame = pl.DataFrame({"clip": clips, "seed": [*range(6)] * 2, "mse": np.arange(12.0)})
    claim = {"say": "-", "better": {"clip": "none"}, "than": {"clip": 1.0}, "on": "mse"}
    verdicts = ft.judge(frame, claims=[claim], rows="drawn")
    assert verdicts["difference"].to_list() == [6.0]


def test_claims_of_a_frame_are_adjusted_together():
    claims = [ON_ACCURACY | {"say": f"Claim {number}"} for number in range(3)]
    rows = ft.judge(make_frame(), claims=claims, rows="drawn").to_dicts()
    assert {row["adjustment"] for row in rows} == {"step-down min-P"}
    assert {row["n_claims"] for row in rows} == {3}


def test_bets_where_seeds_were_added_after_a_look():
    given = {"claims": [ON_ACCURACY], "rows": "drawn", "method": "anytime-valid bets"}
    row = ft.judge(make_frame(spread=0.03), **given).row(0, named=True)
    assert row["method"] == "anytime-valid bets"
    assert "--" not in row["why"], "another program trains these runs"


# ---------------------------------------------------------------------------- which way is better


@pytest.mark.parametrize(
    ("metric", "said", "verdict"),
    [
        ("accuracy", None, "holds"),
        ("mse", None, "reversed"),
        ("validation_accuracy", None, "holds"),
        ("bleu", True, "holds"),
        ("perplexity", False, "reversed"),
    ],
)
def test_direction_is_known_or_said(metric, said, verdict):
    claim = ADAM | {"on": metric} | ({} if said is None else {"higher_is_better": said})
    assert ft.judge(make_frame(metric), claims=[claim], rows="drawn")["verdict"][0] == verdict


def test_settings_that_one_arm_lacks_and_tables_of_kinds():
    """Huber has a delta; MSE has none, which is null."""
    frame = make_frame().with_columns(
        loss=pl.when(pl.col("optimizer") == "adam").then(pl.lit("huber")).otherwise(pl.lit("mse")),
        delta=pl.when(pl.col("optimizer") == "adam").then(1.0),
    )
    claim = {"say": "-", "better": {"loss": "huber"}, "than": {"loss": "mse"}, "on": "accuracy"}
    both = [claim | {side: claim[side] | {"optimizer": name} for side, name in
                     (("better", "adam"), ("than", "sgd"))}]  # fmt: skip
    with pytest.raises(InputError, match="differ in delta, optimizer"):
        ft.judge(frame, claims=[claim])
    given = {"rows": "drawn", "settings": ["optimizer", "rate", "loss"]}
    assert ft.judge(frame, claims=both, **given)["verdict"][0] == "holds"


# --------------------------------------------------------------------------------- what is refused


def change(**columns):
    return lambda frame: frame.with_columns(**columns)


LAST = pl.int_range(pl.len()) == pl.len() - 1
REFUSED = {
    "no column 'seed'": lambda frame: frame.drop("seed"),
    "has no rows": lambda frame: frame.clear(),
    "seeds are whole numbers": change(seed=pl.col("seed").cast(pl.Float64)),
    "'seed' has missing values": change(seed=pl.when(~LAST).then("seed")),
    r"arm 'optimizer=adam, rate=0.1' has 2 rows with seed 3": lambda frame: pl.concat(
        [frame, frame.head(1)]
    ),
    "on = 'accuracy' is not a column of the frame; did you mean 'acuracy'": lambda frame: (
        frame.rename({"accuracy": "acuracy"})
    ),
    "a metric is a number": change(accuracy=pl.col("accuracy").cast(pl.String)),
    r"1 values? that (is|are) missing or not finite, the first in row 31 \(seed 10\)": change(
        accuracy=pl.when(~LAST).then("accuracy")
    ),
    "missing or not finite": change(accuracy=pl.when(LAST).then(np.nan).otherwise("accuracy")),
    "has no run with seed 10, which another arm": lambda frame: frame.head(31),
    "No two runs have the same settings.*such as acc_of_train": change(
        acc_of_train=pl.int_range(pl.len()) / 7
    ),
    "values of the type Struct": change(extra=pl.struct("rate")),
}


@pytest.mark.parametrize("sentence", REFUSED)
def test_refused_frames(sentence):
    with pytest.raises(InputError, match=sentence):
        ft.judge(REFUSED[sentence](make_frame()), claims=[ON_ACCURACY])


@pytest.mark.parametrize(
    ("claim", "sentence"),
    [
        (ADAM | {"on": "bleu"}, "fairtrial does not know this metric"),
        (ON_ACCURACY | {"higher_is_better": False}, "higher values are better, and the claim says"),
        (ON_ACCURACY | {"better": {"optimiser": "adam"}}, "did you mean 'optimizer'"),
        (ON_ACCURACY | {"better": {"optimizer": "adamw"}}, "no arm has it.*did you mean 'adam'"),
        (ON_ACCURACY | {"better": {"optimizer": "sgd"}}, "select the same arms"),
        (ON_ACCURACY | {"btter": {}}, "not a known name"),
        ("Adam is better", "is not a claim"),
    ],
)
def test_refused_claims(claim, sentence):
    frame = make_frame().with_columns(bleu="accuracy")
    with pytest.raises(InputError, match=sentence):
        ft.judge(frame, claims=[claim], settings=["optimizer", "rate"])


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"claims": None}, "needs claims"),
        ({"claims": []}, "needs claims"),
        ({"method": "t-test"}, "is not known"),
        ({"rows": "random"}, "must be one of 'split', 'drawn', 'fixed'"),
        ({"rows": "drawn", "test_share": 0.5}, "test_share is for rows = 'split'"),
        ({"test_share": 1.5}, "between 0 and 1"),
        ({"settings": ["rte"]}, "'rte', which is not a column"),
        ({"settings": ["seed"]}, "which is no setting"),
    ],
)
def test_refused_options(given, sentence):
    with pytest.raises(InputError, match=sentence):
        ft.judge(make_frame(), **({"claims": [ON_ACCURACY]} | given))


def test_folder_says_itself_what_its_rows_are(tmp_path):
    with pytest.raises(InputError, match="A results folder says it itself"):
        ft.judge(tmp_path, rows="drawn")


@pytest.mark.parametrize(
    "convert",
    [
        lambda frame: frame.lazy(),
        lambda frame: frame.to_dicts(),
        lambda frame: frame.to_dict(as_series=False),
        lambda frame: pd.DataFrame(frame.to_dict(as_series=False)),
    ],
)
def test_frames_of_other_kinds_are_judged_alike(convert):
    frame = make_frame()
    verdicts = ft.judge(convert(frame), claims=[ON_ACCURACY], rows="drawn")
    assert verdicts.equals(ft.judge(frame, claims=[ON_ACCURACY], rows="drawn"))


@pytest.mark.parametrize("given", [None, 3, np.zeros((2, 2)), pl.Series([1, 2]), [1, 2]])
def test_what_is_no_frame_is_refused(given):
    with pytest.raises(InputError, match=r"neither a frame of runs .* give a Polars DataFrame"):
        ft.judge(given, claims=[ON_ACCURACY])


def test_frame_that_polars_cannot_read_is_refused():
    with pytest.raises(InputError, match=r"The dict cannot be read as a frame \(.*each have one"):
        ft.judge({"seed": [1, 2], "loss": ["mse"]}, claims=[ON_ACCURACY])


@pytest.mark.parametrize("given", [{}, {"rows": "drawn"}])
def test_file_of_runs_is_refused_with_how_to_read_it(tmp_path, given):
    make_frame().write_csv(tmp_path / "runs.csv")
    with pytest.raises(
        InputError, match=r"with fairtrial\.judge\(polars\.read_csv\('.*runs\.csv'\)"
    ):
        ft.judge(tmp_path / "runs.csv", claims=[ON_ACCURACY], **given)
    (tmp_path / "runs.md").write_text("")
    with pytest.raises(InputError, match=r"runs\.md is a file and no results folder"):
        ft.judge(tmp_path / "runs.md", claims=[ON_ACCURACY])
    with pytest.raises(InputError, match=r"polars\.read_csv"):
        ft.Trial(tmp_path / "runs.csv")


def test_claim_cannot_select_a_seed():
    claim = ON_ACCURACY | {"where": {"seed": 3}}
    with pytest.raises(InputError, match=r"where\.seed: a claim is over all seeds: leave it out\."):
        ft.judge(make_frame(), claims=[claim])
