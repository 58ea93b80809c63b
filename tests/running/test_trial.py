"""What a trial offers in a notebook."""

import inspect
import shutil

import numpy as np
import pytest

import fairtrial as ft
from fairtrial import plots
from fairtrial.plots.arguments import RULES
from fairtrial.results.results import Results


@pytest.fixture
def folder(lab, tmp_path):
    """A study's folder, of the test's own."""
    return shutil.copytree(lab / "line", tmp_path / "line")


def test_claims_are_the_verdicts_as_a_table(folder):
    trial = ft.Trial(folder)
    claims = trial.verdicts
    assert claims.columns[:7] == ["say", "verdict", "difference", "low", "high", "on", "why"]
    for row, verdict in zip(claims.to_dicts(), trial.list_verdicts(), strict=True):
        for name in ("say", "on", "verdict", "difference", "low", "high", "seeds", "p_adjusted"):
            assert row[name] == verdict[name]
        assert verdict["cause"] in row["why"]
    assert "<table" in claims._repr_html_()


ASK = {
    "claims": lambda trial: trial.verdicts,
    "plot": lambda trial: trial.plot.differences(2),
    "report": lambda trial: trial.report(),
}


@pytest.mark.parametrize("ask", ASK.values(), ids=ASK)
def test_claims_are_judged_when_they_are_first_asked_for(ask, folder):
    expected = ft.Trial(folder).list_verdicts()
    (folder / "verdicts.json").unlink()
    (folder / "pairs.parquet").unlink()
    trial = ft.Trial(folder)
    trial.plot.curves("loss")
    assert trial.list_verdicts() == []  # Curves need no verdict.
    ask(trial)
    assert [row["verdict"] for row in trial.list_verdicts()] == [row["verdict"] for row in expected]


def test_a_study_that_claims_nothing(tmp_path):
    study = ft.Study(
        name="<b>Short & quick</b>", seeds=1, task={"kind": "line", "rows": 20},
        recipe=ft.Recipe(loss="mse", optimizer={"kind": "sgd", "learning_rate": 0.1}, steps=5),
    )  # fmt: skip
    trial = ft.run(study, tmp_path)
    assert isinstance(trial, ft.Trial) and isinstance(trial, Results)
    assert trial.verdicts.is_empty() and trial.verdicts.columns[:2] == ["say", "verdict"]
    shown = trial._repr_html_()
    assert "<strong>&lt;b&gt;Short &amp; quick&lt;/b&gt;</strong>" in shown
    assert "1 arm, 1 seed, 1 run, 0 claims" in shown
    page = trial.report()
    assert page == tmp_path / "report.html" and page.stat().st_size > 100_000


def test_every_plot_is_bound_to_the_trial(folder):
    trial = ft.Trial(folder)
    assert set(dir(trial.plot)) == set(ft.plots.__all__)
    for name in ft.plots.__all__:
        function, bound = getattr(ft.plots, name), getattr(trial.plot, name)
        first, *rest = inspect.signature(function).parameters.values()
        assert first.name == "trial"
        assert list(inspect.signature(bound).parameters.values()) == rest
        assert bound.__doc__ == function.__doc__
    own, given = trial.plot.curves("loss"), ft.plots.curves(trial, "loss")
    assert own.to_dict() == given.to_dict()
    with pytest.raises(AttributeError, match="no 'pie'"):
        trial.plot.pie  # noqa: B018


def predict(trial, rows):
    return trial.model(next(iter(trial.arms))).predict(rows)


WRONG = [
    (lambda trial: trial.model(3), "3 is not the name of an arm: give one as text, such as '"),
    (lambda trial: trial.model(None), "None is not the name of an arm"),
    (lambda trial: trial.model(["MSE"]), "['MSE'] is not the name of an arm"),
    (lambda trial: trial.judge(3), "claims = 3 is no list of claims: give one, as in claims=[ft."),
    (lambda trial: trial.judge({"on": "mse"}), "claims = {'on': 'mse'} is no list of claims"),
    (lambda trial: trial.judge(trial.study.claims[0]), "is no list of claims"),
    (lambda trial: predict(trial, [["a"]]), "[['a']] is not an array of numbers: give the featu"),
    (lambda trial: predict(trial, [[1], [2, 3]]), "[[1], [2, 3]] is not an array of numbers"),
    (lambda trial: predict(trial, None), "None is not an array of numbers"),
    (lambda trial: predict(trial, 3), "3 is not an array of numbers"),
    (lambda trial: predict(trial, {"a": [1]}), "{'a': [1]} is not an array of numbers"),
    (lambda trial: predict(trial, np.ones((0, 2))), "The rows have 2 features, and the model has"),
    (lambda trial: trial.plot.curves(3), "quantity = 3: give the name of a quantity"),
    (lambda trial: trial.plot.curves(None), "quantity = None: give the name of a quantity"),
    (lambda trial: trial.plot.curves(arms="MSE"), "arms = 'MSE': give a list of names of arms."),
    (lambda trial: trial.plot.curves(arms=[3]), "arms = [3]: give a list of names of arms."),
    (lambda trial: trial.plot.curves(singles="no"), "singles = 'no': give True or False."),
    (lambda trial: trial.plot.differences("1"), "claim = '1': give the number of a claim, from 1."),
    (lambda trial: trial.plot.fits(-1), "seed = -1: give one of the seeds, a whole number from 0."),
    (lambda trial: trial.plot.final_values(["mse"]), "metric = ['mse']: give the name of a metric"),
    (lambda trial: trial.plot.weights(3), "arm = 3: give the name of an arm."),
    (lambda trial: plots.curves(3), "trial = 3: give a trial, as Trial(folder) opens it."),
    (lambda trial: ft.judge(trial), "is neither a frame of runs nor the path of a results folder"),
    (lambda trial: trial.study.list_seeds("x"), "count = 'x': give a whole number, at least 0."),
    (lambda trial: trial.study.narrow("x"), "number = 'x': give a whole number"),
]


@pytest.mark.parametrize(("ask", "said"), WRONG)
def test_wrong_arguments_give_a_sentence(lab, ask, said):
    with pytest.raises(ft.InputError) as error:
        ask(ft.Trial(lab / "line"))
    assert said in str(error.value)
    assert error.value.__context__ is None or error.value.__suppress_context__


def test_no_rows_have_no_predictions(lab):
    assert predict(ft.Trial(lab / "line"), np.ones((0, 1))).shape == (0,)


def test_every_argument_of_a_chart_has_a_rule():
    charts = [getattr(plots, name) for name in plots.__all__]
    assert {name for chart in charts for name in inspect.signature(chart).parameters} == {*RULES}
