"""What may be built: one file per search space."""

from nassay.spaces.base import Architecture, Graph, Space, spaces
from nassay.spaces.network import Network

__all__ = ["Architecture", "Graph", "Network", "Space", "spaces"]
