"""Tables of runs that were never trained: what the tests of evidence judge."""

from collections.abc import Callable, Sequence
from typing import Any

import polars as pl

from fairtrial.study import Study
from fairtrial.study.arm import Arm

LINE = {"kind": "line", "rows": 50, "test_rows": 20}


def make_study(claims: Sequence[dict[str, Any]] = (), seeds: Any = 8, **others: Any) -> Study:
    """Two losses at two rates on a small line, unless other parts say so."""
    parts = {
        "task": LINE,
        "recipe": {"loss": "mse", "optimizer": "sgd", "steps": 100},
        "vary": {"loss": ["mse", "mae"], "optimizer.learning_rate": [0.01, 0.1]},
    }
    claims = [{"say": "A claim", "on": "mse"} | claim for claim in claims]
    values = {"name": "Made up", "seeds": seeds, "claims": claims} | parts | others
    return Study.model_validate(values).replace()


def make_runs(
    study: Study, measure: Callable[[Arm, int], dict[str, Any]], seeds: Sequence[int] | None = None
) -> pl.DataFrame:
    """`runs.parquet` with the metrics (and maybe the outcome) that `measure` gives each run."""
    rows = [
        {
            "run": f"{arm.name} #{seed}",
            "arm": arm.name,
            "seed": seed,
            "steps": arm.recipe.steps,
            "epochs": arm.recipe.epochs,
            "outcome": "completed",
            **measure(arm, seed),
        }
        for arm in study.list_arms()
        for seed in (seeds or study.list_seeds())
    ]
    return pl.DataFrame(rows, infer_schema_length=None)
