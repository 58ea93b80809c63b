import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from fairtrial.data.line import line_data
from fairtrial.report.fashion_section import load_test_images, predict
from fairtrial.report.line_section import load_line_rows
from fairtrial.study.task import LineTask

STUDY = """
name = "Losses"
seeds = 2
[task]
kind = "line"
rows = 100
[recipe]
loss = "mse"
optimizer = { kind = "sgd", learning_rate = 0.01 }
steps = 10
[[arms]]
name = "steep"
set = { "task.slope" = 5.0 }
vary = { loss = ["mse", "mae"] }
"""


def test_line_rows_are_those_of_the_arm(tmp_path):
    (tmp_path / "study.toml").write_text(STUDY)
    x, y = load_line_rows(tmp_path, "steep · mae", 1)
    expected = line_data(LineTask(kind="line", rows=100, slope=5.0), 1)
    np.testing.assert_array_equal(x, expected.X[:, 0])
    np.testing.assert_array_equal(y, expected.y)
    assert np.polyfit(x, y, 1)[0] == pytest.approx(5, abs=0.5)


def test_predictions_are_those_of_scikit_learn():
    X, y = load_digits(return_X_y=True)
    model = LogisticRegression(max_iter=200).fit(X / 16, y)
    got = predict(X, model.coef_.T, model.intercept_, 16)
    np.testing.assert_array_equal(got, model.predict(X / 16))


def test_digits_come_by_name():
    images = load_test_images("digits")
    assert images.test_images.shape[1] == images.side**2 == 64
    assert images.pixel_range == 16
