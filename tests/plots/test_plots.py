"""Charts have the data of the tables, and the schema and the compiler accept them."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import vl_convert
from scipy.optimize import minimize
from sklearn.datasets import load_digits
from sklearn.metrics import confusion_matrix

import fairtrial as ft
from fairtrial import plots
from fairtrial.data.load import load_dataset
from fairtrial.errors import InputError
from fairtrial.lab.beside import draw_reported
from fairtrial.plots.appearance import DARK_SHADES, THEME, assign_looks, capitalise
from fairtrial.plots.of_claims import draw_differences
from fairtrial.plots.of_images import draw_predictions, draw_weights
from fairtrial.plots.of_runs import draw_race, spread
from fairtrial.plots.of_training import draw_curves
from fairtrial.plots.summaries import split_curves, summarise_curves
from fairtrial.plots.trials import load_rows, name_series, read_model, scale_rows
from small_lab import LOSSES, OPTIMIZERS, SETTINGS

N_SEEDS = 3
LOOKS = assign_looks(["MSE", "MAE", "Huber", "Hybrid", "Adam", "SGD", "RMSProp"])


@pytest.fixture(scope="module")
def line(lab):
    return ft.Trial(lab / "line")


@pytest.fixture(scope="module")
def fashion(lab):
    return ft.Trial(lab / "fashion")


def unpack(chart):
    """Return the specification and the rows of its data; the schema and the compiler accept it."""
    specification = chart.to_dict()
    json.dumps(specification, allow_nan=False)
    assert specification["description"]
    assert specification["usermeta"]["layout"]
    vl_convert.vegalite_to_vega(specification)
    return specification, list(list_data(specification))


def list_data(view):
    """Yield the rows of a view's data, and those of its layers."""
    yield from view.get("data", {}).get("values", [])
    for layer in view.get("layer", []):
        yield from list_data(layer)


def list_marks(specification):
    inner = specification.get("spec", specification)
    layers = inner.get("layer", [inner])
    return [layer["mark"]["type"] for layer in layers]


# ------------------------------------------------------------------------------------------ runs


def test_curves_hold_every_point_of_every_arm(line):
    specification, rows = unpack(plots.curves(line, "parameter_error"))
    assert list_marks(specification) == ["area", "line", "line"]
    arms = [row for row in rows if row["role"] == "arm"]
    assert {(row["setting"], row["series"]) for row in arms} == {
        (setting, loss) for setting in SETTINGS for loss in LOSSES
    }
    assert max(len(row["at"]) for row in arms) <= 150
    singles = [row for row in rows if row["role"] == "seed"]
    assert len(singles) == N_SEEDS * len(arms)
    assert max(len(row["at"]) for row in singles) <= 32


def test_curves_are_the_means_of_the_table(line):
    arm = "learning rate 0.001 · mae"
    _, rows = unpack(plots.curves(line, "parameter_error", [arm]))
    (mean,) = [row for row in rows if row["role"] == "arm"]
    runs = line.runs.filter(arm=arm)["run"].to_list()
    points = line.curves.filter(pl.col("run").is_in(runs), quantity="parameter_error")
    expected = points.group_by("at").agg(pl.col("value").mean()).sort("at")
    found = dict(expected.iter_rows())
    assert mean["mean"] == pytest.approx([found[at] for at in mean["at"]], rel=6e-3)


def test_one_seed_has_no_band(lab_of_one):
    specification, _ = unpack(plots.curves(ft.Trial(lab_of_one / "line"), "parameter_error"))
    assert list_marks(specification) == ["line"]
    assert not any("single_seeds" in str(each) for each in specification["params"])


def test_curves_of_different_losses_have_independent_axes(line):
    arms = [f"learning rate 0.001 · {loss.lower()}" for loss in LOSSES]
    specification, _ = unpack(plots.curves(line, "loss", arms))
    assert specification["facet"]["field"] == "series"
    assert specification["resolve"]["scale"]["y"] == "independent"


