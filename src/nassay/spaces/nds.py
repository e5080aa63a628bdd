"""Which space a family of NDS's published files belongs to (Radosavovic et al. 2019, arXiv:1905.13214)."""

from nassay.errors import UserError
from nassay.spaces.base import Space
from nassay.spaces.nds_cells import NDSDARTS, NDSENAS, NDSPNAS, CellSpace, NDSAmoeba, NDSNASNet
from nassay.spaces.nds_residual import NDSResNet, NDSResNeXtA, NDSResNeXtB, NDSVanilla

CELL_FAMILIES: dict[str, type[CellSpace]] = {
    "NASNet": NDSNASNet,
    "Amoeba": NDSAmoeba,
    "PNAS": NDSPNAS,
    "ENAS": NDSENAS,
    "DARTS": NDSDARTS,
}
IMAGENET_FAMILIES: dict[str, type[Space]] = {
    **CELL_FAMILIES,
    "ResNet": NDSResNet,
    "Vanilla": NDSVanilla,
    "ResNeXt-A": NDSResNeXtA,
    "ResNeXt-B": NDSResNeXtB,
}


def nds_space(family: str) -> Space:
    """The space of a family, for the images that it was trained on.

    Args:
        family: name of a published file, such as `DARTS_lr-wd_in`: `_in` stands for ImageNet (224x224 images, 1,000
            classes), else it is CIFAR-10; what is between the first and the last part tells how it was sampled.

    Raises:
        UserError: there is no such space. The residual spaces for CIFAR-10 differ from those for ImageNet and are not
            built here.
    """
    first, *rest = family.split("_")
    imagenet = rest[-1:] == ["in"]
    families = IMAGENET_FAMILIES if imagenet else CELL_FAMILIES
    if first not in families:
        names = [*CELL_FAMILIES, *(f"{name}_in" for name in IMAGENET_FAMILIES)]
        raise UserError(f"There is no space for NDS's family {family!r}, only for {', '.join(names)}.")
    return families[first]((3, 224, 224), 1000) if imagenet else families[first]((3, 32, 32), 10)
