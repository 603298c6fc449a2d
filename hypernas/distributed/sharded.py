"""Every rank has a part of the bank."""

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from hypernas.distributed.delivery import Delivery
from hypernas.distributed.gather import gather
from hypernas.distributed.optimizer_state import Maker
from hypernas.distributed.placement import Placement, States, Weights, refuse_divided
from hypernas.distributed.process_group import ProcessGroup
from hypernas.distributed.replicated import norm
from hypernas.distributed.stacks import Stack, divisible, stacks_of
from hypernas.generators import Generator
from hypernas.mixing import mix_all
from hypernas.subnet.subnet import Subnet

_WEIGHT = "weight"  # beside what an optimizer keeps of it


class ShardedBanks(Placement):
    """Each stack of the bank is on one rank, which mixes the weights read from it for all ranks.

    A step sends weights, not banks: a rank mixes what it keeps for every architecture of the step,
    and each rank is sent the weights of those it trains. Their gradients come back the same way, and
    make that of the stack where it is kept. So of a bank, its gradient and the optimizer's memory a
    rank stores about 1/N; no bank is gathered for a while, as in ZeRO stage 3 (Rajbhandari et al.,
    2020, arXiv 1910.02054). Beside that it has, during a step, the weights of the subnets it trains,
    with gradients, and about as many that it mixed for others. As stacks stay whole, an optimizer that
    moves parameters one by one does what it does on one process.

    All else, such as a hypernetwork of coefficients, is copied: each rank computes the coefficients of
    all architectures, from one draw of dropout, and gradients are added up.

    No rank can keep less than the largest stack. From `place` to `unshard` the generator makes no
    weights by itself. Before and after, every rank has all of it, on the CPU.

    Raises:
        ValueError: if the generator is none of which the bank can be divided, something else divides its parameters, or there are fewer stacks
            than ranks: see `hypernas.distributed.stacks`.
    """

    def __init__(self, generator: Generator, ranks: ProcessGroup) -> None:
        refuse_divided(generator)
        self.generator, self.ranks = generator, ranks
        self._mixture = divisible(generator)
        self._stacks = stacks_of(self._mixture, ranks.size)
        self._rank = {name: stack.rank for stack in self._stacks for name in stack.readers}
        self._divided = {id(stack.parameter): stack for stack in self._stacks}
        self._guards: list[Any] = []
        self._gathering = False  # true while the parts that are here are read to be put together

    def place(self, device: torch.device) -> None:
        for stack in self._stacks:
            if not self._ours(stack):
                # without entries, but of as many axes, by which an optimizer tells them apart
                stack.parameter.data = stack.parameter.data.new_empty(0, *stack.shape[1:])
        bank = self._mixture.bank
        self._guards = [bank.register_forward_pre_hook(self._check)]
        self._guards.append(bank.register_state_dict_pre_hook(self._refuse_parts))
        self.generator.to(device)

    def maker(self, make: Maker) -> Maker:
        return make

    def holds(self, parameter: nn.Parameter) -> bool:
        stack = self._divided.get(id(parameter))
        return stack is None or self._ours(stack)

    @contextlib.contextmanager
    def together(
        self,
        subnets: Sequence[Subnet],
        trained: Sequence[Sequence[int]],
        *,
        read: Sequence[int] = (),
        rng: torch.Generator | None = None,
    ) -> Iterator[Weights]:
        delivery, mixed = self._delivery(subnets), self._mixed(subnets, rng)
        weights = delivery.send(mixed, [list(dict.fromkeys([*own, *read])) for own in trained])
        for i in trained[self.ranks.rank]:
            for leaf in weights[i].values():
                leaf.requires_grad_()
        yield {i: self.generator.complete(subnets[i], own) for i, own in weights.items()}
        gradients = delivery.send_back(weights, trained)
        reached = [
            (mixed[i][name], gradient)
            for (i, name), gradient in gradients.items()
            if mixed[i][name].requires_grad
        ]
        if reached:
            torch.autograd.backward([w for w, _ in reached], [g for _, g in reached])

    @torch.no_grad()
    def weights(self, subnets: Sequence[Subnet], wanted: Sequence[Sequence[int]]) -> Weights:
        sent = self._delivery(subnets).send(self._mixed(subnets, None), wanted)
        return {i: self.generator.complete(subnets[i], own) for i, own in sent.items()}

    def reduce_gradients(self, loss: Tensor, statistics: Mapping[str, Tensor]) -> Tensor:
        copied = [p for p in self.generator.parameters() if id(p) not in self._divided]
        return self.ranks.reduce_gradients(self.generator, copied, loss, statistics)

    def norm(self, parameters: Iterable[nn.Parameter]) -> Tensor:  # shape: ()
        divided, copied = [], []
        for parameter in parameters:
            (divided if id(parameter) in self._divided else copied).append(parameter)
        found = self._stacks[0].parameter.new_zeros(self.ranks.size + 1)
        found[self.ranks.rank] = norm(divided)  # those of other ranks have no gradient
        self.ranks.all_reduce(found)
        found[-1] = norm(copied)
        return torch.linalg.vector_norm(found)

    @torch.no_grad()
    def state_dicts(self, optimizer: torch.optim.Optimizer) -> States | None:
        self._gathering = True
        try:
            weights, state = self.generator.state_dict(), optimizer.state_dict()
        finally:
            self._gathering = False
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        number = {id(parameter): i for i, parameter in enumerate(parameters)}
        place = {stack.name: number[id(stack.parameter)] for stack in self._stacks}
        kept = {
            stack.name: {
                _WEIGHT: stack.parameter.detach(),
                **state["state"].get(place[stack.name], {}),
            }
            for stack in self._stacks
            if self._ours(stack)
        }
        for name, entry in gather(self.ranks, kept).items():
            weights[name] = entry.pop(_WEIGHT)
            if entry:
                state["state"][place[name]] = entry
        return (weights, state) if self.ranks.first else None

    @torch.no_grad()
    def unshard(self) -> None:
        """The generator is as before `place`: whole, and on the CPU if ranks had parts of it."""
        while self._guards:
            self._guards.pop().remove()
        if self.ranks.size == 1:
            return
        self.generator.cpu()
        for stack in self._stacks:
            own = stack.parameter.data
            whole = own.contiguous() if self._ours(stack) else own.new_empty(stack.shape)
            self.ranks.broadcast(whole, stack.rank)
            stack.parameter.data = whole

    def _ours(self, stack: Stack) -> bool:
        return stack.rank == self.ranks.rank

    def _check(self, bank: nn.Module, arguments: tuple[str]) -> None:
        (name,) = arguments
        if self._rank[name] != self.ranks.rank:
            raise RuntimeError(
                f"{name} is mixed on rank {self._rank[name]} while ranks divide the bank: wait for the "
                f"end of the training, or leave training.shard_banks off."
            )

    def _refuse_parts(self, bank: nn.Module, prefix: str, keep_vars: bool) -> None:
        if self._gathering or all(self._ours(stack) for stack in self._stacks):
            return
        elsewhere = [stack.name for stack in self._stacks if not self._ours(stack)]
        raise RuntimeError(
            f"a state dict read on rank {self.ranks.rank} while ranks divide the bank would hold {len(elsewhere)} of "
            f"{len(self._stacks)} stacks without entries ({elsewhere[0]} first): read the checkpoints of the training, "
            f"wait for its end, or leave training.shard_banks off."
        )

    def _mixed(
        self, subnets: Sequence[Subnet], rng: torch.Generator | None
    ) -> list[dict[str, Tensor]]:
        """Of each subnet, the weights that are read from what we keep."""
        ours = {name for name, rank in self._rank.items() if rank == self.ranks.rank}
        located = [
            {n: where for n, where in self._mixture.slices(subnet).items() if n in ours}
            for subnet in subnets
        ]
        with _drawing(rng, self.generator.device):
            emitted = self._mixture.emitted(subnets)
        return mix_all(self._mixture.bank, list(zip(emitted, located, strict=True)))

    def _delivery(self, subnets: Sequence[Subnet]) -> Delivery:
        shapes = [
            {name: where.shape for name, where in self._mixture.slices(subnet).items()}
            for subnet in subnets
        ]
        like = self._stacks[0].parameter.detach()
        return Delivery(self.ranks, shapes, self._rank, like=like)


@contextlib.contextmanager
def _drawing(rng: torch.Generator | None, device: torch.device) -> Iterator[None]:
    """Make draws from torch's global generators a function of `rng`, as on all ranks."""
    if rng is None:
        yield
        return
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(int(torch.randint(2**62, (), generator=rng)))
        yield
