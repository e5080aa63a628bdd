import hashlib

import torch

from nassay.estimators.proxies.streams import derived_seed, generator


def test_a_seed_is_the_hash_of_its_parts_in_63_bits() -> None:
    digest = hashlib.blake2b(b"3/cell", digest_size=8).hexdigest()
    assert derived_seed(3, "cell") == int(digest, 16) // 2
    assert max(derived_seed(i) for i in range(100)).bit_length() <= 63


def test_streams_of_different_parts_differ_and_equal_ones_repeat() -> None:
    seeds = {derived_seed(i, name) for i in range(50) for name in ("weights", "noise")}
    assert len(seeds) == 100
    assert torch.equal(torch.randn(5, generator=generator(1, "a")), torch.randn(5, generator=generator(1, "a")))
    assert not torch.equal(torch.randn(5, generator=generator(1, "a")), torch.randn(5, generator=generator(1, "b")))


def test_global_randomness_is_not_used() -> None:
    state = torch.get_rng_state()
    torch.randn(5, generator=generator(0))
    assert torch.equal(torch.get_rng_state(), state)
