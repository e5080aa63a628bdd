"""SED, a reconstruction: how much local entropy the operations of a cell leave in its feature maps.

Idea after Wu, Huang, Xu & Hao 2024, "Zero-Shot NAS via the Suppression of Local Entropy Decrease",
arXiv:2411.06236. **This is not the authors' formula**, which could not be obtained. It follows from what their
abstract says (some topologies lower the local entropy of feature maps until a feature is a mere bias; large poolings,
small convolutions and needless skips do; one-dimensional and multivariate Gaussian entropies measure it) and from
nothing else: no constant is fitted to any benchmark.

Derivation. The input is a white Gaussian field of unit variance, weights are random with mean 0 and, over the
channels of one position, total variance 1; networks are taken without batch norm, which only rescales. Per
position and channel, in nats:

1. A Gaussian of variance v has the entropy 1/2 ln(2 pi e v): h0 = 1/2 ln(2 pi e) at the input.
2. A convolution over t positions sums t independent draws: variance times t, entropy + 1/2 ln t. A ReLU turns a
   standard normal into one of mean 1/sqrt(2 pi), which is bias, and of variance r = 1/2 - 1/(2 pi): + 1/2 ln r. Hence
   +0.56 for 3x3, and -0.54 for 1x1: small kernels lose.
3. Averaging over t positions is a filter. The entropy rate of a stationary Gaussian field changes by the mean of
   ln |transfer function| over all frequencies (Szego, Kolmogorov), by Jensen's formula ln(1/t), as all zeros of
   1 + z + ... + z^(k-1) lie on the unit circle: - ln t, half of it lost variance and half likeness of neighbours.
   Max pooling is taken for as bad.
4. A skip changes nothing: 0.
5. Paths with convolutions of their own are uncorrelated, as weights have mean 0; entropies of independent components
   add up. A path that repeats another (two skips around the same thing, two poolings of one signal) is a
   component of rank 0: it adds nothing. Needless skips thus cost what a convolution in their place would add.

So SED = sum over distinct paths p of (h0 + sum over operations o on p of delta(o)), by dynamic programming in
O(nodes + edges). Paths that differ in poolings only are taken for independent too, though they are not.

A 3x3 convolution in the place of anything smaller always raises this SED. On NAS-Bench-201 it therefore picks the cell
of 3x3 convolutions only, as #params does, and not a better one with fewer parameters as the paper's does. The same
theory can be written down in other ways; those that were tried, and how this one was chosen, are in
`benchmarks/results/topology.md`.
"""

from math import e, log, pi

from nassay.estimators.topology.base import topologies
from nassay.estimators.topology.flow import Flow
from nassay.estimators.topology.operations import Operation

INPUT_ENTROPY = log(2 * pi * e) / 2
RECTIFIED_VARIANCE = 1 / 2 - 1 / (2 * pi)


def entropy_change(operation: Operation) -> float:
    """What an operation adds to the entropy of a position, in nats; see steps 2 and 3 above."""
    mixed = sum(log(positions) for positions in operation.convolutions) / 2
    rectified = operation.rectifiers * log(RECTIFIED_VARIANCE) / 2
    return mixed + rectified - sum(log(positions) for positions in operation.poolings)


@topologies.register("sed", direction=+1, needs=frozenset({"graph"}), paper="after Wu et al. 2024, arXiv:2411.06236")
def sed(flow: Flow) -> float:
    """Entropy of what the distinct paths bring to the output, a reconstruction of SED."""
    paths, entropies = [1], [INPUT_ENTROPY]
    for operation, sources in zip(flow.operations, flow.sources, strict=True):
        paths.append(sum(paths[i] for i in sources))
        entropies.append(sum(entropies[i] for i in sources) + paths[-1] * entropy_change(operation))
    return sum(entropies[i] for i in flow.output)
