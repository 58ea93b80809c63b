"""What is read of a function's signature, docstring and source, from small examples."""

from typing import Literal

from fairtrial.kinds.mechanism.plugins import drop_comments, keep_reachable
from fairtrial.kinds.mechanism.signature import describe, describe_parameters, is_number


def test_only_numbers_are_numbers():
    kinds = (float, int | None, bool, Literal["a", "b"])
    assert [is_number(kind) for kind in kinds] == [True, True, False, False]


def test_docstring_is_read_up_to_its_sections():
    text = "Huber's loss.\n\n    Linear beyond `delta`.\n\n    Notes\n    -----\n    x"
    assert describe(text) == "Huber's loss.\n\nLinear beyond `delta`."


def test_parameters_are_read_from_their_section():
    text = "A loss.\n\nParameters\n----------\ndelta : float\n    Where it\n    turns.\n"
    assert describe_parameters(text) == {"delta": "Where it turns."}


def test_source_of_a_kind_is_what_it_reaches():
    text = "@loss\ndef a(r): return b(r)\n@loss\ndef b(r): return r\n@metric\ndef c(): ..."
    reached = "@loss\ndef a(r): return b(r)\n@loss\ndef b(r): return r"
    assert keep_reachable(text, 1, [3, 5]).rstrip("\n") == reached


def test_comments_are_no_part_of_a_source():
    assert drop_comments('a = 1  # one\n\n# two\nb = "# three"\n') == 'a = 1\nb = "# three"'
