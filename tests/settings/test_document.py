"""The line of every value, counted by eye, and for documents of any shape."""

import tomllib

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from fairtrial.errors import InputError
from fairtrial.settings.document import Document, find_lines, parse_toml

# Each value is the line that it, or its key, stands on; the file's first line is 1.
COUNTED = """one = 1
a.b."c.d" = 2
'quo"ted' . x = 3
[ table ] # with a comment
key = 5
inline = { p = 6, q = { r = 6, s.t = 6 } }
lists = [ # of lists

  9, [
    10,
  ],
  { deep = 12 },
]
text = \"\"\"14
15\"\"\"
"caf\\u00e9" = 16
[table."sub.table".x]
y = 18
[[arms]]
name = 20
set."optimizer.rate" = 21

[arms.more]
z = 24
[[arms.inner]]
w = 26
[[arms.inner]]
w = 28
[[arms]]
[[arms.inner]]
w = 31
[after]
é = 0
"""


def list_counted(value, place=()):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from list_counted(inner, (*place, key))
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from list_counted(inner, (*place, position))
    else:
        yield place, value


def test_lines_counted_by_eye():
    text = COUNTED.replace("é = 0", '"é" = 33')
    lines = find_lines(text)
    for place, value in list_counted(tomllib.loads(text)):
        expected = 14 if place == ("table", "text") else value
        assert lines[place] == expected, place
    assert lines[()] == 1
    assert lines["a",] == lines["a", "b"] == 2
    assert lines["table",] == 4
    assert lines["table", "lists"] == 7
    assert lines["table", "lists", 1] == 9
    assert lines["table", "sub.table"] == 17
    assert [lines["arms", number] for number in (0, 1)] == [19, 29]
    assert lines["arms", 1, "inner", 0] == 30


def test_a_missing_place_has_the_line_of_its_parent():
    document = Document("x", {}, COUNTED)
    assert document.find_line(("table", "lists", 7, "x")) == 7
    assert document.find_line(("arms", 1, "name")) == 29
    assert document.find_line(("nothing", "here")) == 1
    assert Document("x", {}).find_line(("nothing",)) is None


keys = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
values = st.recursive(
    st.integers(-9, 9) | st.booleans() | st.text(max_size=5) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.dictionaries(keys, values, max_size=4))
def test_every_value_of_any_document_has_a_line_with_its_text(value):
    text = tomli_w.dumps(value)
    rows = text.split("\n")
    lines = find_lines(text)
    for place, leaf in list_counted(tomllib.loads(text)):
        row = rows[lines[place] - 1]
        assert tomli_w.dumps({"x": leaf})[4:].strip() in row
        if isinstance(place[-1], str):
            assert tomli_w.dumps({place[-1]: 0}).split(" = ")[0] in row


@pytest.mark.parametrize(("levels", "good"), [(39, True), (41, False)])
def test_levels(levels, good):
    text = "a = " + "[" * levels + "]" * levels
    if good:
        assert parse_toml(text, "x").values["a"]
    else:
        with pytest.raises(InputError, match=r"x, line 1: this is nested too deeply: at most 40"):
            parse_toml(text, "x")
