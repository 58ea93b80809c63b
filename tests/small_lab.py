"""A lab as `fairtrial lab` leaves it, of small studies that are trained in seconds."""

import json
from pathlib import Path

import fairtrial as ft
from fairtrial.lab.statements import judge_statements, read_statements

HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(2)>",
    "\"quoted\" & 'single' &amp;",
    "</script></title></style>",
    "{{ 7*7 }}${7*7}",
    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 2,
)
LOSSES = ("MSE", "MAE", "Huber", "Hybrid")
SETTINGS = ("learning rate 0.001", "patience scheduling", "noise on the weights")
OPTIMIZERS = ("Adam", "SGD", "RMSProp")
N_STEPS, N_EPOCHS = 400, 3

LINE = """
name = {name}
seeds = {seeds}
task = {{ kind = "line", rows = 200, test_rows = 100, noise = {{ kind = "laplace" }} }}

[recipe]
loss = "mse"
optimizer = {{ kind = "sgd", learning_rate = 0.05 }}
schedule = {{ kind = "halve_on_plateau", patience = 20 }}
init = {{ kind = "constant", value = 0.5 }}
steps = 400

[[arms]]
name = "learning rate 0.001"
set = {{ "optimizer.learning_rate" = 0.001, schedule = "constant" }}
vary = {{ loss = ["mse", "mae", "huber", "hybrid"] }}

[[arms]]
name = "patience scheduling"
vary = {{ loss = ["mse", "mae", "huber", "hybrid"] }}

[[arms]]
name = "noise on the weights"
set = {{ "noise.weights" = {{ every = 100, scale = 0.05 }} }}
vary = {{ loss = ["mse", "mae", "huber", "hybrid"] }}

[[arms]]
name = "too fast"
set = {{ "optimizer.learning_rate" = 3.0, schedule = "constant" }}
"""
LINE_CLAIM = """
[[claims]]
say = {say}
better = {{ loss = "mse" }}
than = {{ loss = "mae" }}
where = {{ arm = "learning rate 0.001" }}
on = "parameter_error"
margin = 0.01
"""
LINE_CLAIMS = """
[[claims]]
say = "2. Patience gets closer than the low rate"
better = { arm = "patience scheduling" }
than = { arm = "learning rate 0.001" }
on = "parameter_error"
margin = 0.01

[[claims]]
say = "3. Noise on the weights gets closer"
better = { arm = "noise on the weights" }
than = { arm = "patience scheduling" }
on = "parameter_error"
"""
FASHION = """
name = "Softmax"
seeds = {seeds}
task = "digits"

[recipe]
loss = "cross_entropy"
optimizer = {{ kind = "adam", learning_rate = 0.01 }}
init = {{ kind = "normal", scale = 0.01, bias_scale = 0.0 }}
epochs = 3
batch_size = 128
validation = 0.2

[[arms]]
name = "Table 3"
vary = {{ "optimizer.kind" = ["adam", "sgd", "rmsprop"] }}

[[baselines]]
name = "SVM"
model = "svm"

[[claims]]
say = "12. At 10 epochs Adam beats SGD"
better = {{ optimizer = "adam" }}
than = {{ optimizer = "sgd" }}
where = {{ arm = "Table 3" }}
on = "accuracy"
margin = 0.002
"""


def make_studies(n_seeds: int, hostile: bool = False) -> dict[str, ft.Study]:
    """The two studies; hostile ones have names and claims that mean harm."""
    says = HOSTILE if hostile else ("1. MSE gets closer than MAE",)
    name = HOSTILE[0] if hostile else "A line"
    line = LINE.format(name=json.dumps(name), seeds=n_seeds)
    if hostile:
        line = line.replace('"patience scheduling"', json.dumps(HOSTILE[1]))
        line += "".join(LINE_CLAIM.format(say=json.dumps(f"1. {say}")) for say in says)
    else:
        line += LINE_CLAIM.format(say=json.dumps(says[0])) + LINE_CLAIMS
    texts = {"line": line, "fashion": FASHION.format(seeds=n_seeds)}
    return {name: ft.Study.from_toml(text) for name, text in texts.items()}


def make_lab(
    folder: Path, n_seeds: int, fallback: str | None = None, hostile: bool = False
) -> Path:
    """Train and judge the studies, and leave the other files of a lab beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    studies = make_studies(n_seeds, hostile)
    verdicts = {
        name: ft.run(study, folder / name).list_verdicts() for name, study in studies.items()
    }
    check = {"verdict": "holds", "note": "4 runs, the same to the last bit."}
    conclusions = judge_statements(verdicts, {"repeats": check}, name_claims(verdicts))
    (folder / "conclusions.json").write_text(json.dumps(conclusions))
    data = {"name": "digits", "source": "shipped", "fingerprint": "ab12", "fallback": fallback}
    environment = ft.Trial(folder / "line").environment | {"data": data, "seconds": 3.2}
    (folder / "environment.json").write_text(json.dumps(environment))
    entries = [("slope", "2.9519", True), ("loss@100", "1.3", False), ("stopped_at", "400", True)]
    replay = [
        {"label": "Table 1, MSE", "quantity": q, "reported": v, "replayed": v, "match": match}
        for q, v, match in entries
    ]
    (folder / "replay.json").write_text(json.dumps(replay))
    return folder


def name_claims(verdicts):
    """Return the statements with the claims of some verdicts, whose texts begin with a number."""
    says = [row["say"] for rows in verdicts.values() for row in rows]
    return [
        one.model_copy(
            update={"claims": [say for say in says if say.startswith(f"{one.number}. ")]}
        )
        for one in read_statements()
    ]


def answer_line(folder: Path, n_seeds: int) -> None:
    """Train and judge the first study alone."""
    ft.run(make_studies(n_seeds)["line"], folder)
