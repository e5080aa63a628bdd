"""Independent random streams from one seed, the same on every machine and in every order."""

import hashlib

import torch


def derived_seed(*parts: int | str) -> int:
    """A 63-bit seed that is a hash of the parts, such as (seed, an architecture's string)."""
    digest = hashlib.blake2b("/".join(str(part) for part in parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def generator(*parts: int | str) -> torch.Generator:
    """A CPU generator seeded by `derived_seed(*parts)`."""
    return torch.Generator().manual_seed(derived_seed(*parts))
