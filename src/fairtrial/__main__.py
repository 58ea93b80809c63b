"""`python -m fairtrial`, and the command: Ctrl-C is heard before anything else is loaded."""

import os
import signal

TYPE_CHECKING = False  # As in `fairtrial`.
if TYPE_CHECKING:
    from types import FrameType


def main() -> None:
    """Load the commands, which takes a moment, and run one of them."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:  # Not where Ctrl-C is ignored, as with nohup.
        signal.signal(signal.SIGINT, _stop)
    from fairtrial.loading import open_closed_streams

    open_closed_streams()
    from fairtrial.cli.main import main as run

    signal.signal(signal.SIGINT, before)
    run()


def _stop(number: int, frame: "FrameType | None") -> None:
    # Whatever is being loaded may catch an exception; this ends the process all the same.
    os.write(2, b"Stopped.\n")
    os._exit(130)


if __name__ == "__main__":
    main()
