"""Named streams: the same for the same name, and for no other."""

import hashlib

import numpy as np
import pytest
import scipy.stats

from fairtrial.randomness import make_key, make_stream
from fairtrial.training.noise import PURPOSES

STREAMS = [
    *[(seed, purpose) for seed in (0, 1, 2, 2**62) for purpose in ("data.x", "data.noise")],
    *[(0, f"order.{epoch}") for epoch in range(1, 12)],
]


def test_a_stream_is_its_seed_and_purpose():
    """NumPy's Philox, seeded with the seed and the purpose's SHA-256, on every platform."""
    digest = hashlib.sha256(b"init.W").digest()[:8]
    entropy = np.random.SeedSequence([4, int.from_bytes(digest, "big")])
    expected = np.random.Generator(np.random.Philox(entropy)).standard_normal(5)
    np.testing.assert_array_equal(make_stream(4, "init.W").standard_normal(5), expected)


def test_a_key_is_its_seed_and_purpose():
    digest = hashlib.sha256(b"noise.data").digest()[:8]
    word = np.random.SeedSequence([4, int.from_bytes(digest, "big")]).generate_state(1, np.uint64)[
        0
    ]
    assert make_key(4, "noise.data") == int(word) // 2


def test_streams_are_independent():
    draws = [make_stream(*stream).standard_normal(5000) for stream in STREAMS]
    correlations = np.corrcoef(draws)[np.triu_indices(len(draws), 1)]
    assert np.max(np.abs(correlations)) < 4.5 / np.sqrt(5000)


def test_first_draws_over_seeds_are_uniform():
    first = [make_stream(seed, "data.x").random() for seed in range(2000)]
    assert scipy.stats.kstest(first, "uniform").pvalue > 0.01


def test_keys_differ_and_fit():
    keys = [make_key(seed, purpose) for seed in range(500) for purpose in PURPOSES]
    assert len(set(keys)) == len(keys)
    assert min(keys) >= 0 and max(keys) < 2**63
    assert scipy.stats.kstest(np.array(keys) / 2**63, "uniform").pvalue > 0.01


@pytest.mark.parametrize("seed", [0, 2**31, 2**63 - 1])
def test_seeds_of_any_size(seed):
    assert make_stream(seed, "split").random() != make_stream(seed ^ 1, "split").random()
    assert 0 <= make_key(seed, "noise.learning_rate") < 2**63
