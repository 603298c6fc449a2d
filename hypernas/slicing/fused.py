"""Parameters made of blocks that a prefix would cut across: torch's own, and likely others.

Refused, so that nothing is sliced wrongly in silence, are:

- Convolutions with groups, unless a prefix drops whole groups (as it does of depthwise ones) or
  stays inside the first.
- Linear layers and convolutions whose outputs shrink and whose own name says they are several in
  one: qkv, query_key_value, c_attn, kv, gate_up, up_gate.
- Layers whose outputs shrink and which the next of a `nn.Sequential` reads as a `nn.GLU`.
- Linear layers whose outputs shrink and are read in blocks by a later linear layer of the same
  parent module: there are no others, and it reads exactly a half or a third and goes back to the
  width of the inputs; or the name holds in_proj or fused, and it reads a half, third or quarter.

Shapes alone are no reason: a first layer three times as wide as its input is an ordinary one. What
reads a concatenation, such as the layer after several heads of changing size, cannot be told.
"""

import re
from fnmatch import fnmatchcase

from torch import nn
from torch.nn.modules.conv import _ConvNd

from hypernas.slicing.layout import PREFIX, Layout, owners, plain_name

_STACKED = {  # torch's own modules that stack matrices along the first axis of these parameters
    nn.MultiheadAttention: ("in_proj_*", 3),
    nn.LSTM: ("*_[ih]h_l*", 4),
    nn.GRU: ("*_[ih]h_l*", 3),
    nn.LSTMCell: ("*_[ih]h", 4),
    nn.GRUCell: ("*_[ih]h", 3),
}
_TELLING = {  # part of a module's name -> the rows of its matrix
    r"qkv|query_key_value|c_attn": "(three {heads} dim)",
    r"(^|_|w)kv(_|$)": "(two {heads} dim)",
    r"gate_up|up_gate": "(two hidden)",
}
_HINTING = r"in_proj|fused"
_HEADS = ("heads", "num_heads", "n_heads", "n_head", "nhead", "num_attention_heads")
_WORDS = {2: "two", 3: "three", 4: "four"}
_SPATIAL = {0: "", 1: " kernel", 2: " height width", 3: " depth height width"}


def own_layout(module: nn.Module, name: str) -> Layout | None:
    """The layout of a parameter in which one of torch's own modules stacks several matrices."""
    owner, leaf = next(owners(module, name)), plain_name(name).rpartition(".")[2]
    for kind, (pattern, count) in _STACKED.items():
        if isinstance(owner, kind) and fnmatchcase(leaf, pattern):
            columns = [f"axis{i}" for i in range(getattr(owner, leaf).dim() - 1)]
            both_ways = getattr(owner, "bidirectional", False)
            if both_ways and re.match(r"weight_ih_l[1-9]", leaf):  # reads both directions
                columns = ["(2 axis0)"]
            return Layout(" ".join([f"({count} rows)", *columns]))
    return None


def ruling_layout(module: nn.Module, name: str, given: Layout | str | None) -> Layout | None:
    """The layout that a parameter is cut by: the given one, else that of torch's own stacked matrices."""
    if given is None or given == PREFIX:
        return own_layout(module, name)
    return given if isinstance(given, Layout) else Layout(str(given))


def grouping(layer: nn.Module) -> tuple[int, ...] | None:
    """All that slices of a layer's parameters depend on besides shapes; None unless it is a convolution.

    That is what `cut_groups` reads of it, and how many axes of a kernel run over space.
    """
    if not isinstance(layer, _ConvNd):
        return None
    channels = layer.groups, layer.in_channels, layer.out_channels
    return *channels, int(layer.transposed), len(layer.kernel_size)


