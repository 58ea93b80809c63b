"""What can go wrong, as sentences for the person at the keyboard.

Every message says what is wrong, the value, the rule, and what to do. The command line prints the
message alone and exits with the kind's code.
"""


class FairtrialError(Exception):
    """Base of every error that fairtrial raises on purpose."""

    exit_code = 1


class InputError(FairtrialError):
    """Something the user gave is wrong: a study file, a folder, an option."""

    exit_code = 2


class MachineError(FairtrialError):
    """The machine would not do it: disk, memory, network."""

    exit_code = 3


def describe_object(value: object) -> str:
    """Describe an object of Python as it does itself, or by its type where it fails to."""
    try:
        return repr(value)
    except Exception:  # Its own error must not take the place of the sentence about it.
        return f"an object of the type {type(value).__name__}"
