import json

import polars as pl
import pytest
import vl_convert

from fairtrial.report import charts, image_charts
from fairtrial.report.appearance import DARK_SHADES, look_of
from fairtrial.report.folder import read_results
from fairtrial.report.summaries import find_changes, list_weights, summarise_curves

N_SETTINGS, N_LOSSES, N_SEEDS = 3, 4, 3


@pytest.fixture
def line(lab):
    return read_results(lab / "line")


@pytest.fixture
def fashion(lab):
    return read_results(lab / "fashion")


def unpack(chart):
    """Return the specification and the rows of its data; the schema and the compiler accept it."""
    specification = chart.to_dict()
    json.dumps(specification, allow_nan=False)
    assert specification["description"]
    assert specification["usermeta"]["layout"]
    vl_convert.vegalite_to_vega(specification)
    return specification, [row for rows in specification["datasets"].values() for row in rows]


def list_marks(specification):
    inner = specification.get("spec", specification)
    layers = inner.get("layer", [inner])
    return [layer["mark"]["type"] for layer in layers]


def test_curves_hold_every_point_of_every_arm(line):
    bands = summarise_curves(line.curves, line.runs, "loss")
    chart = charts.draw_curves(bands, "d", facet="setting", y_title="loss")
    specification, rows = unpack(chart)
    assert list_marks(specification) == ["area", "line"]
    assert len(rows) == N_SETTINGS * N_LOSSES
    assert sum(len(row["mean"]) for row in rows) == bands.height
    assert max(len(row["at"]) for row in rows) <= 150


def test_one_seed_has_no_band(lab_of_one):
    line = read_results(lab_of_one / "line")
    bands = summarise_curves(line.curves, line.runs, "loss")
    specification, _ = unpack(charts.draw_curves(bands, "d", facet="setting", y_title="loss"))
    assert list_marks(specification) == ["line"]


def test_losses_never_share_an_axis(line):
    bands = summarise_curves(line.curves, line.runs, "loss")
    chart = charts.draw_curves(bands, "d", facet="series", y_title="loss", share_y=False)
    specification, _ = unpack(chart)
    assert specification["facet"]["field"] == "series"
    assert specification["resolve"]["scale"]["y"] == "independent"


def test_a_log_axis_leaves_out_what_is_not_positive():
    bands = pl.DataFrame(
        {"setting": "a", "series": "MSE", "at": [0, 1], "mean": [1.0, 0.0], "low": [-1.0, 0.0],
         "high": [2.0, 0.0], "n_seeds": 2}
    )  # fmt: skip
    _, rows = unpack(charts.draw_curves(bands, "d", facet="setting", y_title="loss"))
    assert rows[0]["mean"] == [1.0, None]
    assert rows[0]["low"] == [None, None]


def test_a_reference_is_drawn_behind(line):
    bands = summarise_curves(line.curves, line.runs, "loss")
    arm = bands.filter(setting="noise on the weights")
    base = bands.filter(setting="5,000 steps from 0.5")
    chart = charts.draw_curves(arm, "d", facet="series", y_title="loss", reference=base)
    specification, rows = unpack(chart)
    assert list_marks(specification) == ["area", "line", "line"]
    assert sorted(row["role"] for row in rows) == ["arm"] * N_LOSSES + ["reference"] * N_LOSSES


def test_learning_rates_have_a_line_a_run(line):
    changes = find_changes(line.curves, line.runs, "learning_rate")
    specification, rows = unpack(charts.draw_learning_rates(changes, "d"))
    assert list_marks(specification) == ["line"]
    assert specification["spec"]["mark"]["interpolate"] == "step-after"
    assert len(rows) == N_LOSSES * N_SEEDS


def test_fits_run_along_the_lines(line):
    runs = list_weights(line.runs, line.parameters).filter(seed=0)
    dots = pl.DataFrame({"setting": runs["setting"].unique(), "x": -1.0, "y": 0.5})
    dots = pl.concat([dots, dots.with_columns(x=pl.lit(2.0))])
    specification, rows = unpack(charts.draw_fits(dots, runs, "d"))
    assert list_marks(specification) == ["circle", "line", "line"]
    fits = [row for row in rows if row["role"] == "fit"]
    assert len(fits) == N_SETTINGS * N_LOSSES
    for row in fits:
        assert row["y"] == pytest.approx([1.9 - 2.9, 1.9 + 2.9 * 2], rel=1e-3)
    truths = [row for row in rows if row["role"] == "truth"]
    assert [row["y"] for row in truths] == [[-1.0, 8.0]] * N_SETTINGS


def test_final_values_leave_out_the_diverged_run(line):
    chart = charts.draw_final_values(line.runs, "parameter_error", "t", "d")
    specification, rows = unpack(chart)
    assert list_marks(specification) == ["tick", "point"]
    n_runs = N_SETTINGS * N_LOSSES * N_SEEDS
    assert len(rows) == n_runs - 1 + N_SETTINGS * N_LOSSES


def test_reported_stands_among_the_seeds(fashion):
    chart = charts.draw_reported(fashion.runs, {"Adam": 0.8381}, "accuracy", "t", "d")
    _, rows = unpack(chart)
    kinds = [row["what"] for row in rows]
    assert kinds.count("one seed") == 9
    assert kinds.count("mean") == 3
    assert [row["value"] for row in rows if row["what"] == "reported"] == [0.8381]


def test_training_and_validation_of_each_optimizer(fashion):
    curves = pl.concat(
        summarise_curves(fashion.curves, fashion.runs, f"{rows}_accuracy").with_columns(
            rows=pl.lit(rows)
        )
        for rows in ("train", "validation")
    )
    specification, rows = unpack(charts.draw_shares(curves, "d", y_title="accuracy"))
    assert list_marks(specification) == ["area", "line", "point"]
    assert {(row["series"], row["rows"]) for row in rows} == {
        (name, kind) for name in ("Adam", "SGD", "RMSProp") for kind in ("train", "validation")
    }


def test_weights_share_a_scale_that_is_symmetric_about_zero():
    table = pl.DataFrame(
        {"name": ["a", "b"], "values": [[0.1, -0.25, 0.3, 0.0], [1.0, 2.0, 3.0, 4.0]]}
    )
    specification, rows = unpack(image_charts.draw_weights(table, 2.0, "d"))
    assert list_marks(specification) == ["rect"]
    assert rows == [{"name": "a", "values": [0.1, -0.25, 0.3, 0.0]},
                    {"name": "b", "values": [1.0, 2.0, 3.0, 4.0]}]  # fmt: skip
    assert specification["spec"]["encoding"]["color"]["scale"]["domain"] == [-2.0, 0, 2.0]


def test_predictions_are_marked_by_more_than_colour():
    table = pl.DataFrame(
        {
            "values": [[0.0, 1.0, 0.5, 0.0]] * 2,
            "truth": ["Coat", "Bag"],
            "predicted": ["Coat", "Coat"],
        }
    )
    specification, rows = unpack(image_charts.draw_predictions(table, "d"))
    assert list_marks(specification) == ["rect", "text", "text"]
    assert [row["verdict"] for row in rows] == ["✓ Coat", "✗ Coat"]
    assert rows[0]["values"] == [0, 255, 128, 0]


def test_looks_differ_and_stay():
    looks = look_of(["MSE", "MAE", "Huber", "Hybrid"])
    assert len({look.colour for look in looks.values()}) == 4
    assert len({look.dash for look in looks.values()}) == 4
    assert look_of(["Hybrid"])["Hybrid"] == looks["Hybrid"]
    assert len(set(DARK_SHADES.values())) == len(DARK_SHADES)
