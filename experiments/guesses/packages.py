"""The law of slices on models of other packages."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from ready import drawn
from torch import nn
from verdicts import answer, words

from hypernas import SearchSpace, check


def law(choices: Mapping[str, Any], build: Callable[[Any], nn.Module], inputs: Any) -> str:
    """The worst verdict, with the layouts or the reason."""
    found = check(SearchSpace(choices, build, inputs=inputs))
    doubts = [v.because for v in found.verdicts if v.state == "undecided"]
    if doubts:
        return f"undecided ({doubts[0][:110]})"
    return f"cured ({dict(found.layouts)})"[:260] if found.layouts else "holds"


def graphs():
    from torch_geometric.nn import models

    edges = torch.tensor([[0, 1, 2, 3, 4, 0], [1, 2, 3, 4, 0, 2]])
    told = []
    for kind in ("GCN", "GAT", "GIN", "GraphSAGE"):
        make = getattr(models, kind)
        try:
            state = law(
                {"width": [8, 16]},
                lambda a, make=make: make(5, a["width"], 2, out_channels=3),
                (drawn(5, 5), edges),
            )
        except Exception as error:
            state = words(error, 100)
        told.append(f"{kind} {state}")
    return all(t.endswith("holds") for t in told), "; ".join(told)


def heads():
    from torch_geometric.nn import GATConv

    class Net(nn.Module):
        def __init__(self, num: int) -> None:
            super().__init__()
            self.first, self.second = GATConv(5, 4, heads=num), GATConv(4 * num, 3, heads=1)

        def forward(self, x, edges):
            return self.second(self.first(x, edges).relu(), edges)

    edges = torch.tensor([[0, 1, 2, 3, 4, 0], [1, 2, 3, 4, 0, 2]])
    state = law({"heads": [2, 4]}, lambda a: Net(a["heads"]), (drawn(5, 5), edges))
    return state.startswith("cured"), state


def diffusion():
    from diffusers import UNet2DModel

    def build(a):
        return UNet2DModel(
            sample_size=8, in_channels=3, out_channels=3, layers_per_block=1, norm_num_groups=4,
            block_out_channels=(a["width"], a["width"]), attention_head_dim=4,
            down_block_types=("DownBlock2D", "AttnDownBlock2D"), up_block_types=("AttnUpBlock2D", "UpBlock2D"),
        )  # fmt: skip

    inputs = {"sample": drawn(2, 3, 8, 8), "timestep": torch.tensor(3)}
    state = law({"width": [8, 16]}, build, inputs)
    return state.startswith("undecided"), state


def transformer():
    from diffusers import DiTTransformer2DModel

    def build(a):
        return DiTTransformer2DModel(
            num_attention_heads=a["heads"], attention_head_dim=4, in_channels=3, num_layers=1, sample_size=8,
            patch_size=4, num_embeds_ada_norm=10,
        )  # fmt: skip

    inputs = {
        "hidden_states": drawn(2, 3, 8, 8),
        "timestep": torch.tensor([3, 4]),
        "class_labels": torch.tensor([1, 2]),
    }
    state = law({"heads": [2, 4]}, build, inputs)
    return state.startswith(("holds", "cured")), state


def mamba():
    from mambapy.mamba import Mamba, MambaConfig

    def build(a):
        return Mamba(
            MambaConfig(d_model=8, n_layers=1, d_state=4, expand_factor=a["expand"], dt_rank=2)
        )

    state = law({"expand": [1, 2]}, build, drawn(2, 5, 8))
    return state.startswith("cured"), state


def gated():
    from x_transformers import Encoder

    told = []
    for glu in (False, True):
        state = law(
            {"ratio": [2, 4]},
            lambda a, glu=glu: Encoder(
                dim=16, depth=1, heads=2, attn_dim_head=8, ff_mult=a["ratio"], ff_glu=glu
            ),
            drawn(2, 5, 16),
        )
        told.append(f"{'gated' if glu else 'plain'} {state}")
    held = told[0].endswith("holds") and told[1].startswith("gated cured")
    return held, "; ".join(told)


if __name__ == "__main__":
    answer(
        {48: graphs, 49: heads, 50: diffusion, 51: transformer, 52: mamba, 53: gated},
        "torch torch_geometric diffusers mambapy x-transformers",
    )