def test_diverged_runs_are_left_out_of_shared_axes(line):
    assert (line.runs.filter(arm="too fast")["outcome"] == "diverged").all()
    for chart in (plots.curves(line, "parameter_error"), plots.final_values(line)):
        _, rows = unpack(chart)
        assert not any(row["series"] == "too fast" for row in rows)
    with pytest.raises(InputError, match="Diverged runs are left out"):
        plots.curves(line, "parameter_error", ["too fast"])


def test_log_axis_omits_values_that_are_not_positive():
    bands = pl.DataFrame(
        {"setting": "a", "series": "MSE", "at": [0, 1], "mean": [1.0, 0.0], "low": [-1.0, 0.0],
         "high": [2.0, 0.0], "n_seeds": 2}
    )  # fmt: skip
    chart = draw_curves(bands, LOOKS, "d", "loss")
    _, rows = unpack(chart)
    assert rows[0]["mean"] == [1.0, None]
    assert rows[0]["low"] == [None, None]


def test_curves_draw_a_reference_behind(line):
    runs, looks = name_series(line)
    bands = summarise_curves(split_curves(line.curves, "loss"), runs)
    arm, base = (bands.filter(setting=setting) for setting in (SETTINGS[2], SETTINGS[1]))
    chart = draw_curves(arm, looks, "d", "loss", by_series=True, reference=base)
    specification, rows = unpack(chart)
    assert list_marks(specification) == ["area", "line", "line"]
    roles = sorted(row["role"] for row in rows)
    assert roles == ["arm"] * len(LOSSES) + ["reference"] * len(LOSSES)


def test_legends_select_names_by_click_and_by_list(line):
    specification, _ = unpack(plots.curves(line, "parameter_error"))
    parameters = {each["name"]: each for each in specification["params"]}
    assert parameters["toggle"]["bind"] == "legend"
    assert parameters["alone"]["bind"]["options"][1:] == list(LOSSES)
    assert parameters["zoom"]["bind"] == "scales"
    assert parameters["single_seeds"]["bind"]["input"] == "checkbox"


def test_learning_rates_have_one_line_per_run_and_one_dot_per_halving(line):
    specification, rows = unpack(plots.learning_rates(line))
    assert list_marks(specification) == ["line", "point"]
    assert len(rows) == 2 * len(LOSSES) * N_SEEDS  # Constant rates are left out.
    for row in rows:
        changed = [value for value in row["changed"] if value is not None]
        inner = row["value"][1:-1]
        assert changed == inner and len(set(inner)) == len(inner)


def test_final_values_equal_the_runs_table(line):
    _, rows = unpack(plots.final_values(line))
    n_arms = len(SETTINGS) * len(LOSSES)
    assert len(rows) == n_arms * N_SEEDS + n_arms
    runs = line.runs.filter(arm="patience scheduling · mse")
    found = [
        row["value"] for row in rows if (row["setting"], row["series"]) == (SETTINGS[1], "MSE")
    ]
    assert sorted(found[:N_SEEDS]) == pytest.approx(sorted(runs["parameter_error"]), rel=1e-3)


def test_outcomes_equal_the_runs_table(line):
    _, rows = unpack(plots.outcomes(line))
    shown = sorted((row["outcome"], row["ended_at"]) for row in rows if row["arm"] == "too fast")
    expected = line.runs.filter(arm="too fast")["ended_at"].sort()
    assert shown == [("diverged", at) for at in expected]
    assert len(rows) == line.runs.height


