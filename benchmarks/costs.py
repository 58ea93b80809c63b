"""Time stacks of every sort of work beside what `fairtrial.running.plan` expects.

The two differ by one factor, that of the machine, where the weights of progress are right. Run it
on a machine that does nothing else; it needs Fashion-MNIST and takes about ten minutes:
python benchmarks/costs.py
"""

import os
import tempfile
import time

from fairtrial.loading import load_tensorflow
from fairtrial.running.plan import plan_stacks
from fairtrial.study import Study

LINE = """
name = "line"
seeds = 10
task = "line"
recipe = { loss = "mse", optimizer = { kind = "sgd", learning_rate = 1e-6 }, steps = 2000 }
vary = { loss = ["mse", "mae", "huber", "hybrid"] }
"""
BATCHES = """
name = "batches"
seeds = 8
task = "line"
[recipe]
loss = "mse"
optimizer = { kind = "sgd", learning_rate = 1e-6 }
epochs = 50
batch_size = BATCH
[vary]
loss = ["mse", "mae", "huber", "hybrid"]
"""
SOFTMAX = """
name = "softmax"
seeds = 1
task = "fashion_mnist"
recipe = { loss = "cross_entropy", optimizer = "adam", epochs = 5, batch_size = BATCH }
vary = { "optimizer.kind" = ["adam", "sgd", "rmsprop"] }
"""
FEATURES = """
name = "features"
seeds = 1
task = "fashion_mnist"
[recipe]
loss = "cross_entropy"
optimizer = "adam"
epochs = 2
batch_size = 256
features = MAP
"""
BASELINE = """
name = "baseline"
seeds = 1
task = "fashion_mnist"
recipe = { loss = "cross_entropy", optimizer = "adam", epochs = 1, batch_size = 128 }
baselines = [{ name = "it", model = "MODEL" }]
"""
STUDIES = {
    "line": LINE,
    "line, batch 32": BATCHES.replace("BATCH", "32"),
    "line, batch 1000": BATCHES.replace("BATCH", "1000"),
    "softmax, batch 128": SOFTMAX.replace("BATCH", "128"),
    "softmax, batch 32": SOFTMAX.replace("BATCH", "32"),
    "fourier": FEATURES.replace("MAP", '{ kind = "fourier", directions = 2000 }'),
    "hog": FEATURES.replace("MAP", '{ kind = "hog" }'),
    "patches": FEATURES.replace(
        "MAP", '{ kind = "patches", sizes = [3], patches = 200, first = { channels = 32 } }'
    ),
    **{
        model: BASELINE.replace("MODEL", model)
        for model in ("random_forest", "svm", "nearest_neighbours", "linear_model", "linear_svm")
    },
}


def main() -> None:
    """Print a line for each sort of work: measured seconds, expected seconds, their ratio."""
    load_tensorflow(own_process=True)
    from fairtrial.running.stack import train_parts

    print(f"{'work':<22}{'measured':>10}{'expected':>10}{'ratio':>8}")
    for name, text in STUDIES.items():
        (plan, *_) = [
            plan
            for plan in plan_stacks(Study.from_toml(text).list_runs())
            if plan.is_baseline == ("baselines" in text)
        ]
        began = time.perf_counter()
        train_parts(plan)
        seconds = time.perf_counter() - began
        print(f"{name:<22}{seconds:>10.1f}{plan.seconds:>10.1f}{seconds / plan.seconds:>8.2f}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as cache:
        os.environ["FAIRTRIAL_CACHE"] = cache  # Features of earlier calls would cost nothing.
        main()
