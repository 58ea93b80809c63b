"""The words of settings: dotted names, values as text, and hints, from small examples."""

from pydantic import create_model

from fairtrial.settings.base import Length, is_length
from fairtrial.settings.characters import find_look, show_controls
from fairtrial.settings.complaints import name_place, show, write_setting
from fairtrial.settings.hints import find_elsewhere, hint_value
from fairtrial.settings.names import flatten, list_names, suggest


def test_flatten_leaves_out_what_is_absent():
    nested = {"loss": {"kind": "huber", "delta": 1.0}, "steps": 9, "epochs": None}
    assert flatten(nested) == {"loss.kind": "huber", "loss.delta": 1.0, "steps": 9}


def test_list_names_has_tables_before_their_settings():
    clip = create_model("Clip", most=(float, 1.0))
    rule = create_model("Rule", rate=(float, 0.1), clip=(clip, clip()))
    assert list_names([rule], "x.") == {"x.rate": None, "x.clip": False, "x.clip.most": None}


def test_suggest_names_the_nearest():
    assert suggest("scal", ["kind", "scale"]) == "; did you mean 'scale'? (known: kind, scale)"


def test_values_are_written_as_in_toml():
    place = ("arms", 1, "set", "optimizer.learning_rate")
    assert name_place(place) == 'arms[1].set."optimizer.learning_rate"'
    table = {"kind": "adam", "restore": [True, 1.5]}
    assert show(table) == "{ kind = 'adam', restore = [true, 1.5] }"
    assert write_setting("optimizer.learning_rate", 0.1) == "learning_rate=0.1"


def test_what_cannot_be_seen_is_left_out_or_written_as_an_escape():
    assert find_look(" e\u0301\u200b") == find_look("\u00e9")
    assert show_controls("a\x1b[2Jb") == r"a\x1b[2Jb"


def test_hints_say_what_to_write():
    assert hint_value("float_type", "0.1", "learning_rate") == "; write it without quotes: 0.1"
    names = {"schedule.patience": None, "stopping.patience": None}
    found = find_elsewhere("patience", names)
    assert found == "'schedule.patience' or 'stopping.patience'"


def test_length_is_marked():
    assert is_length(Length) and not is_length(float)