def test_sensitivity_joins_arms_that_differ_only_in_learning_rate(tmp_path):
    study = ft.Study.from_toml(
        """
        name = "Rates"
        seeds = 2
        task = { kind = "line", rows = 50, test_rows = 20 }
        recipe = { loss = "mse", optimizer = "sgd", steps = 30 }
        vary = { loss = ["mse", "mae"], "optimizer.learning_rate" = [0.01, 0.1, 5.0] }
        """
    )
    trial = ft.run(study, tmp_path / "out")
    _, rows = unpack(plots.sensitivity(trial, "mse"))
    assert [(row["series"], row["learning_rate"]) for row in rows] == [
        (series, rate) for series in ("MSE", "MAE") for rate in (0.01, 0.1, 5.0)
    ]
    fast = rows[2]
    assert fast["diverged"] == "2 of 2 runs diverged"
    assert fast["mean"] is None
    slow = trial.runs.filter(arm="mse, optimizer.learning_rate=0.01")["mse"]
    assert rows[0]["mean"] == pytest.approx(slow.mean(), rel=1e-3)
    assert (rows[0]["low"], rows[0]["high"]) == pytest.approx((slow.min(), slow.max()), rel=1e-3)


def test_sensitivity_needs_two_rates_without_divergence(tmp_path):
    study = ft.Study.from_toml(
        """
        name = "Rates"
        seeds = 2
        task = { kind = "line", rows = 50, test_rows = 20 }
        recipe = { loss = "mse", optimizer = "sgd", steps = 30 }
        vary = { "optimizer.learning_rate" = [0.1, 5.0] }
        """
    )
    trial = ft.run(study, tmp_path / "out")
    assert trial.runs["outcome"].to_list() == ["completed"] * 2 + ["diverged"] * 2
    assert plots.sensitivity(trial, "mse") is None


def test_train_and_validation_has_both_curves_of_each_arm(fashion):
    specification, rows = unpack(plots.train_and_validation(fashion))
    assert list_marks(specification) == ["area", "line", "point"]
    assert {(row["series"], row["rows"]) for row in rows} == {
        (name, kind) for name in OPTIMIZERS for kind in ("train", "validation")
    }


def test_draw_reported_shows_reported_value_beside_seeds(fashion):
    runs = name_series(fashion)[0].filter(setting="Table 3")
    chart = draw_reported(runs, {"Adam": 0.8381}, LOOKS, "d")
    _, rows = unpack(chart)
    kinds = [row["what"] for row in rows]
    assert kinds.count("one seed") == 9
    assert kinds.count("mean") == 3
    assert [row["value"] for row in rows if row["what"] == "reported"] == [0.8381]


def test_accuracy_against_time_labels_do_not_overlap():
    means = [0.9, 0.9, 0.901, 0.8]
    points = pl.DataFrame(
        {"name": ["a", "b", "c", "d"], "accuracy": means, "low": [a - 0.01 for a in means],
         "high": [a + 0.01 for a in means], "seconds": [1.0, 1.0, 1.1, 9.0]}
    )  # fmt: skip
    specification, rows = unpack(draw_race(points, "d"))
    low, high = specification["layer"][2]["encoding"]["y"]["scale"]["domain"]
    assert low < 0.79 and high > 0.911
    places = sorted(row["label_at"] for row in rows)
    gaps = np.diff(places) / (high - low) * specification["height"]
    assert gaps.min() > 15
    assert low < places[0] and places[-1] < high


def test_spread_finds_the_nearest_places():
    places, gap, ends = np.array([3.0, 1.0, 1.2, 1.1, 7.0]), 0.8, (0.5, 6.0)
    found = spread(places, gap, ends)
    order = np.argsort(places)
    rules = [{"type": "ineq", "fun": lambda y, i=i: y[order[i + 1]] - y[order[i]] - gap}
             for i in range(4)]  # fmt: skip
    best = minimize(lambda y: np.sum((y - places) ** 2), places, bounds=[ends] * 5,
                    constraints=rules)  # fmt: skip
    np.testing.assert_allclose(found, best.x, atol=1e-4)


