"""TG-NAS: one predictor of accuracy for all spaces of cells, from the descriptions of operators."""
