"""Draw the pictures of plots.md, from two small studies: python docs/make_plots.py."""

import io
import tempfile
from pathlib import Path

import vl_convert
from PIL import Image

import fairtrial as ft

LINE = """
name = "Two losses on a line"
seeds = 12
task = { kind = "line", rows = 200, noise = { kind = "student_t", degrees_of_freedom = 2.0 } }
[recipe]
loss = "mse"
optimizer = { kind = "sgd", learning_rate = 0.05 }
init = { kind = "normal" }
steps = 300
[[arms]]
name = "constant"
vary = { loss = ["mse", "huber"], "optimizer.learning_rate" = [0.01, 0.05] }
[[arms]]
name = "halved"
set = { schedule = { kind = "halve_on_plateau", patience = 20 } }
vary = { loss = ["mse", "huber"], "optimizer.learning_rate" = [0.01, 0.05] }
[[arms]]
name = "too fast"
set = { "optimizer.learning_rate" = 3.0 }
[[claims]]
say = "Huber beats MSE under heavy tails"
better = { loss = "huber" }
than = { loss = "mse" }
on = "parameter_error"
margin = 0.01
"""
IMAGES = """
name = "Two optimizers on digits"
seeds = 5
task = "digits"
[recipe]
loss = "cross_entropy"
optimizer = { kind = "adam", learning_rate = 0.01 }
init = { kind = "normal", scale = 0.01, bias_scale = 0.0 }
epochs = 15
batch_size = 128
validation = 0.2
[vary]
"optimizer.kind" = ["adam", "sgd"]
[[baselines]]
name = "nearest neighbours"
model = "nearest_neighbours"
[[baselines]]
name = "Random Forest"
model = "random_forest"
"""
OF_IMAGES = (
    "accuracy_against_time", "train_and_validation", "targets", "samples", "predictions",
    "mistakes", "weights", "confusion",
)  # fmt: skip
COLOURS = 256
"""Of a picture's palette: few make small files."""


def main() -> None:
    """Run the studies, and draw each function of `fairtrial.plots` once."""
    place = Path(__file__).parent / "plots"
    place.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        line, images = (
            ft.run(ft.Study.from_toml(text), Path(folder) / name)
            for name, text in (("line", LINE), ("images", IMAGES))
        )
        for name in ft.plots.__all__:
            chart = getattr((images if name in OF_IMAGES else line).plot, name)()
            drawing = chart.to_dict() | {"background": "white", "padding": 8}
            picture = Image.open(io.BytesIO(vl_convert.vegalite_to_png(drawing, scale=1.5)))
            picture = picture.convert("RGB").quantize(COLOURS)
            picture.save(place / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
