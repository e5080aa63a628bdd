"""Zero-cost proxies: what a network is worth before it is trained."""

from nassay.estimators.proxies.aggregation import log_rank_sum
from nassay.estimators.proxies.base import Batch, Setting, Signal, Unmeasurable, proxies
from nassay.estimators.proxies.probe import score
from nassay.estimators.proxies.scorer import ProxyScorer

__all__ = ["Batch", "ProxyScorer", "Setting", "Signal", "Unmeasurable", "log_rank_sum", "proxies", "score"]
