"""What ranks do with `fully_shard` in tests."""

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

from hypernas import generators
from hypernas.distributed import ProcessGroup, Replicated, ShardedBanks
from hypernas.spaces import mlp


def placed(ranks: ProcessGroup) -> list[Replicated | ShardedBanks]:
    """The placements of a generator whose parameters are divided by FSDP2."""
    generator = generators.hypernas(mlp(input_shape=(4,), num_classes=3))
    fully_shard(generator, mesh=init_device_mesh("cpu", (ranks.size,)))
    return [Replicated(generator, ranks), ShardedBanks(generator, ranks)]


def experts_of_two(ranks: ProcessGroup) -> tuple[Tensor, Tensor, Tensor]:
    """The output of another expert on each rank for an identity matrix, and the two experts."""
    torch.manual_seed(0)
    experts = nn.ModuleList(nn.Linear(4, 4, bias=False) for _ in range(2))
    first, second = (expert.weight.detach().clone().T for expert in experts)
    mesh = init_device_mesh("cpu", (ranks.size,))
    for expert in experts:
        fully_shard(expert, mesh=mesh)
    return experts[ranks.rank](torch.eye(4)).detach(), first, second