def test_a_chart_becomes_an_altair_chart(line):
    for chart in (plots.differences(line, 1), plots.curves(line, "loss"), plots.outcomes(line)):
        made, drawn = chart.altair.to_dict(), chart.to_dict()
        # Altair adds the size of a view to the look, and gives data a name.
        size = {"continuousWidth": 300, "continuousHeight": 300}
        drawn["config"] = drawn["config"] | {"view": size | drawn["config"].get("view", {})}
        apart = dict.fromkeys(("data", "datasets"))
        assert made | apart == drawn | apart
        named = [made["datasets"][made["data"]["name"]]] if "datasets" in made else []
        assert all(rows == drawn["data"]["values"] for rows in named)
        assert chart.properties(title="mine").to_dict()["title"] == "mine"


def test_unknown_names_are_errors_that_list_the_known_ones(line, fashion):
    with pytest.raises(InputError, match=r"has no metric mode: it has .*parameter_error"):
        plots.final_values(line, "mode")
    with pytest.raises(InputError, match=r"no curves of mode .* learning_rate"):
        plots.curves(line, "mode")
    with pytest.raises(InputError, match="no arm 'SVM'"):
        plots.weights(fashion, "SVM")
    with pytest.raises(InputError, match="not square images"):
        plots.predictions(line)
    with pytest.raises(InputError, match=r"no claim 9: .* has 3 judged claims"):
        plots.differences(line, 9)


# ------------------------------------------------------------------------------------------ data


def test_noise_shows_drawn_noise_and_its_density(line):
    _, rows = unpack(plots.noise(line))
    bars = next(row for row in rows if row["role"] == "bar")
    data = load_dataset(line.study.task, 0)
    drawn = data.y - 3 * data.X[:, 0].astype(float) - 2
    inside = np.mean((drawn >= bars["low"][0]) & (drawn <= bars["high"][-1]))
    widths = np.subtract(bars["high"], bars["low"])
    assert np.dot(bars["share"], widths) == pytest.approx(inside, abs=0.02)
    curve = next(row for row in rows if row["role"] == "line")
    expected = np.exp(-np.abs(curve["low"])) / 2  # Laplace
    np.testing.assert_allclose(curve["share"], expected, rtol=0.02)


def test_fits_draw_fitted_and_true_lines(line):
    specification, rows = unpack(plots.fits(line))
    assert list_marks(specification) == ["circle", "line", "line"]
    model = read_model(line, "patience scheduling · mse #0")
    (fit,) = [
        row
        for row in rows
        if (row["role"], row["setting"], row["series"]) == ("fit", SETTINGS[1], "MSE")
    ]
    expected = model.b + model.W[0] * np.array(fit["x"])
    np.testing.assert_allclose(fit["y"], expected, rtol=0.02)
    (truth,) = [r for r in rows if (r["role"], r["setting"]) == ("truth", SETTINGS[1])]
    np.testing.assert_allclose(truth["y"], 2 + 3 * np.array(truth["x"]), rtol=0.02)


def test_residual_histograms_sum_to_one(line):
    _, rows = unpack(plots.residuals(line))
    assert len(rows) == len(SETTINGS) * len(LOSSES)
    for row in rows:
        # Of all bins, since charts hold rounded numbers.
        width = (row["at"][-1] - row["at"][0]) / (len(row["at"]) - 1)
        assert sum(row["share"]) * width == pytest.approx(1, abs=0.05)


def test_targets_count_rows_per_class_or_bin(line, fashion):
    _, rows = unpack(plots.targets(fashion))
    _, counts = np.unique(load_digits().target[:-360], return_counts=True)
    assert [row["rows"] for row in rows] == counts.tolist()
    _, bars = unpack(plots.targets(line))
    assert sum(bar["rows"] for bar in bars) == pytest.approx(200, abs=2)


def test_told_shows_predictions_of_test_rows(line):
    _, rows = unpack(plots.predicted_against_true(line))
    assert {row["series"] for row in rows} == set(LOSSES)
    found = next(row for row in rows if (row["series"], row["role"]) == ("MAE", "row"))
    model = read_model(line, "learning rate 0.001 · mae #0")
    data = load_rows(line, "learning rate 0.001 · mae", 0)
    np.testing.assert_allclose(found["predicted"], model.predict(data.test_X), rtol=0.02, atol=0.01)


