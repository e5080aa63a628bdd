"""Milliseconds per architecture of each proxy, alone and together, on random NAS-Bench-201 networks.

    python benchmarks/proxy_speed.py --batch 64 16 --architectures 8 --threads 1

Wall time and CPU time are both printed: on a busy machine only the second is comparable. "forward" is one plain
forward pass in inference mode, channels-last: the unit in which a proxy's price can be carried to another machine.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import nn

from nassay.estimators.proxies import Batch, proxies, score
from nassay.spaces.nb201 import NB201

SCREEN = ("az_expressivity", "az_progressivity", "az_trainability", "az_complexity", "synflow", "naswot")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--batch", type=int, nargs="+", default=[64, 16], help="batch sizes")
    parser.add_argument("--architectures", type=int, default=8, help="number of random networks")
    parser.add_argument("--threads", type=int, default=1, help="torch threads")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    networks = sample(args.architectures)
    for size in args.batch:
        print(f"\nbatch {size}, {args.threads} threads, median of {len(networks)} networks (ms)")
        print_table(networks, Batch.noise((3, 32, 32), 10, size))


def sample(number: int) -> list[nn.Module]:
    """Random networks of 16 channels and 5 cells a stage."""
    space, rng = NB201((3, 32, 32), 10), np.random.default_rng(0)
    torch.manual_seed(0)
    return [space.build(space.sample(rng)) for _ in range(number)]


def print_table(networks: Sequence[nn.Module], batch: Batch) -> None:
    """One row per proxy, then the screening set, then everything."""
    unit = median_ms(forward, networks, batch)
    rows = {name: (name,) for name in proxies.names()} | {"screen": SCREEN, "all": tuple(proxies.names())}
    print(f"{'proxies':18}{'wall':>8}{'cpu':>8}{'forwards':>10}")
    print(f"{'forward':18}{unit[0]:8.0f}{unit[1]:8.0f}{1:10.1f}")
    for label, names in rows.items():
        wall, cpu = median_ms(lambda n, b, names=names: score(n, b, names), networks, batch)
        print(f"{label:18}{wall:8.0f}{cpu:8.0f}{cpu / unit[1]:10.1f}")


def forward(network: nn.Module, batch: Batch) -> None:
    """One forward pass, as fast as it goes."""
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    with torch.inference_mode():
        network(batch.x.contiguous(memory_format=torch.channels_last))


def median_ms(job: Callable[..., object], networks: Sequence[nn.Module], batch: Batch) -> tuple[float, float]:
    """Median wall and CPU milliseconds over the networks, after one warm-up."""
    job(networks[0], batch)
    times = []
    for network in networks:
        wall, cpu = time.perf_counter(), time.process_time()
        job(network, batch)
        times.append((time.perf_counter() - wall, time.process_time() - cpu))
    walls, cpus = zip(*times, strict=True)
    return 1e3 * statistics.median(walls), 1e3 * statistics.median(cpus)


if __name__ == "__main__":
    main()
