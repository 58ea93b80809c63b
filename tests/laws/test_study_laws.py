"""Whatever a study file says, it is read or refused in words; what is read can be written."""

from contextlib import suppress
from importlib.resources import files

from hypothesis import given, settings
from hypothesis import strategies as st

from by_hand import recipe
from fairtrial.errors import InputError
from fairtrial.study import Study

SHIPPED = [(files("fairtrial.labs") / f"{name}.toml").read_text() for name in ("line", "fashion")]
RICH = """
name = "Everything"
seeds = [1, 2]
[task]
kind = "line"
noise = { kind = "contaminated", scale = 1.0, share = 0.1, factor = 5.0 }
[recipe]
loss = { kind = "huber", delta = 1.0 }
optimizer = { kind = "adam", learning_rate = 0.01, beta1 = 0.9 }
schedule = { kind = "halve_on_plateau", patience = 100, floor = 1e-6 }
stopping = { patience = 100 }
init = { kind = "normal", scale = 1.0 }
steps = 2000
noise = { weights = { every = 500, scale = 0.05 }, data = { low = 0.1 } }
[vary]
loss = ["mse", { kind = "hybrid", alpha = 0.5 }]
"optimizer.learning_rate" = [0.001, 0.01]
[[arms]]
name = "other"
set = { "task.noise" = "laplace", steps = 5 }
vary = { "stopping.patience" = [5, 6] }
"""
TEXTS = [RICH, *SHIPPED]
PIECES = [
    "{}", "[]", "[[]]", "''", '"mse"', "nan", "inf", "-1", "0", "1e400", "true", "2020-01-01",
    "99999999999999999999", "{ kind = 1 }", "{ kind = {} }", '{ kind = "mse", x = 1 }', "a.b = 1",
    "[task]", "[recipe]", "[vary]", "[[arms]]", "[[arms.set]]", "[vary.loss]", "= =", "\\", "\x00",
    '"task.noise.kind" = ["laplace"]', '"" = [1]', '"." = [1]', '"task." = [1]', '"task" = [1]',
    '"loss.kind.x" = [1]', '"optimizer.." = [{}]', 'set = { "name" = 3 }', "vary = { steps = {} }",
]  # fmt: skip


@st.composite
def mutated(draw):
    """A good file with a few lines lost, doubled, moved, or with a piece in place of a word."""
    lines = draw(st.sampled_from(TEXTS)).splitlines()
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(lines) - 1))
        match draw(st.integers(0, 5)):
            case 0 if len(lines) > 1:
                del lines[place]
            case 1:
                lines.insert(place, lines[draw(st.integers(0, len(lines) - 1))])
            case 2:
                lines.insert(place, draw(st.sampled_from(PIECES)))
            case 3:
                words = lines[place].split(" ")
                words[draw(st.integers(0, len(words) - 1))] = draw(st.sampled_from(PIECES))
                lines[place] = " ".join(words)
            case 4:
                cut = draw(st.integers(0, len(lines[place])))
                lines[place] = lines[place][:cut] + draw(st.text(max_size=3)) + lines[place][cut:]
            case _:
                cut = draw(st.integers(0, len(lines[place])))
                lines[place] = lines[place][:cut]
    return "\n".join(lines)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(mutated())
def test_any_file_is_read_or_refused_in_words(text):
    try:
        study = Study.from_toml(text, "the file")
    except InputError as error:
        assert str(error).startswith("the file, line ")
        assert "Traceback" not in str(error)
    else:
        assert Study.from_toml(study.to_toml()) == study


def test_the_fuzzed_files_are_good_to_begin_with():
    for text in TEXTS:
        assert Study.from_toml(text).list_runs()


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text())
def test_any_text(text):
    with suppress(InputError):
        Study.from_toml(text)


numbers = st.floats(1e-30, 1e30)
names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
STUDIES = st.builds(
    lambda name, seeds, slope, rate, steps, losses: Study(
        name=name,
        seeds=seeds,
        task={"kind": "line", "slope": slope},
        recipe=recipe(optimizer={"kind": "sgd", "learning_rate": rate}, steps=steps),
        vary={"loss": losses},
    ),
    names,
    st.integers(1, 9) | st.lists(st.integers(0, 2**63 - 1), min_size=1, max_size=4, unique=True),
    st.just(0.0) | numbers | numbers.map(lambda value: -value),
    numbers,
    st.integers(1, 2**31 - 1),
    st.lists(
        st.sampled_from(["mse", "mae"])
        | st.builds(lambda delta: {"kind": "huber", "delta": delta}, numbers),
        min_size=1,
        max_size=3,
        unique_by=str,
    ),
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(STUDIES)
def test_round_trip(study):
    again = Study.from_toml(study.to_toml())
    assert again == study
    assert again.list_arms() == study.list_arms()
    assert again.list_seeds() == study.list_seeds()