# ---------------------------------------------------------------------------------------- images


def test_weights_share_a_symmetric_scale():
    table = pl.DataFrame(
        {"name": ["a", "b"], "values": [[0.1, -0.25, 0.3, 0.0], [1.0, 2.0, 3.0, 4.0]]}
    )
    specification, rows = unpack(draw_weights(table, 2.0, "d"))
    assert list_marks(specification) == ["rect"]
    assert rows == [{"name": "a", "values": [0.1, -0.25, 0.3, 0.0]},
                    {"name": "b", "values": [1.0, 2.0, 3.0, 4.0]}]  # fmt: skip
    assert specification["spec"]["encoding"]["color"]["scale"]["domain"] == [-2.0, 0, 2.0]


def test_predictions_are_marked_by_sign_and_colour():
    table = pl.DataFrame(
        {
            "values": [[0.0, 1.0, 0.5, 0.0]] * 2,
            "truth": ["Coat", "Bag"],
            "predicted": ["Coat", "Coat"],
        }
    )
    specification, rows = unpack(draw_predictions(table, "d"))
    assert list_marks(specification) == ["rect", "text", "text"]
    assert [row["verdict"] for row in rows] == ["✓ Coat", "✗ Coat"]
    assert rows[0]["values"] == [0, 255, 128, 0]


def test_confusion_agrees_with_scikit_learn(fashion):
    _, rows = unpack(plots.confusion(fashion, "Table 3 · adam"))
    data = load_rows(fashion, "Table 3 · adam", 0)
    X = data.test_X / data.divisor
    counts = sum(
        confusion_matrix(
            data.test_y, read_model(fashion, f"Table 3 · adam #{s}").predict(X).argmax(1)
        )
        for s in range(N_SEEDS)
    )
    expected = counts / counts.sum(1, keepdims=True)
    np.testing.assert_allclose([row["share"] for row in rows], expected.ravel(), atol=1e-3)


def test_mistakes_are_wrong_and_sorted_by_confidence(fashion):
    _, rows = unpack(plots.mistakes(fashion, "Table 3 · sgd"))
    assert len(rows) == 9
    assert not any(row["right"] for row in rows)
    data = load_rows(fashion, "Table 3 · sgd", 0)
    model = read_model(fashion, "Table 3 · sgd #0")
    classes, confidence = model.predict_classes(scale_rows(data.test_X, data))
    surest = np.argmax(np.where(classes != data.test_y, confidence, 0))
    assert rows[0]["truth"] == data.class_names[data.test_y[surest]]
    accuracy = fashion.runs.filter(run="Table 3 · sgd #0")["accuracy"][0]
    assert np.mean(classes == data.test_y) == pytest.approx(accuracy)


def test_samples_have_one_image_per_class(fashion):
    _, rows = unpack(plots.samples(fashion))
    assert [row["name"] for row in rows] == list(load_rows(fashion, "SVM", 0).class_names)
    zero = load_digits().data[0] / 16 * 255
    assert rows[0]["values"] == np.round(zero).astype(int).tolist()


# ---------------------------------------------------------------------------------------- claims


def test_differences_have_one_mark_per_seed(line):
    _, rows = unpack(plots.differences(line, 1))
    pairs = line.pairs.filter(claim=0)
    drawn = {
        row["seed"]: row["difference"] for row in rows if row.get("seed") not in (None, "mean")
    }
    expected = {str(seed): d for seed, d in pairs.select("seed", "difference").iter_rows()}
    assert drawn == pytest.approx(expected, rel=1e-4)


def test_differences_omit_an_interval_without_ends():
    by_seed = pl.DataFrame({"seed": [0], "difference": [0.5]})
    row = {"on": "mse", "difference": 0.5, "low": None, "high": None, "margin": 0.0}
    layers = draw_differences(by_seed, row).to_dict()["layer"]
    assert len(layers) == 3  # the line at 0, the seeds, the mean


