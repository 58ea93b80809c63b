"""Names on charts come from what is stored beside an arm's name; the name is never taken apart."""

import polars as pl
import pytest

import fairtrial as ft
from fairtrial import plots
from fairtrial.plots.names import name_runs
from fairtrial.results.results import Results
from fairtrial.results.store import RUNS, make_arm_table

STUDY = """
name = "Names"
seeds = 2
task = {{ kind = "line", rows = 50, test_rows = 20 }}
recipe = {{ loss = "mse", optimizer = {{ kind = "sgd", learning_rate = 0.01 }}, steps = 20 }}
{more}
"""
BY_HAND = ["Adam, tuned", "a · b, c=1", "huber delta=2.0"]


def make_study(more):
    return ft.Study.from_toml(STUDY.format(more=more))


def name_arms(more):
    table = name_runs(make_arm_table(make_study(more).list_arms(), {}))
    return list(table.select("setting", "series").iter_rows())


def write_entries(*names, vary="{}"):
    return "\n".join(f'[[arms]]\nname = "{name}"\nvary = {vary}' for name in names)


def test_name_chosen_by_hand_is_the_series():
    assert name_arms(write_entries(*BY_HAND)) == [("", name) for name in BY_HAND]


def test_entry_is_the_setting_whatever_its_name_holds():
    named = name_arms(write_entries(*BY_HAND, vary='{ loss = ["mse", "mae"] }'))
    assert named == [(name, loss) for name in BY_HAND for loss in ("MSE", "MAE")]


def test_series_is_the_loss_if_it_varies():
    vary = '[vary]\nsteps = [5, 9]\nloss = ["mse", { kind = "huber", delta = 2.0 }]'
    assert name_arms(vary) == [
        ("steps 5", "MSE"), ("steps 5", "Huber"), ("steps 9", "MSE"), ("steps 9", "Huber"),
    ]  # fmt: skip


def test_series_is_the_optimizer_if_the_loss_is_constant():
    assert name_arms('[vary]\n"optimizer.kind" = ["adam", "sgd"]\nsteps = [5]') == [
        ("steps 5", "Adam"), ("steps 5", "SGD"),
    ]  # fmt: skip


def test_series_is_the_last_varied_setting_if_kinds_are_constant():
    vary = '[vary]\n"loss" = ["huber"]\n"loss.delta" = [1.0, 2.0]\n"init.value" = [0.0, 1.0]'
    assert name_arms(vary)[1] == ("delta 1.0, value 1.0", "Huber")
    assert [series for _, series in name_arms('[vary]\n"optimizer.learning_rate" = [0.1, 1]')] == [
        "learning rate 0.1", "learning rate 1.0",
    ]  # fmt: skip


def test_settings_of_a_kind_are_shown_where_they_tell_arms_apart():
    losses = '["mse", { kind = "huber", delta = 2.0 }, "huber"]'
    assert [series for _, series in name_arms(f"[vary]\nloss = {losses}")] == [
        "MSE", "Huber delta=2.0", "Huber delta=1.0",
    ]  # fmt: skip


def test_table_without_kind_is_named_by_its_name():
    vary = '[vary]\n"stopping" = [{ patience = 5 }, { patience = 9 }]'
    assert [series for _, series in name_arms(vary)] == [
        "stopping patience=5", "stopping patience=9",
    ]  # fmt: skip


def test_setting_that_an_arm_does_not_have_is_none():
    more = """[vary]
loss = ["mse"]
clip = ["none", { norm = 1.0 }]
"noise.weights" = ["none", { every = 2 }, { every = 9 }]"""
    settings = [setting for setting, _ in name_arms(more)]
    assert settings[:3] == [
        "clip=none, noise.weights=none",
        "clip=none, normal every=2",
        "clip=none, normal every=9",
    ]
    assert settings[3] == "clip norm=1.0, noise.weights=none"


def test_names_on_charts_are_unique():
    named = name_arms('[vary]\nloss = ["mse", "mae"]\n[[arms]]\nname = "MSE"')
    assert named == [("", "mse"), ("", "MAE"), ("", "MSE")]


def test_tables_without_the_columns_show_full_names():
    table = make_arm_table(make_study(write_entries(*BY_HAND)).list_arms(), {})
    old = name_runs(table.drop("entry", "varied"))
    assert old["series"].to_list() == BY_HAND
    assert set(old["setting"]) == {""}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("names") / "out"
    ft.run(make_study(write_entries(*BY_HAND)), folder)
    return folder


def test_arm_is_one_arm_of_its_name_on_every_chart(folder):
    trial = Results(folder)
    assert trial.runs["entry"].unique(maintain_order=True).to_list() == BY_HAND
    for chart in (plots.curves(trial, "loss"), plots.final_values(trial, "mse")):
        text = chart.to_json(ensure_ascii=False)
        assert all(name in text for name in BY_HAND)


def test_results_of_earlier_versions_stay_readable(folder):
    runs = pl.read_parquet(folder / RUNS)
    assert runs.columns[:5] == ["run", "arm", "entry", "varied", "seed"]
    runs.drop("entry", "varied").write_parquet(folder / RUNS)
    trial = Results(folder)
    assert trial.study.name == "Names"
    assert all(name in plots.final_values(trial).to_json(ensure_ascii=False) for name in BY_HAND)
    runs.write_parquet(folder / RUNS)
