"""What can go wrong, as sentences for the person at the keyboard.

Every message says what is wrong, the value, the rule, and what to do. The command line prints the
message alone and exits with the kind's code.
"""

from numbers import Integral


class FairtrialError(Exception):
    """Base of every error that fairtrial raises on purpose."""

    exit_code = 1


class InputError(FairtrialError):
    """Something the user gave is wrong: a study file, a folder, an option."""

    exit_code = 2


class MachineError(FairtrialError):
    """The machine would not do it: disk, memory, network."""

    exit_code = 3


LONGEST_SHOWN = 60  # Letters of an object that a sentence about it shows.


def show_object(value: object) -> str:
    """Describe an object of Python in one line, not too long."""
    shown, _, more = describe_object(value).partition("\n")
    return shown[:LONGEST_SHOWN] + ("..." if more or len(shown) > LONGEST_SHOWN else "")


def check_amount(name: str, value: object, least: int, unit: str = "") -> None:
    """Refuse what is no whole number, or is too small; `unit` is as in " of bytes"."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise InputError(
            f"{name} = {show_object(value)}: give a whole number{unit}, at least {least}."
        )


def describe_object(value: object) -> str:
    """Describe an object of Python as it does itself, or by its type where it fails to."""
    try:
        return repr(value)
    except Exception:  # Its own error must not take the place of the sentence about it.
        return f"an object of the type {type(value).__name__}"
