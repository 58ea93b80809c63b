"""Feature maps in study files: bare names, selectors, and what a task cannot have."""

import pytest
from pydantic import TypeAdapter

from fairtrial.errors import InputError
from fairtrial.study import Study
from fairtrial.study.claims import Claim, match_arms
from fairtrial.study.features import (
    UNMAPPED,
    Features,
    HogFeatures,
    PatchFeatures,
)

BATCHES = """
[recipe]
loss = "cross_entropy"
optimizer = "adam"
epochs = 2
batch_size = 32
"""
IMAGES = f'name = "Digits"\ntask = "digits"\n{BATCHES}'
FASHION = IMAGES.replace('"digits"', '"fashion_mnist"')
OWN = IMAGES.replace('"digits"', '{ kind = "images", path = "mine.npz" }')
LINE = """
name = "Line"
task = "line"
[recipe]
loss = "mse"
optimizer = "sgd"
steps = 9
"""
TABLE = f"""
name = "Table"
task = {{ kind = "table", path = "a.csv", target = "y", problem = "classification" }}
{BATCHES}
"""


def test_a_bare_name_is_a_kind():
    adapter = TypeAdapter(Features)
    assert adapter.validate_python("hog") == HogFeatures(kind="hog")
    assert adapter.validate_python("pixels") == UNMAPPED
    (arm,) = Study.from_toml(IMAGES).list_arms()
    assert arm.recipe.features == UNMAPPED
    assert arm.settings["features.kind"] == "pixels"


def test_they_vary_and_are_selected():
    study = Study.from_toml(
        IMAGES
        + """
        [vary]
        features = ["pixels", "fourier", { kind = "patches", sizes = [3, 4], grid = 2 }]
        "optimizer.learning_rate" = [0.001, 0.01]
        [[arms]]
        name = "Layers"
        set.features = { kind = "patches", sizes = [3], grid = 2, first = { grid = 6 } }
        """
    )
    arms = study.list_arms()
    assert len(arms) == 7
    assert arms[4].name == "patches sizes=[3, 4] grid=2, optimizer.learning_rate=0.001"
    assert arms[4].recipe.features == PatchFeatures(kind="patches", sizes=[3, 4], grid=2)
    claim = Claim(
        say="-", better={"features": "patches"}, than={"features": "pixels"}, on="accuracy"
    )
    pairs = match_arms(arms, claim)
    assert [(one.name[:7], other.name[:6]) for one, other in pairs] == [
        ("patches", "pixels"),
        ("patches", "pixels"),
        ("Layers", "pixels"),
    ]


@pytest.mark.parametrize(
    ("base", "features", "expected"),
    [
        (LINE, '"hog"', "recipe.features = 'hog' is made of images, and line has none: use"),
        (TABLE, '"patches"', "recipe.features = 'patches' is made of images, and a classification"),
        (LINE, "{ kind = 'pixels', standardise = true }", "are of one size already: leave it out."),
        (IMAGES, "'hogs'", "recipe.features = 'hogs' is not a known kind; did you mean 'hog'?"),
        (IMAGES, "{ kind = 'hog', cel = 2 }", "features.cel is not a known name; did you mean"),
        (IMAGES, "{ kind = 'hog', cell = 5 }", "block = 2 cells of 5 x 5 pixels do not fit in"),
        (IMAGES, "{ kind = 'hog', cell = 9 }", "images of digits, 8 x 8: take smaller cells."),
        (IMAGES, "{ kind = 'hog', block = 3 }", "take smaller cells, or blocks of 2 at most."),
        (IMAGES, "{ kind = 'patches', sizes = [9] }", "but the images of digits are 8 x 8: at"),
        (IMAGES, '"patches"', "patches of 6 x 6 have 3 x 3 places in the images of digits"),
        (IMAGES, "{ kind = 'patches', sizes = [3], first = {} }", "first.grid = 14, but patches"),
        (IMAGES, "{ kind = 'patches', first = { grid = 4 } }", "but the first layer's maps are 4"),
        (FASHION, "{ kind = 'patches', first = { siz = 4 } }", "features.first.siz is not a"),
        (IMAGES, "{ kind = 'patches', sizes = [] }", "features.sizes = []: it must have at least"),
        (IMAGES, "{ kind = 'patches', sizes = [1] }", "must be greater than or equal to 2"),
        (FASHION, "{ kind = 'patches', dictionary = 'k' }", "dictionary = 'k': it must be 'kmeans"),
        (IMAGES, "{ kind = 'fourier', bandwidth = 0.0 }", "bandwidth = 0.0: it must be greater"),
        (FASHION, "{ kind = 'patches', patches = 9999 }", "makes 319,968 features: at most 200"),
        (LINE, "{ kind = 'fourier', gamma = 0.5 }", "gamma = 0.5 is for images, whose pixels lie"),
        (TABLE, "{ kind = 'fourier', gamma = 0.5 }", "table has none: leave it out."),
        (LINE, "{ kind = 'fourier', directions = 200001 }", "makes 200,001 features: at most 200"),
    ],
)  # fmt: skip
def test_what_cannot_be(base, features, expected):
    with pytest.raises(InputError) as caught:
        Study.from_toml(f"{base}features = {features}\n")
    assert expected in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_the_line_of_a_setting_is_told():
    text = f"{IMAGES}[recipe.features]\nkind = 'patches'\nsizes = [3]\ngrid = 7\n"
    with pytest.raises(InputError, match=r"study, line 12: recipe\.features\.grid = 7, but"):
        Study.from_toml(text)


@pytest.mark.parametrize(
    ("base", "features"),
    [
        (LINE, '"fourier"'),
        (TABLE, '"fourier"'),
        (FASHION, '"patches"'),
        (FASHION, "{ kind = 'patches', sizes = [3], first = {} }"),
        (FASHION, '"hog"'),
        (IMAGES, '"hog"'),
        (IMAGES, "{ kind = 'patches', sizes = [6], grid = 3 }"),
        (IMAGES, "{ kind = 'patches', sizes = [3], grid = 2, first = { grid = 8 } }"),
        (IMAGES, "{ kind = 'pixels', standardise = true }"),
        (OWN, '"hog"'),
        (OWN, '"patches"'),
        (OWN, "{ kind = 'pixels', standardise = true }"),
        (OWN, "{ kind = 'fourier', gamma = 0.5 }"),
    ],
)
def test_what_can_be(base, features):
    assert Study.from_toml(f"{base}features = {features}\n").list_arms()


def test_counts():
    """28 / 4 = 7 cells a side make 6 blocks; patches answer with both signs."""
    assert HogFeatures(kind="hog").count_features(784) == 6**2 * 2**2 * 9
    assert PatchFeatures(kind="patches").count_features(784) == 2 * 400 * 4**2
    assert UNMAPPED.count_features(784) == 784
