"""Predictors: learn from a few evaluated architectures."""
