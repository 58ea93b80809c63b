"""A trial: results with their verdicts, plots and report."""

import contextlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path
from types import MethodType
from typing import TYPE_CHECKING, Any

import polars as pl

from fairtrial.errors import InputError
from fairtrial.results.results import Results
from fairtrial.study.claims import Claim, check_claims

if TYPE_CHECKING:
    from fairtrial.results.models import LinearModel


class Trial(Results):
    """A results folder, read when asked; its claims are judged when they are first asked for.

    Parameters
    ----------
    folder : str or Path
        What `run`, or the command of that name, has written.
    allow_code : bool
        Whether files of code that the study names as plugins may run, if they were never allowed
        before.

    Raises
    ------
    InputError
        If it is not a finished results folder.
    """

    def report(self) -> Path:
        """Write `report.html` into the folder.

        Returns
        -------
        Path
            The page.

        Raises
        ------
        InputError
            If a file of the folder cannot be read.
        MachineError
            If the page cannot be written.
        """
        from fairtrial.report.page import write_page
        from fairtrial.report.study_page import make_study_page

        self._judge()
        return write_page(self.folder, make_study_page(self))

    @property
    def verdicts(self) -> pl.DataFrame:
        """One row per claim: the columns of `verdicts.parquet`, and why.

        The first are say (the claim), verdict, difference, low and high (its interval), on (the
        metric) and why. Ends of intervals that are infinite are null; empty where nothing is
        claimed.
        """
        from fairtrial.evidence.account import make_frame

        return make_frame(self._judge())

    def model(self, arm: str, seed: int | None = None) -> "LinearModel":
        """Return the trained model of a run, which predicts new rows in the units of the data.

        Parameters
        ----------
        arm : str
            The name of an arm that is trained on the data itself, without a feature map.
        seed : int, optional
            The seed of the run; the study's first if absent.

        Returns
        -------
        LinearModel
            With `predict`, `predict_proba` for classes, `coef_` and `intercept_`.

        Raises
        ------
        InputError
            If there is no such run, it has no model, or its data cannot be used.
        """
        from fairtrial.results.models import read_model

        return read_model(self, arm, seed)

    @property
    def plot(self) -> "Plot":
        """Every function of `fairtrial.plots`, of this trial: `trial.plot.curves("loss")`."""
        return Plot(self)

    def judge(self, claims: str | Path | Sequence[Claim | Mapping[str, Any]]) -> pl.DataFrame:
        """Judge other claims on these runs; no verdict is kept.

        Parameters
        ----------
        claims : str or Path, or sequence of Claim or mapping
            A TOML file with `[[claims]]`, or the claims themselves.

        Returns
        -------
        DataFrame
            One row per claim: the columns of `verdicts`.

        Raises
        ------
        InputError
            If there are no claims, or they break a rule.
        """
        from fairtrial.evidence.frame import judge

        check_claims(claims)
        return judge(self.folder, claims)

    def _judge(self) -> list[dict[str, Any]]:
        """Judge what is claimed, unless that has been done."""
        verdicts = self.list_verdicts()
        if verdicts or not self.study.claims:
            return verdicts
        from fairtrial.evidence.judge import judge

        return judge(self.folder)

    def _repr_html_(self) -> str:
        """Show what the folder holds."""
        counts = {
            "arm": self.runs["arm"].n_unique(),
            "seed": self.runs["seed"].n_unique(),
            "run": self.runs.height,
            "claim": len(self.study.claims),
        }
        held = ", ".join(f"{n:,} {name if n == 1 else f'{name}s'}" for name, n in counts.items())
        name, folder = escape(self.study.name), escape(str(self.folder))
        return f"<p><strong>{name}</strong><br>{held}<br><code>{folder}</code></p>"


class Plot:
    """The functions of `fairtrial.plots`, each with its trial given."""

    def __init__(self, trial: Trial):
        self._trial = trial

    def __dir__(self) -> list[str]:
        from fairtrial import plots

        return list(plots.__all__)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        from fairtrial import plots

        if name not in plots.__all__:
            raise AttributeError(f"fairtrial.plots has no {name!r}: {', '.join(plots.__all__)}")
        with contextlib.suppress(InputError):  # Charts of other metrics need none of its code.
            _ = self._trial.study
        function = getattr(plots, name)
        if "claim" in inspect.signature(function).parameters:
            self._trial._judge()
        return MethodType(function, self._trial)
