"""The schema accepts what the loader accepts, and refuses what a schema can see is wrong."""

import json
import re
import tomllib
from pathlib import Path

import jsonschema
import pytest

from fairtrial.study import Study
from fairtrial.study.schema import make_schema

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
STUDIES = [
    *(ROOT / "src" / "fairtrial" / "lab" / "studies").glob("*.toml"),
    *(ROOT / "benchmarks").glob("*.toml"),
    *(ROOT / "src" / "fairtrial" / "study").glob("starter.toml"),
]
TEXTS = {
    path.name: text
    for path in STUDIES
    if "[recipe]" in (text := path.read_text(encoding="utf-8"))
}  # fmt: skip
TOML = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
TEXTS["README.md"] = TOML[0]
VALIDATOR = jsonschema.Draft202012Validator(make_schema())
GOOD = tomllib.loads(TEXTS["starter.toml"])


def test_it_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(make_schema())


def test_what_is_shipped_is_here():
    assert {"line.toml", "fashion.toml", "starter.toml"} < set(TEXTS)


@pytest.mark.parametrize("name", TEXTS)
def test_good_studies_are_accepted(name):
    assert Study.from_toml(TEXTS[name]).list_arms()
    VALIDATOR.validate(tomllib.loads(TEXTS[name]))


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("name", ""),
        ("nam", "x"),
        ("seeds", 0),
        ("seeds", []),
        ("seeds", [1, 1]),
        ("seeds", ""),
        ("seeds", {"name": "Ada", "count": 0}),
        ("seeds", {"name": "Ada", "cuont": 3}),
        ("seeds", {"count": 3}),
        ("task", "lines"),
        ("task", {"slope": 1.0}),
        ("task", {"kind": "line", "rows": 1}),
        ("task", {"kind": "line", "slope": 1e31}),
        ("task", {"kind": "line", "noise": "laplac"}),
        ("task", {"kind": "line", "noise": {"scale": 1.0}}),
        ("task", {"kind": "digits", "rows": 5}),
        ("recipe", {"loss": "mse", "optimizer": "sgd"}),
        ("recipe", {"loss": "mse", "optimizer": "sgd", "steps": 5, "epochs": 1, "batch_size": 9}),
        ("recipe", {"loss": "mse", "optimizer": "sgd", "epochs": 1}),
        ("recipe", {"loss": "mse", "optimizer": "sgd", "steps": 5.5}),
        ("recipe", {"loss": {"kind": "huber", "delta": 0}, "optimizer": "sgd", "steps": 5}),
        ("recipe", {"loss": {"kind": "huber", "delta": 1e-40}, "optimizer": "sgd", "steps": 5}),
        ("recipe", {"loss": {"kind": "mse", "delta": 1.0}, "optimizer": "sgd", "steps": 5}),
        ("recipe", {"loss": "mse", "optimizer": "sgd", "steps": 5, "validation": 1.0}),
        ("recipe", {"loss": "mse", "optimizer": "sgd", "steps": 5, "stopping": None}),
        ("recipe", {"loss": {"kind": "huber", "delta": {}}, "optimizer": "sgd", "steps": 5}),
        (
            "recipe",
            {"loss": {"kind": "huber", "delta": {"times_mad": 0}}, "optimizer": "sgd", "steps": 5},
        ),
        (
            "recipe",
            {"loss": {"kind": "quantile", "tau": {"times_mad": 1}}, "optimizer": "sgd", "steps": 5},
        ),
        ("recipe", {"loss": "mse", "optimizer": "sgd", "steps": 5, "class_weights": "even"}),
        ("recipe", {"loss": "mse", "optimizer": "sgd", "steps": 5, "class_weights": [1.0]}),
        ("recipe", {"loss": "mse", "optimizer": "sgd", "steps": "none"}),
        ("recipe", {"loss": "mse", "optimizer": "sgd", "steps": 5, "clip": "off"}),
        ("recipe", {"loss": "mse", "optimizer": "sgd", "steps": 5, "penalty": {"l1_share": 2.0}}),
        ("task", {"kind": "digits", "label_noise": {"kind": "symmetric", "share": 1.5}}),
        ("task", {"kind": "digits", "input_noise": "blur"}),
        ("vary", {"loss": []}),
        ("vary", {"los": ["mse"]}),
        ("vary", {"loss": "mse"}),
        ("arms", [{"set": {"steps": 5}}]),
        ("arms", [{"name": "a", "set": {"step": 5}}]),
        ("claims", [{"say": "x", "better": {"loss": "mae"}, "than": {}, "on": "mse"}]),
        ("claims", [{**GOOD["claims"][0], "margin": -1}]),
        ("claims", [{**GOOD["claims"][0], "on": "late_fluctuatio"}]),
        ("claims", [{**GOOD["claims"][0], "over": "examples"}]),
        ("claims", [{**GOOD["claims"][0], "better": {"los": "mae"}}]),
    ],
)
def test_broken_studies_are_refused(part, value):
    assert not VALIDATOR.is_valid(GOOD | {part: value})


@pytest.mark.parametrize("part", ["name", "task", "recipe"])
def test_what_is_missing_is_refused(part):
    assert not VALIDATOR.is_valid({key: GOOD[key] for key in GOOD if key != part})


def test_every_model_is_described():
    schema = make_schema()
    assert not [name for name, model in schema["$defs"].items() if not model.get("description")]
    assert "Examples" not in json.dumps(schema)


@pytest.mark.parametrize(
    ("task", "recipe"),
    [
        ("line", {"loss": {"kind": "huber", "delta": {"times_mad": 1.345}}, "standardise": True}),
        ("line", {"loss": {"kind": "barron", "shape": -1e30, "scale": {"times_mad": 2.0}}}),
        ("line", {"loss": "mse", "penalty": {"elastic_net": 0.1, "proximal": True}}),
        ({"kind": "line", "input_noise": "leverage"}, {"loss": {"kind": "quantile", "tau": 0.1}}),
        ({"kind": "digits", "label_noise": "pairwise"}, {"loss": "cross_entropy"}),
        ("digits", {"loss": "hinge", "class_weights": "balanced"}),
        ("digits", {"loss": "hinge", "class_weights": "none", "stopping": "none"}),
        ("line", {"loss": "mse", "clip": "none", "validation": "none"}),
        ("line", {"loss": "mse", "noise": {"data": "none", "weights": {"every": 2}}}),
        ("digits", {"loss": "hinge", "class_weights": [1.0, 2.0]}),
    ],
)
def test_choices_are_accepted(task, recipe):
    on_classes = "digits" in str(task)
    length = {"epochs": 1, "batch_size": 9} if on_classes else {"steps": 5}
    study = {"name": "x", "seeds": 1, "task": task}
    study["recipe"] = {"optimizer": "sgd"} | length | recipe
    VALIDATOR.validate(study)
    assert Study(**study).list_arms()
