"""A kind from its function: settings, words and numbers, facts, rules, messages."""

import inspect
import pickle
import re
from typing import Literal

import numpy as np
import pytest

import fairtrial as ft
from fairtrial import tf
from fairtrial.kinds.losses.numbers import LOSSES, average_losses
from fairtrial.kinds.mechanism.kind import FAMILIES
from fairtrial.kinds.mechanism.registry import check_types
from fairtrial.kinds.optimizers.common import OPTIMIZERS
from fairtrial.laws import find_breaches
from fairtrial.study.recipe import Recipe
from fairtrial.training.hyperparameters import list_kinds, make_numbers


@pytest.fixture
def tilted():
    @ft.loss(
        slope_bound=lambda tau: max(tau, 1.0 - tau),
        rule=lambda tau, shift: f"tau ({tau:g}) goes with a shift" if tau > shift else "",
    )
    def tilted(
        residual, *, tau: float = 0.5, shift: float = 1.0, side: Literal["up", "down"] = "up"
    ):
        """A tilted absolute value, in target units.

        Parameters
        ----------
        tau : float
            The quantile.
        """
        return abs(residual)

    yield tilted
    LOSSES.forget(__name__)


# Where Python finds the kinds of each family; None for `fairtrial` itself.
PLACES = {
    "average": "averages", "input_noise": "corruptions", "label_noise": "corruptions",
    "task": "tasks", "baseline": None, "loss": "losses", "metric": "metrics", "features": None,
    "init": "inits", "data_noise": "injections", "weight_noise": "injections",
    "rate_noise": "injections", "noise": "noises", "optimizer": "optimizers",
    "schedule": "schedules",
}  # fmt: skip


def test_every_kind_is_found_from_python():
    for name, family in FAMILIES.items():
        place = getattr(ft, PLACES[name]) if PLACES[name] else ft
        for kind in family:
            if kind.function.__module__.startswith("fairtrial.") and kind.name != "python_object":
                assert getattr(place, kind.name) is kind
    with pytest.raises(AttributeError, match="there is no loss of the name 'tukeys'"):
        ft.losses.tukeys  # noqa: B018


@pytest.mark.parametrize("name", ["losses", "metrics", "inits", "optimizers", "schedules"])
def test_editors_know_the_kinds_in_other_modules(name):
    place = getattr(ft, name)
    known = re.findall(r"^ +(?:from .* import )?(\w+) as \1,?$", inspect.getsource(place), re.M)
    (family,) = (one for key, one in FAMILIES.items() if PLACES[key] == name)
    kinds = [one for one in family if one.function.__module__.startswith("fairtrial.")]
    elsewhere = {one.name for one in kinds if one.function.__module__ != place.__name__}
    assert {*known} == elsewhere


def test_facts_in_our_own_decorators_have_the_types_of_their_families():
    for kind in (kind for family in FAMILIES.values() for kind in family):
        facts = {name: one for name, one in kind.list_facts().items() if name != "function"}
        check_types(type(kind), kind.function, facts)


def test_settings_are_those_of_the_signature(tilted):
    made = tilted(tau=0.25)
    assert made.model_dump() == {"kind": "tilted", "tau": 0.25, "shift": 1.0, "side": "up"}
    assert (tilted.numbers, tilted.words) == (("tau", "shift"), ("side",))
    assert tilted.settings.__doc__ == "A tilted absolute value, in target units."
    assert tilted.settings.model_fields["tau"].description == "The quantile."
    assert made.slope_bound == 0.75
    assert pickle.loads(pickle.dumps(made)) == made


def test_kind_is_its_function_where_it_is_given_data(tilted):
    assert tilted(-2.0) == 2.0


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"tau": "a"}, "tau = 'a': it must be a valid number"),
        ({"tau": 1e40}, "must be 1e-30 to 1e30 in size"),
        ({"side": "left"}, "side = 'left'"),
        ({"tua": 1.0}, "did you mean 'tau'"),
        ({"tau": 2.0}, r"tau \(2\) goes with a shift"),
    ],
)
def test_wrong_settings_give_a_sentence(tilted, settings, sentence):
    with pytest.raises(ft.InputError, match=sentence):
        tilted(**settings)


def test_kind_may_stand_in_a_recipe_as_name_table_settings_or_itself(tilted):
    forms = ["tilted", {"kind": "tilted"}, tilted(), tilted]
    made = [Recipe(loss=form, optimizer=ft.sgd(), steps=3) for form in forms]
    assert len({*made}) == 1


def test_words_are_part_of_the_program_and_numbers_are_not(tilted):
    def kinds_of(**settings):
        return list_kinds([Recipe(loss=tilted(**settings), optimizer="sgd", steps=3)])

    assert kinds_of(tau=0.1) == kinds_of(tau=0.9)
    assert kinds_of(side="up") != kinds_of(side="down")


@pytest.fixture
def capped():
    @ft.loss(is_convex=lambda most: most is None)
    def capped(residual, *, most: float | None = None):
        """A squared error up to `most`, in target units; without a limit if absent."""
        square = residual * residual
        return square if most is None else tf.minimum(square, most * most)

    yield capped
    LOSSES.forget(__name__)


def test_absent_number_is_part_of_the_program_and_arrives_as_none(capped):
    residuals = np.array([[[0.5, -3.0], [0.5, -3.0], [0.5, -3.0]]], np.float32)
    recipes = [Recipe(loss=capped(most=most), optimizer="sgd", steps=3) for most in (None, 1, 2)]
    kinds, numbers = list_kinds(recipes), make_numbers(recipes, (1, 3))
    assert len(kinds.losses) == 2  # One without the number, one for all of its values.
    found = average_losses(kinds.losses, tf.constant(residuals), numbers)
    assert np.allclose(found, [[(0.25 + most) / 2 for most in (9.0, 1.0, 4.0)]])
    assert find_breaches(capped) == []


def test_absent_number_in_eager_and_compiled_runs(capped, tmp_path):
    study = ft.Study(
        name="Caps", seeds=1, task={"kind": "line", "rows": 50, "test_rows": 50},
        recipe={"loss": "capped", "optimizer": {"kind": "sgd", "learning_rate": 0.1}, "steps": 5},
        arms=[{"name": "none"}, {"name": "far", "set": {"loss.most": 1e9}},
              {"name": "mse", "set": {"loss": "mse"}}],
    )  # fmt: skip
    runs = ft.run(study, tmp_path / "out", verify=1).runs
    values = dict(zip(runs["arm"], runs["parameter_error"], strict=True))
    assert np.allclose([values["none"], values["far"]], values["mse"], rtol=1e-5)


def test_program_contains_only_the_kinds_in_use():
    recipe = Recipe(loss="mae", optimizer="sgd", steps=3)
    kinds, numbers = list_kinds([recipe]), make_numbers([recipe], ())
    assert [one.kind.name for one in kinds.losses] == ["mae"]
    assert (kinds.schedules, kinds.stalls, kinds.injections) == ((), (), ())
    assert not [name for name in numbers if "adam" in name or "huber" in name]


def test_later_version_of_a_function_replaces_it():
    def define(default):
        @ft.optimizer(learning_rate=default)
        def walk(gradient, parameter, slots, rate, count):
            """A step down."""
            return -rate * gradient, {}

        return walk

    try:
        define(0.1)
        assert define(0.2)().learning_rate == 0.2
        assert OPTIMIZERS.validate("walk").learning_rate == 0.2
    finally:
        OPTIMIZERS.forget(__name__)
