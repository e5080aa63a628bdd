"""nassay: efficient neural architecture search, from images and a device limit to a trained, exported network."""

__version__ = "0.1.0"
