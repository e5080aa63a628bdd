"""Where the primary block features of a network are.

A network may say so itself: `stages`, a list of modules whose outputs are the features, and `trunk`, the
module whose output is the map before pooling. For any other module, one whose `stages` are something else
included, the rule of `find_blocks` holds, and where it finds nothing, every activation output is a feature.
"""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from nassay.estimators.proxies.watch import unwatched

MIN_BLOCKS = 3


def find_blocks(network: nn.Module) -> list[nn.Module]:
    """The blocks of a network that does not name its stages.

    The rule: start at the root and open it. `ModuleList`s and `Sequential`s that hold composite modules are
    opened on the way; a module with children, or a `Sequential` of leaves, is a block. While there are fewer
    than three blocks, open them too.

    Returns:
        Blocks in order of registration; empty if the network holds none.
    """
    blocks: list[nn.Module] = [network]
    while blocks and len(blocks) < MIN_BLOCKS:
        blocks = [inner for block in blocks for inner in _open(block)]
    return blocks


def _open(module: nn.Module) -> list[nn.Module]:
    found: list[nn.Module] = []
    for child in module.children():
        composite = [inner for inner in child.children() if any(True for _ in inner.children())]
        if isinstance(child, nn.ModuleList) or (isinstance(child, nn.Sequential) and composite):
            found += _open(child)
        elif any(True for _ in child.children()):
            found.append(child)
    return found


def watch_stages(
    network: nn.Module,
    on_stage: Callable[[Tensor], Tensor],
    on_trunk: Callable[[Tensor], None],
    handles: list[RemovableHandle],
) -> tuple[bool, bool]:
    """Hook the stages and the trunk.

    Args:
        network: the module to hook.
        on_stage: takes a (B, C, H, W) stage output and gives the tensor that the network goes on with.
        on_trunk: takes the (B, C, H, W) map before pooling.
        handles: each hook's is added as soon as it is there, so that none is lost when a later one can't be set.

    Returns:
        Whether stages were found; whether the trunk was found.
    """

    def stage_hook(_module: nn.Module, _args: Any, output: Any) -> Any:
        return unwatched(on_stage, output) if _is_map(output) else output

    def entry_hook(_module: nn.Module, args: tuple[Any, ...]) -> Any:
        return (unwatched(on_stage, args[0]), *args[1:]) if args and _is_map(args[0]) else args

    def trunk_hook(_module: nn.Module, _args: Any, output: Any) -> None:
        if _is_map(output):
            unwatched(on_trunk, output)

    declared = _declared(network)
    stages = declared or find_blocks(network)
    if stages and not declared:
        handles.append(stages[0].register_forward_pre_hook(entry_hook))
    for stage in stages:
        handles.append(stage.register_forward_hook(stage_hook))
    trunk = getattr(network, "trunk", None)
    if isinstance(trunk, nn.Module):
        handles.append(trunk.register_forward_hook(trunk_hook))
    return bool(stages), isinstance(trunk, nn.Module)


def _declared(network: nn.Module) -> list[nn.Module]:
    """The stages that a network names; none where its `stages` are no modules, such as the depths of its stages."""
    named = getattr(network, "stages", ())
    items = list(named) if isinstance(named, (list, tuple, nn.ModuleList, nn.Sequential)) else []
    return items if all(isinstance(item, nn.Module) for item in items) else []


def _is_map(value: Any) -> bool:
    return isinstance(value, Tensor) and value.ndim == 4
