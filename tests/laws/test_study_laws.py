"""Whatever a study file says, it is read or refused in words; what is read can be written."""

import re
import tomllib
from importlib.resources import files
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fairtrial.errors import InputError
from fairtrial.study import Study
from fairtrial.study.claims import match_arms
from fairtrial.study.schema import make_schema, read_starter

SHIPPED = [
    (files("fairtrial.lab") / "studies" / f"{name}.toml").read_text()
    for name in ("line", "fashion")
]
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
[[claims]]
say = "Hybrid beats MSE"
better = { loss = { kind = "hybrid", alpha = 0.5 } }
than = { loss = "mse" }
on = "parameter_error"
margin = 0.5
where = { "optimizer.learning_rate" = 0.01 }
[[claims]]
say = "Longer patience"
better = { arm = "other", "stopping.patience" = 6 }
than = { arm = "other · stopping.patience=5" }
on = "mae"
over = "seeds"
"""
TEXTS = [RICH, *SHIPPED, read_starter()]
PIECES = [
    "{}", "[]", "[[]]", "''", '"mse"', "nan", "inf", "-1", "0", "1e400", "true", "2020-01-01",
    "99999999999999999999", "{ kind = 1 }", "{ kind = {} }", '{ kind = "mse", x = 1 }', "a.b = 1",
    "[task]", "[recipe]", "[vary]", "[[arms]]", "[[arms.set]]", "[vary.loss]", "= =", "\\", "\x00",
    '"task.noise.kind" = ["laplace"]', '"" = [1]', '"." = [1]', '"task." = [1]', '"task" = [1]',
    '"loss.kind.x" = [1]', '"optimizer.." = [{}]', 'set = { "name" = 3 }', "vary = { steps = {} }",
    "[[claims]]", "[claims]", "[[claims.better]]", "better = { arm = 1 }", 'on = "loss"',
    'than = { "" = {} }', "where = { task = { noise = { kind = 'x' } } }", "over = [1]",
    "0x" + "f" * 20, "9" * 5000, "[" * 60 + "]" * 60, "[" * 3000, "a." * 60 + "b = 1", '"""', "'''",
    "\r", "\r\n", "\t", "1979-05-27T07:32:00Z", "07:32:00", "# é ∞",
    "steps = [" + "1, " * 500 + "]", "\ufeff", "\x7f",
]  # fmt: skip


# ------------------------------------------------------------------------------------ broken files


@st.composite
def mutated_lines(draw):
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
    return draw(st.sampled_from(["\n", "\n", "\r\n", "\r"])).join(lines).encode()


odd_keys = st.text(max_size=3) | st.sampled_from(
    ["kind", "name", "loss", "task", "set", "vary", "loss.delta", "task.noise", "arm", "steps", "."]
)
odd_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.dates()
    | st.datetimes()
    | st.text(max_size=5)
    | st.sampled_from(["huber", "sgd", "line", "digits", "mse", 0.5, 1e-40, 7]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(odd_keys, inner, max_size=4),
    max_leaves=6,
).filter(lambda value: value is not None)


