"""Models that predict new rows in the units of the data, beside scikit-learn."""

import numpy as np
import polars as pl
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import fairtrial as ft
from fairtrial.data.split import split_rows
from fairtrial.errors import InputError

N = 120
STUDY = """
name = "Models"
seeds = 2
task = { kind = "table", path = "PATH", PARTS }
recipe = { RECIPE }
vary = { "optimizer.learning_rate" = [0.3, 0.2] }
"""
LEAST_SQUARES = 'loss = "mse", optimizer = "sgd", steps = 3000'
MOMENTUM = 'optimizer = { kind = "sgd", momentum = 0.9 }'
CLASSES = f'loss = "cross_entropy", {MOMENTUM}, steps = 150, penalty.l2 = 0.05'
ARM = "optimizer.learning_rate=0.3"


def make_table(path):
    """Two numbers of unlike size, a category, a price, and whether it was sold."""
    random = np.random.default_rng(4)
    size, age = random.normal(120.0, 30.0, N), random.normal(0.01, 0.002, N)
    town = random.choice(["Ulm", "Bonn", "Jena"], N)
    price = 3_000.0 * size - 4e6 * age + 9e4 * (town == "Bonn") + random.normal(0.0, 5e3, N)
    sold = (price + random.normal(0.0, 4e4, N) > 330_000).astype(int)
    frame = pl.DataFrame({"size": size, "town": town, "age": age, "price": price, "sold": sold})
    frame.write_csv(path)
    return pl.read_csv(path)


def run(folder, path, parts, recipe):
    text = STUDY.replace("PATH", str(path)).replace("PARTS", parts).replace("RECIPE", recipe)
    return ft.run(ft.Study.from_toml(text), folder)


def list_train_rows(seed):
    return split_rows(N, 0.2, seed, "table.test")[0]


@pytest.mark.parametrize("standardise", ["", ", standardise = true"])
def test_regression_on_a_table_is_least_squares_in_its_units(tmp_path, standardise):
    """Weights in the file's units are those of scikit-learn's least squares on the file."""
    frame = make_table(tmp_path / "houses.csv")
    parts = 'target = "price", problem = "regression", categorical = ["town"], exclude = ["sold"]'
    trial = run(tmp_path / "out", tmp_path / "houses.csv", parts, LEAST_SQUARES + standardise)
    for seed in (0, 1):
        train = frame[list_train_rows(seed)]
        columns = make_column_transformer(
            ("passthrough", ["size", "age"]), (OneHotEncoder(), ["town"])
        )
        expected = make_pipeline(columns, LinearRegression()).fit(
            train.select("size", "age", "town"), train["price"]
        )
        model = trial.model(ARM, seed)
        assert model.feature_names_in_ == ("size", "age", "town=Bonn", "town=Jena", "town=Ulm")
        np.testing.assert_allclose(model.predict(frame), expected.predict(frame), rtol=2e-3)
        weights = expected[-1].coef_
        np.testing.assert_allclose(model.coef_[:2], weights[:2], rtol=2e-2)
        contrasts = [model.coef_[2] - model.coef_[3], weights[2] - weights[3]]
        assert contrasts[0] == pytest.approx(contrasts[1], rel=2e-2)
    (mse,) = trial.runs.filter(arm=ARM, seed=0)["mse"]
    test = frame[split_rows(N, 0.2, 0, "table.test")[1]]
    errors = trial.model(ARM).predict(test) - test["price"].to_numpy()
    assert np.mean(errors**2) == pytest.approx(mse, rel=1e-3)


def test_classes_of_a_table_are_those_of_logistic_regression(tmp_path):
    frame = make_table(tmp_path / "houses.csv")
    parts = (
        'target = "sold", problem = "classification", categorical = ["town"], exclude = ["price"]'
    )
    trial = run(tmp_path / "out", tmp_path / "houses.csv", parts, CLASSES)
    train = frame[list_train_rows(0)]
    columns = make_column_transformer(
        (StandardScaler(), ["size", "age"]), (OneHotEncoder(), ["town"])
    )
    # Two rows of weights with a penalty on both: half of it on their difference.
    logistic = LogisticRegression(C=1.0 / (0.05 * train.height), tol=1e-9, max_iter=10_000)
    expected = make_pipeline(columns, logistic)
    expected.fit(train.select("size", "age", "town"), train["sold"])
    model = trial.model(ARM)
    assert model.classes_.tolist() == [0, 1] and model.coef_.shape == (2, 5)
    assert (model.predict(frame) == expected.predict(frame)).all()
    np.testing.assert_allclose(model.predict_proba(frame), expected.predict_proba(frame), atol=2e-3)
    accuracy = trial.runs.filter(arm=ARM, seed=0)["accuracy"].item()
    test = frame[split_rows(N, 0.2, 0, "table.test")[1]]
    assert np.mean(model.predict(test) == test["sold"].to_numpy()) == pytest.approx(accuracy)


def test_line_and_images_take_arrays(tmp_path):
    line = ft.Study.from_toml("""
        name = "Line"
        seeds = 2
        task = { kind = "line", rows = 500 }
        recipe = { loss = "mse", optimizer = "sgd", steps = 500 }
        vary = { "optimizer.learning_rate" = [0.1] }
    """)
    model = ft.run(line, tmp_path / "line").model("optimizer.learning_rate=0.1", seed=1)
    assert model.coef_ == pytest.approx([3.0], abs=0.2) and model.classes_ is None
    np.testing.assert_allclose(
        model.predict([0.0, 2.0]), [model.intercept_, model.intercept_ + 2.0 * model.coef_[0]]
    )
    digits = line.replace(
        task={"kind": "digits"}, seeds=1,
        recipe={"loss": "cross_entropy", "optimizer": "sgd", "epochs": 2, "batch_size": 50},
    )  # fmt: skip
    trial = ft.run(digits, tmp_path / "digits")
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    model = trial.model("optimizer.learning_rate=0.1")
    right = model.predict(images[1_437:].reshape(-1, 8, 8)) == labels[1_437:]
    assert right.mean() == pytest.approx(trial.runs["accuracy"].item(), abs=2e-3)


def test_what_has_no_model_and_rows_that_do_not_fit_are_refused(tmp_path):
    frame = make_table(tmp_path / "houses.csv")
    parts = 'target = "price", problem = "regression", categorical = ["town"], exclude = ["sold"]'
    recipe = LEAST_SQUARES.replace("3000", "20")
    trial = run(tmp_path / "out", tmp_path / "houses.csv", parts, recipe)
    model = trial.model(ARM)
    for wrong, sentence in (
        (frame.drop("age"), "no column 'age'"),
        (frame.with_columns(town=pl.lit("Rom")), "holds 'Rom', which the model was not trained on"),
        (frame.with_columns(age=pl.lit(None)), "'age' is missing or not finite in row 0"),
        (frame.with_columns(age=pl.lit("old")), "trained on numbers"),
        (frame.to_numpy(), "columns by name"),
    ):
        with pytest.raises(InputError, match=sentence):
            model.predict(wrong)
    with pytest.raises(InputError, match="no arm 'hubr'"):
        trial.model("hubr")
    with pytest.raises(InputError, match=r"no run of the arm .* with seed 9"):
        trial.model(ARM, seed=9)
    with pytest.raises(InputError, match="numbers, which have no classes"):
        model.predict_proba(frame)