def cut_groups(large: nn.Module, small: nn.Module, name: str) -> str | None:
    """The reason why a prefix of a grouped convolution's parameter is no weight of another's, and the cure."""
    big, part = next(owners(large, name)), next(owners(small, name))
    if not isinstance(big, _ConvNd) or not isinstance(part, _ConvNd):
        return None
    if big.groups == part.groups == 1:
        return None
    per_group = [
        (conv.out_channels // conv.groups, conv.in_channels // conv.groups) for conv in (big, part)
    ]
    bias = plain_name(name).endswith("bias")
    if bias:
        per_group = [counts[:1] for counts in per_group]
    fits = all(p <= b for b, p in zip(*per_group, strict=True))
    if per_group[0] == per_group[1] or (part.groups == 1 and fits):
        return None
    if bias:
        plain, layout = "out", "(groups out)"
    elif part.transposed:
        plain, layout = "in out", "(groups in) out"
    else:
        plain, layout = "out in", "(groups out) in"
    spatial = "" if bias else _SPATIAL[len(part.kernel_size)]
    was, now = (
        f"{conv.groups} groups of {conv.in_channels // conv.groups} inputs and "
        f"{conv.out_channels // conv.groups} outputs"
        for conv in (big, part)
    )
    reason = (
        f"{name}: a prefix would cut across the groups of this convolution ({was}; in the subnet "
        f"{now}). "
    )
    if fits and part.groups <= big.groups:
        reason += (
            f"Write {_written(name, layout + spatial)}, and the like for the norm after it and the "
            f"layers before it, whose channels are in groups too"
        )
    else:
        reason += (
            f"No layout such as {layout + spatial!r} keeps them, as the groups of the largest subnet "
            f"are fewer or smaller: give the two convolutions different names"
        )
    return reason + f"; or {_written(name, plain + spatial)} if a prefix is meant."


def cut_blocks(large: nn.Module, small: nn.Module, name: str) -> str | None:
    """The reason why a prefix of parameter `name` of `large` seems to be no weight of `small`, and a cure.

    Told by names and widths, for modules that cannot be run: see `hypernas.subnet.law` for those that can.
    """
    layers = next(owners(large, name)), next(owners(small, name))
    if not all(isinstance(layer, nn.Linear | _ConvNd) for layer in layers):
        return None
    num_rows = [module.get_parameter(name).shape[0] for module in (large, small)]
    if num_rows[1] >= num_rows[0]:
        return None
    plain = plain_name(name)
    rows = _named_rows(large, plain) or _read_rows(large, small, plain)
    if rows is None:
        return None
    dim = small.get_parameter(name).dim()
    columns = (" model" if dim > 1 else "") + _SPATIAL[max(0, dim - 2)]
    reader = rows.removeprefix("(three ").removeprefix("(two ")
    heads = (
        f', "model ({reader}" for the layer that reads the heads' if reader.endswith("dim)") else ""
    )
    return (
        f"{name}: a prefix, {num_rows[1]} of {num_rows[0]} rows, would cut across "
        f"matrices that seem to be fused in it. Write {_written(name, rows + columns)}{heads}, the "
        f"factors named after choices or attributes of the module; or "
        f"{_written(name, 'rows' + columns)} if a prefix is meant."
    )


def _named_rows(module: nn.Module, name: str) -> str | None:
    """The rows of a parameter whose module's name says that it is several in one."""
    own = name.split(".")[-2].lower() if "." in name else ""
    for pattern, rows in _TELLING.items():
        if re.search(pattern, own):
            around = owners(module, name)
            heads = [h for m in around for h in _HEADS if isinstance(getattr(m, h, None), int)]
            return rows.format(heads=heads[0] if heads else "heads")
    return None


def _read_rows(large: nn.Module, small: nn.Module, name: str) -> str | None:
    """The rows of a parameter whose module's outputs seem to be read in blocks, in both modules."""
    if "." not in name:
        return None
    counts = _readings(large, name) & _readings(small, name)
    return f"({_WORDS[max(counts)]} rows)" if counts else None


def _readings(module: nn.Module, name: str) -> set[int]:
    """The numbers of equal blocks in which what comes after a layer seems to read its outputs."""
    around = owners(module, name)
    layer, parent = next(around), next(around)
    own = name.split(".")[-2]
    children = dict(parent.named_children())
    after = list(children.values())[list(children).index(own) + 1 :]
    if isinstance(parent, nn.Sequential) and after and isinstance(after[0], nn.GLU):
        return {2}
    if not isinstance(layer, nn.Linear):
        return set()
    readers = [child for child in after if isinstance(child, nn.Linear)]
    rows = layer.out_features
    if re.search(_HINTING, own.lower()):
        return {n for n in (2, 3, 4) if any(n * reader.in_features == rows for reader in readers)}
    linears = [child for child in children.values() if isinstance(child, nn.Linear)]
    if len(linears) == 2 and readers and readers[0].out_features == layer.in_features:
        return {n for n in (2, 3) if n * readers[0].in_features == rows}
    return set()


def _written(name: str, layout: str) -> str:
    path = name.split(".")
    pattern = ".".join(["*", *path[-2:]]) if len(path) > 2 else name
    return f'layouts={{"{pattern}": "{layout}"}}'