def list_tables(value):
    """Every table and list of a document that something can be done to."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [value] * (isinstance(value, dict | list) and len(value) > 0) + [
        table for each in inner for table in list_tables(each)
    ]


def misspell(key, at, letter):
    at = at % (len(key) + 1)
    return key[:at] + letter + key[at + 1 :]


@st.composite
def mutated_values(draw):
    """A good file with some values of another type, or keys misspelt, lost or put elsewhere."""
    document = tomllib.loads(draw(st.sampled_from(TEXTS)))
    for _ in range(draw(st.integers(1, 3))):
        tables = list_tables(document)
        table = tables[draw(st.integers(0, len(tables) - 1))]
        keys = list(table) if isinstance(table, dict) else range(len(table))
        key = keys[draw(st.integers(0, len(keys) - 1))]
        match draw(st.integers(0, 3)):
            case 0:
                table[key] = draw(odd_values)
            case 1 if isinstance(table, dict):
                value = table.pop(key)
                table[misspell(key, draw(st.integers(0, 30)), draw(st.sampled_from("aez.")))] = (
                    value
                )
            case 2 if isinstance(table, dict):
                other = tables[draw(st.integers(0, len(tables) - 1))]
                if isinstance(other, dict) and not list_tables(table[key]):
                    other[key] = table[key]
            case _:
                del table[key]
    return to_toml(document).encode()


def to_toml(document):
    try:
        return tomli_w.dumps(document)
    except (TypeError, ValueError):  # None inside, or a number that Python will not write.
        return "name = 3"


@st.composite
def mutated_bytes(draw):
    """A good file with a few bytes changed, lost or put in."""
    content = draw(st.sampled_from(TEXTS)).encode()
    for _ in range(draw(st.integers(1, 3))):
        cut = draw(st.integers(0, len(content)))
        content = (
            content[:cut] + draw(st.binary(max_size=3)) + content[cut + draw(st.integers(0, 2)) :]
        )
    return draw(st.sampled_from([b"", b"", b"\xef\xbb\xbf", b"\xff\xfe"])) + content


FILES = (
    mutated_lines()
    | mutated_values()
    | mutated_bytes()
    | st.dictionaries(odd_keys, odd_values, max_size=5).map(lambda values: to_toml(values).encode())
    | st.text(max_size=40).map(str.encode)
    | st.binary(max_size=40)
)
VALIDATOR = jsonschema.Draft202012Validator(make_schema())


def take(count):
    return settings(
        max_examples=count,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )


@take(100)
@given(content=FILES)
def test_any_file_is_read_or_refused_in_words(tmp_path, content):
    check_file(tmp_path, content)


@pytest.mark.long
@take(10_000)
@given(content=FILES)
def test_ten_thousand_files_are_read_or_refused_in_words(tmp_path, content):
    check_file(tmp_path, content)


def check_file(tmp_path, content):
    path = tmp_path / "the file.toml"
    path.write_bytes(content)
    try:
        study = Study.load(path)
    except InputError as error:
        check_message(str(error), str(path), content)
    else:
        assert Study.from_toml(study.to_toml()) == study
        arms = study.list_arms()
        assert all(match_arms(arms, claim) for claim in study.claims)
        values = tomllib.loads(content.decode("utf-8-sig"))
        assert not list(VALIDATOR.iter_errors(values))


def check_message(message, path, content):
    """Each error is a line of sentences that begins with a line of the file."""
    n_lines = content.count(b"\n") + 1
    for line in message.split("\n"):
        found = re.match(re.escape(path) + r"(?:, line (\d+))?(?:, column \d+)?: .*[.?]$", line)
        assert found, line
        nested = "nested too deeply" in line  # Python's own parser does not say where.
        assert nested or 1 <= int(found[1]) <= n_lines, line
        check_suggestion(line)
    for word in ("Traceback", "pydantic", "input_value", "Error", "NoneType", "datetime."):
        assert word not in message.replace(str(path), ""), message


def check_suggestion(line):
    """The name that is suggested is not the very name that is refused."""
    found = re.search(r'([^."]+|"[^"]+") is not a known name; did you mean \'([^\']+)\'', line)
    assert not found or found[1].strip('"') != found[2], line
    found = re.search(r"(\S+) is not a known name; did you mean (claims\S+)[?]", line)
    assert not found or found[1] != found[2], line


odd_of_python = st.recursive(
    odd_values
    | st.none()
    | st.binary(max_size=3)
    | st.sampled_from([np.float64(0.1), np.int8(3), np.arange(3), np.array(["mse"]), np.nan])
    | st.sampled_from([range(3), object(), int, Path("a.csv"), 1j, {1, 2}, np.array(5), ...]),
    lambda inner: st.tuples(inner) | st.lists(inner, max_size=2),
    max_leaves=3,
)


CHANGES = st.lists(st.tuples(st.integers(0, 99), st.integers(0, 9), odd_of_python), max_size=3)


@take(100)
@given(text=st.sampled_from(TEXTS), changes=CHANGES)
def test_any_values_of_python_are_taken_or_refused_in_words(text, changes):
    check_values(text, changes)


@pytest.mark.long
@take(300)
@given(text=st.sampled_from(TEXTS), changes=CHANGES)
def test_many_values_of_python_are_taken_or_refused_in_words(text, changes):
    check_values(text, changes)


def check_values(text, changes):
    values = tomllib.loads(text)
    for at, which, value in changes:
        tables = list_tables(values)
        table = tables[at % len(tables)]
        keys = list(table) if isinstance(table, dict) else range(len(table))
        table[keys[which % len(keys)]] = value
    try:
        study = Study(**values)
    except InputError as error:
        for line in str(error).split("\n"):
            assert re.fullmatch(r"study: .*[.?]", line), line
            check_suggestion(line)
    else:
        assert Study.from_toml(study.to_toml()) == study


def test_the_fuzzed_files_are_good_to_begin_with():
    for text in TEXTS:
        assert Study.from_toml(text).list_runs()


# ------------------------------------------------------------------------------------ round trips

# Of all marks that are not seen, names may not have those that turn the direction of text.
TURNS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
names = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"], exclude_characters=TURNS),
    min_size=1, max_size=20,
).filter(str.strip)  # fmt: skip
sizes = st.floats(1e-30, 1e30)
scales = st.just(0.0) | sizes
numbers = scales | sizes.map(lambda value: -value)
shares = st.floats(0.01, 0.99)
counts = st.integers(1, 2**31 - 1)


def tables(kind, **fields):
    """The table of a kind with some of its settings, or its bare name."""
    table = st.fixed_dictionaries({"kind": st.just(kind)}, optional=fields)
    return table | st.just(kind)


task_noises = (
    tables("normal", scale=scales)
    | tables("student_t", scale=scales, degrees_of_freedom=sizes)
    | tables("contaminated", share=shares, factor=sizes)
)
line_tasks = tables("line", slope=numbers, rows=st.integers(2, 2**31 - 1), noise=task_noises)
linear_tasks = st.lists(numbers, min_size=1, max_size=3).map(
    lambda weights: {"kind": "linear", "features": len(weights), "weights": weights}
)
losses = tables("mse") | tables("huber", delta=sizes) | tables("hybrid", alpha=shares)
rates = st.floats(1e-5, 1e5)
optimizers = tables("sgd", learning_rate=rates, momentum=shares) | tables(
    "adam", learning_rate=rates, beta1=shares, epsilon=sizes
)
common = {
    "schedule": tables("constant") | tables("linear") | tables("halve_on_plateau", patience=counts),
    "init": tables("normal", scale=scales, bias_scale=scales) | tables("constant", value=numbers),
    "penalty": st.fixed_dictionaries({}, optional={"l2": scales, "l1": scales}),
    "stopping": st.fixed_dictionaries(
        {}, optional={"patience": counts, "restore_best": st.booleans()}
    ),
    "noise": st.fixed_dictionaries(
        {}, optional={"weights": st.fixed_dictionaries({}, optional={"scale": scales})}
    ),
}


def different(values, most=3):
    return st.lists(values, min_size=1, max_size=most, unique_by=str)


grids = st.fixed_dictionaries(
    {}, optional={"optimizer.learning_rate": different(rates), "init": different(common["init"])}
)
seeds = st.integers(1, 1_000_000) | st.lists(
    st.integers(0, 2**63 - 1), min_size=1, max_size=4, unique=True
)


@st.composite
def studies(draw):
    """A study's values: two losses that are varied, arms of their own, and claims about both."""
    on_images = draw(st.booleans())
    recipe = draw(st.fixed_dictionaries({"optimizer": optimizers}, optional=common))
    if on_images:
        recipe |= {"loss": "cross_entropy", "epochs": draw(counts), "batch_size": draw(counts)}
        recipe["validation"] = draw(shares)
    else:
        recipe |= {"loss": draw(losses), "steps": draw(counts)}
    vary = draw(grids) | {"optimizer.learning_rate": draw(st.just([0.5, 0.25]))}
    entries = [
        {"name": f"{name} {number}", "set": {"penalty.l2": 0.5}, "vary": draw(grids)}
        for number, name in enumerate(draw(st.lists(names, max_size=2)))
    ]
    claim = {
        "better": {"optimizer": {"learning_rate": 0.5}},
        "than": {"optimizer.learning_rate": 0.25},
        "on": "accuracy" if on_images else "r2",
    }
    more = st.fixed_dictionaries(
        {"say": names}, optional={"margin": st.floats(0, 1e300), "over": st.just("seeds")}
    )
    return {
        "name": draw(names),
        "seeds": draw(seeds),
        "task": "digits" if on_images else draw(line_tasks | linear_tasks),
        "recipe": recipe,
        "vary": vary,
        "arms": entries,
        "claims": [claim | said for said in draw(st.lists(more, max_size=2))],
    }


@take(100)
@given(studies())
def test_round_trip(values):
    check_round_trip(values)


@pytest.mark.long
@take(300)
@given(studies())
def test_many_round_trips(values):
    check_round_trip(values)


def check_round_trip(values):
    text = tomli_w.dumps(values)
    try:
        study = Study.from_toml(text)
    except InputError as error:  # Two arms may come out alike, by name or by all settings.
        assert "is there twice" in str(error) or "are the same" in str(error)
        return
    written = study.to_toml()
    again = Study.from_toml(written)
    assert again == study
    assert again.to_toml() == written
    assert again.list_seeds() == study.list_seeds()
    arms = study.list_arms()
    assert [arm.name for arm in again.list_arms()] == [arm.name for arm in arms]
    assert again.list_arms() == arms
    for one, other in zip(again.claims, study.claims, strict=True):
        assert match_arms(arms, one) == match_arms(arms, other)
    assert VALIDATOR.is_valid(tomllib.loads(text)) and VALIDATOR.is_valid(tomllib.loads(written))