def test_sides_are_sorted_by_difference(line):
    specification, rows = unpack(plots.sides(line, 1))
    pairs = line.pairs.filter(claim=0).sort("difference")
    assert [row["seed"] for row in rows] == [str(seed) for seed in pairs["seed"]]
    assert [row["than"] for row in rows] == pytest.approx(pairs["than_value"].to_list(), rel=1e-3)
    assert "learning rate 0.001 · mae" in json.dumps(specification, ensure_ascii=False)


def test_parts_of_a_cause_are_bars_that_add_up_to_the_difference(line):
    specification, rows = unpack(plots.cause(line, 1))
    values = {row["part"]: row["value"] for row in rows if "part" in row}
    whole = values.pop("difference")
    assert [*values] == ["objective", "unfinished", "noise floor"]
    assert sum(values.values()) == pytest.approx(whole, rel=1e-3)
    assert list_marks(specification)[0] == "bar"


def test_curves_of_claim_have_one_panel_per_pair_of_arms(line):
    specification, rows = unpack(plots.curves_of_claim(line, 2))
    arms = [row for row in rows if row["role"] == "arm"]
    assert {row["setting"] for row in arms} == set(LOSSES)
    assert {row["series"] for row in arms} == {"better", "than"}
    colours = specification["spec"]["layer"][0]["encoding"]["color"]["scale"]["range"]
    assert len(set(colours)) == 2


def test_where_it_holds_has_one_row_per_pair_and_one_column_per_margin(line):
    _, rows = unpack(plots.where_it_holds(line, 2))
    assert [row["row"] for row in rows[::5]] == list(LOSSES)
    assert [row["column"] for row in rows[:5]] == ["0", "0.005", "0.01", "0.02", "0.04"]
    assert {row["verdict"] for row in rows} == {"undecided"}  # Three seeds cannot decide.
    assert plots.where_it_holds(line, 1) is None


def test_grid_of_claim_has_one_cell_per_pair_of_settings(tmp_path):
    study = ft.Study.from_toml(
        """
        name = "Grid"
        seeds = 6
        task = { kind = "line", rows = 50, test_rows = 20 }
        recipe = { loss = "mse", optimizer = { kind = "sgd", learning_rate = 0.1 }, steps = 50 }
        [vary]
        "task.noise.kind" = ["normal", "laplace"]
        "task.noise.scale" = [0.1, 1.0, 2.0]
        steps = [5, 50]
        [[claims]]
        say = "Longer is better"
        better = { steps = 50 }
        than = { steps = 5 }
        on = "parameter_error"
        """
    )
    ft.run(study, tmp_path / "out")
    _, rows = unpack(plots.grid_of_claim(ft.Trial(tmp_path / "out")))
    cells = {(row["row"], row["column"]): row["verdict"] for row in rows}
    assert cells.keys() == {
        (kind, f"scale {scale}")
        for kind in ("normal", "laplace")
        for scale in ("0.1", "1.0", "2.0")
    }
    assert cells["normal", "scale 0.1"] == "holds"


# ----------------------------------------------------------------------------------------- looks


def test_looks_of_known_kinds_differ_and_are_fixed():
    looks = assign_looks(["MSE", "MAE", "Huber", "Hybrid"])
    assert len({look.colour for look in looks.values()}) == 4
    assert len({look.dash for look in looks.values()}) == 4
    assert assign_looks(["mine", "Hybrid"])["Hybrid"] == looks["Hybrid"]
    assert len(set(DARK_SHADES.values())) == len(DARK_SHADES)


def test_looks_of_42_series_differ():
    series = ["MSE", "Adam", *(f"arm {i}" for i in range(40))]
    looks = assign_looks(series)
    assert len({(look.colour, look.dash) for look in looks.values()}) == 42
    assert len({(look.colour, look.shape) for look in looks.values()}) == 42
    more = assign_looks(["arm 1", "new"], {"arm 1": looks["arm 1"]})
    assert more["arm 1"] == looks["arm 1"] != more["new"]


