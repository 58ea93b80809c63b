"""`fairtrial check` runs a file of kinds and says in sentences what breaks the laws."""

import subprocess
import sys

import pytest

from fairtrial.cli.studies import check
from fairtrial.errors import InputError
from fairtrial.kinds.mechanism.plugins import activate

GOOD = '''
import fairtrial as ft
from fairtrial import tf

@ft.optimizer(slots=("first", "second"), learning_rate=0.001)
def adam_w(gradient, parameter, slots, rate, count, *, beta1: float = 0.9, decay: float = 0.01):
    """Adam with decoupled weight decay."""
    change, slots = ft.adam(
        gradient, parameter, slots, rate, count, beta1=beta1, beta2=0.999, epsilon=1e-7
    )
    return change - rate * decay * parameter, slots

@ft.class_loss
def my_brier(logits, labels):
    """Sum of the squared errors of the softmax."""
    shares = tf.nn.softmax(logits, axis=1)
    one_hot = tf.one_hot(labels, logits.shape[1], dtype=logits.dtype)
    one_hot = tf.reshape(one_hot, (-1, logits.shape[1], *[1] * (len(logits.shape) - 2)))
    return tf.reduce_sum(tf.square(shares - one_hot), 1)
'''


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FAIRTRIAL_CACHE", str(tmp_path / "cache"))
    yield
    activate([])


def test_good_file(tmp_path, capsys):
    path = tmp_path / "my_kinds.py"
    path.write_text(GOOD, encoding="utf-8")
    check(path)
    shown = capsys.readouterr().out
    assert "optimizer adam_w: Adam with decoupled weight decay." in shown
    assert "loss my_brier: Sum of the squared errors" in shown
    assert "All keep the laws of their families." in shown


def test_broken_file(tmp_path):
    path = tmp_path / "my_kinds.py"
    text = GOOD.replace('slots=("first", "second")', 'slots=("first", "second", "third")')
    path.write_text(text.replace("learning_rate=0.001", "learning_rate=0.002"), encoding="utf-8")
    with pytest.raises(InputError) as error:
        check(path)
    assert str(error.value) == (
        f"{path}: adam_w: it returns the slots first, second, and its decorator declares first, "
        "second, third."
    )


def test_loss_with_float32_constant(tmp_path):
    path = tmp_path / "my_kinds.py"
    path.write_text(
        "import fairtrial as ft\nfrom fairtrial import tf\n\n@ft.loss\ndef soft_mae(residual):\n"
        '    """Logarithm of the hyperbolic cosine of the residual, in target units."""\n'
        "    size = tf.abs(residual)\n"
        "    return size + tf.math.softplus(-2.0 * size) - tf.math.log(2.0)\n",
        encoding="utf-8",
    )
    with pytest.raises(InputError, match="soft_mae: it works with float32 residuals alone; write"):
        check(path)
    text = path.read_text(encoding="utf-8").replace("tf.math.log(2.0)", "math.log(2.0)")
    path.write_text(f"import math\n{text}", encoding="utf-8")
    check(path)


LOSS = """
import fairtrial as ft, numpy as np
from fairtrial import tf

@ft.loss%s
def mine(residual):%s
    print("called")
    return %s
"""


@pytest.mark.parametrize(
    ("facts", "value", "sentence"),
    [
        ("", "np.abs(residual)", "it returns a NumPy array, and must return a tensor"),
        ("", "tf.stop_gradient(residual)", "it has no gradient: compute with functions of tf"),
        ("", "tf.cast(residual, tf.int32)", "it returns int32 numbers for float32 numbers"),
        ("", "tf.reduce_mean(residual)", r"it returns the shape \(\) where \(10,\) is asked for"),
        ("", "1 / 0", r"it fails with ZeroDivisionError: division by zero \(line 9\)"),
        ("(minimiser=lambda: 3)", "residual**2", "its minimiser returns 3: return Pieces, a list"),
        (
            "(minimiser=lambda: 1 / 0)",
            "residual**2",
            "a fact of its decorator fails with",
        ),
    ],
)
def test_wrong_loss(tmp_path, capsys, facts, value, sentence):
    path = tmp_path / "my_kinds.py"
    path.write_text(LOSS % (facts, '\n    "Mine."', value), encoding="utf-8")
    with pytest.raises(InputError, match=rf"my_kinds\.py: mine: {sentence}"):
        check(path)
    assert "called" not in capsys.readouterr().out


