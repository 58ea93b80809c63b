"""What a trial offers in a notebook."""

import inspect
import shutil

import pytest

import fairtrial as ft
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
