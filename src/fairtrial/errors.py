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