def test_look_of_a_series_does_not_depend_on_shown_arms(line):
    def find_colours(chart):
        scale = unpack(chart)[0]["spec"]["layer"][0]["encoding"]["color"]["scale"]
        return dict(zip(scale["domain"], scale["range"], strict=True))

    every = find_colours(plots.curves(line, "parameter_error"))
    one = find_colours(plots.curves(line, "parameter_error", ["noise on the weights · huber"]))
    assert one == {"Huber": every["Huber"]}


def test_the_theme_is_in_every_chart(line):
    assert unpack(plots.noise(line))[0]["config"]["axis"] == THEME["axis"]


def test_docs_have_picture_and_description_of_every_plot():
    docs = Path(__file__).parents[2] / "docs"
    text = (docs / "plots.md").read_text(encoding="utf-8")
    for name in plots.__all__:
        first_line = (getattr(plots, name).__doc__ or "").splitlines()[0]
        alternative = capitalise(first_line.removeprefix("Draw "))
        assert f"![{alternative}](plots/{name}.png)" in text
        assert f"trial.plot.{name}(" in text
    pictures = list((docs / "plots").iterdir())
    assert {path.name for path in pictures} == {f"{name}.png" for name in plots.__all__}
    assert sum(path.stat().st_size for path in pictures) < 2**20


def test_predictions_of_fewer_test_images_than_are_shown(tmp_path):
    random = np.random.default_rng(0)
    task = ft.images(random.random((12, 4, 4)), np.arange(12) % 2, file=tmp_path / "few.npz")
    recipe = {"loss": "cross_entropy", "optimizer": "sgd", "epochs": 1, "batch_size": 4}
    trial = ft.run(ft.Study(name="Few", seeds=1, task=task, recipe=recipe), tmp_path / "out")
    assert len(trial.plot.predictions().to_dict()) > 0
    trial.plot.mistakes()


def test_confusion_counts_each_seed_on_its_own_test_rows(tmp_path):
    random = np.random.default_rng(0)
    task = ft.images(random.random((40, 4, 4)), np.arange(40) % 2, file=tmp_path / "drawn.npz")
    recipe = {"loss": "cross_entropy", "optimizer": "sgd", "epochs": 1, "batch_size": 4}
    trial = ft.run(ft.Study(name="Drawn", seeds=5, task=task, recipe=recipe), tmp_path / "out")
    (arm,) = trial.arms
    counts = np.zeros((2, 2))
    for seed in range(5):
        data = load_rows(trial, arm, seed)
        predicted = read_model(trial, f"{arm} #{seed}").predict(scale_rows(data.test_X, data))
        counts += confusion_matrix(data.test_y, predicted.argmax(1), labels=[0, 1])
    _, rows = unpack(plots.confusion(trial))
    expected = counts / counts.sum(1, keepdims=True)
    np.testing.assert_allclose([row["share"] for row in rows], expected.ravel(), atol=1e-3)


def test_charts_of_the_data_show_rows_without_features_that_they_are_mapped_to(tmp_path):
    noise = {"kind": "normal", "scale": 0.5}
    recipe = {"loss": "mse", "optimizer": "adam", "features": "fourier", "steps": 5}
    study = ft.Study(
        name="Mapped", seeds=1, task={"kind": "line", "rows": 50, "noise": noise}, recipe=recipe
    )
    trial = ft.run(study, tmp_path / "out")
    trial.report()
    assert "cannot be shown" not in (trial.folder / "report.html").read_text(encoding="utf-8")
    data = load_dataset(study.task, 0)
    drawn = data.y - 3 * data.X[:, 0].astype(float) - 2
    bars = next(row for row in unpack(plots.noise(trial))[1] if row["role"] == "bar")
    assert drawn.min() <= bars["low"][0] <= bars["high"][-1] <= drawn.max()
    assert plots.fits(trial) is None
