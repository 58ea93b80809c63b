"""A kind from its function: settings, words and numbers, facts, rules, messages."""

import pickle
from typing import Literal

import pytest

import fairtrial as ft
from fairtrial.kinds.losses import LOSSES
from fairtrial.kinds.optimizers import OPTIMIZERS
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
