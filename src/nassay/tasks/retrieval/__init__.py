"""Retrieval: embeddings in which images of one class are neighbours, also of classes never trained on."""

from nassay.tasks.retrieval.nir import NIR
from nassay.tasks.retrieval.task import Retrieval

__all__ = ["NIR", "Retrieval"]
