"""Headings of panels fit and are different."""

from hypothesis import given
from hypothesis import strategies as st

from fairtrial.plots.headings import LONGEST, LONGEST_LINE, label_panels, shorten_apart, wrap

WORDS = st.sampled_from(["grid", "·", "batch", "size", "32,", "0.1", "0.01", "rate", "x" * 30])
NAMES = st.lists(st.lists(WORDS, min_size=1, max_size=15).map(" ".join), max_size=8)


@given(NAMES, st.integers(10, 40))
def test_shortened_names_fit_and_stay_different(names, most):
    short = shorten_apart(names, most)
    assert all(len(name) <= most for name in short)
    assert len(set(short)) == len(set(names))
    assert all(less == name for less, name in zip(short, names, strict=True) if len(name) <= most)


def test_shortened_names_keep_the_words_that_differ():
    names = [f"grid of many · batch size {size}, learning rate {rate}, 20 epochs · Adam"
             for size in (32, 128) for rate in (0.1, 0.01)]  # fmt: skip
    for name, size, rate in zip(shorten_apart(names, 40), (32, 32, 128, 128), (0.1, 0.01) * 2,
                                strict=True):  # fmt: skip
        assert f" {size}," in name and f" {rate}," in name


@given(st.lists(WORDS, min_size=1, max_size=15).map(" ".join))
def test_heading_lines_fit_into_the_panel(name):
    (short,) = shorten_apart([name], LONGEST)
    lines = wrap(short)
    assert len(lines) <= 2 and all(len(line) <= LONGEST_LINE for line in lines)


def test_short_headings_are_unchanged():
    assert label_panels(["MSE", "MAE"]) == ({}, 1)
    labels, n_lines = label_panels(["grid · batch size 32, learning rate 0.001", "MAE"])
    assert n_lines == 2
    assert '["grid · batch size 32,", "learning rate 0.001"]' in labels["labelExpr"]
