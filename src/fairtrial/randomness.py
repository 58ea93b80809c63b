"""Named random streams: every draw is keyed by (seed, purpose), never by the arm.

So all arms of one seed see the same data, start, batches and noise, and adding an arm or a seed
changes no other run.
"""

import hashlib

import numpy as np


def make_stream(seed: int, purpose: str) -> np.random.Generator:
    """Open the stream of one purpose, such as `"data.x"`, for one seed, which is 0 or more.

    Different purposes give independent streams. The generator is Philox (Salmon et al. 2011,
    doi:10.1145/2063384.2063405), the same on every platform.
    """
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, _number(purpose)])))


def make_key(seed: int, purpose: str) -> int:
    """Return the key, in [0, 2^63), of a stream that is drawn inside a program, step by step.

    The draws of step `t` are TensorFlow's stateless ones for the seed pair `(key, t)`.
    """
    sequence = np.random.SeedSequence([seed, _number(purpose)])
    return int(sequence.generate_state(1, np.uint64)[0]) >> 1


def _number(purpose: str) -> int:
    return int.from_bytes(hashlib.sha256(purpose.encode()).digest()[:8], "big")