def test_kind_without_a_docstring(tmp_path, capsys):
    path = tmp_path / "my_kinds.py"
    path.write_text(LOSS % ("", '\n    "  "', "residual**2"), encoding="utf-8")
    with pytest.raises(InputError, match="mine: it has no docstring: say in one what it is"):
        check(path)
    assert capsys.readouterr().out == "loss mine: mine\n"


def test_study_is_not_a_file_of_kinds(tmp_path):
    path = tmp_path / "study.toml"
    path.write_text("seeds = 3\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"study\.toml is a study, and `fairtrial check` checks a"):
        check(path)


def test_file_without_kinds(tmp_path):
    path = tmp_path / "empty.py"
    path.write_text("x = 1\n", encoding="utf-8")
    with pytest.raises(InputError, match="has no kinds: decorate a function"):
        check(path)


METRIC = '''
import numpy as np
import fairtrial as ft

@ft.metric(of="classes", higher_is_better=True, worst=0.0)
def lowest_recall(truth, prediction):
    """Recall of the class that has the lowest."""
    return min(np.mean(prediction[truth == one] == one) for one in np.unique(truth))
'''


def test_metric_of_a_file(tmp_path, capsys):
    path = tmp_path / "my_kinds.py"
    path.write_text(METRIC, encoding="utf-8")
    check(path)
    assert "metric lowest_recall: Recall of the class" in capsys.readouterr().out
    path.write_text(METRIC.replace("=True, worst=0.0", "=False"), encoding="utf-8")
    with pytest.raises(InputError, match="lowest_recall: it is 1 where every prediction is right"):
        check(path)


def test_checking_a_file_does_not_allow_it(tmp_path, monkeypatch):
    monkeypatch.setenv("FAIRTRIAL_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "my_kinds.py"
    path.write_text(f"{METRIC}# Run for the first time.\n", encoding="utf-8")
    check(path)
    assert not (tmp_path / "cache").exists()


def test_tensorflow_writes_nothing_where_the_file_imports_it(tmp_path):
    path = tmp_path / "my_kinds.py"
    text = GOOD.replace("from fairtrial import tf", "import tensorflow as tf")
    path.write_text(text.partition("@ft.class_loss")[0], encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "fairtrial", "check", path], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


OTHERS = '''
import fairtrial as ft
from fairtrial import tf

@ft.input_noise
def shifted(stream, X):
    """Features with one more."""
    return X + 1.0

@ft.label_noise
def turned(stream, labels, n_classes):
    """The next class."""
    return (labels + 1) % n_classes

@ft.init
def scalar(stream, shape):
    """One number."""
    return 1.0

@ft.init
def huge(stream, shape):
    """Infinite in float32."""
    return np.full(shape, 1e300)

@ft.schedule
def forgetful(progress, step):
    """Nothing."""
    1.0 - progress

@ft.optimizer
def bare(gradient, parameter, slots, rate, count):
    """No slots."""
    return -rate * gradient

@ft.features(n_features=lambda n_before: "many")
def wordy(X, stream):
    """The same."""
    return lambda X: X

@ft.baseline
def nothing(on_classes):
    """No estimator."""
'''


def test_other_families(tmp_path):
    path = tmp_path / "my_kinds.py"
    path.write_text(f"import numpy as np{OTHERS}", encoding="utf-8")
    with pytest.raises(InputError) as error:
        check(path)
    lines = [one.partition("my_kinds.py: ")[2] for one in str(error.value).splitlines()]
    assert sorted(lines) == [
        'bare: it must return the change and the slots, as in change, {"velocity": velocity}, and '
        "change, {} where it has none.",
        "forgetful: it returns nothing; end it with return.",
        "huge: it draws values that are no finite numbers in float32.",
        "nothing: it returns None: return an object with fit and predict.",
        "scalar: it draws () where (5,) is asked for.",
        "wordy: its n_features returns 'many': return a whole number from 1.",
    ]
