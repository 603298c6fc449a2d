"""A task-conditioned generator, whose weights for earlier tasks are held where they were."""

import contextlib
import copy
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from hypernas.border import checked
from hypernas.continual.method import (
    Method,
    Phase,
    Regularized,
    Stored,
    as_part,
    num_bytes,
    part_of,
)
from hypernas.data import Data
from hypernas.generators import Generator, Given, ParameterGroup, running_statistics
from hypernas.generators.statistics import Statistics
from hypernas.masks import TaskTensors
from hypernas.space.architecture import Architecture
from hypernas.subnet.subnet import Subnet


class TaskGenerator(Generator):
    """A generator that reads a condition, under the learned embedding of a task.

    Args:
        generator: that reads one.
        num_tasks: of the stream.
        seed: of the embeddings, uniform in [0, 1].

    Attributes:
        task: whose weights are made.
        embeddings: shape (tasks, C).

    Raises:
        ValueError: if the generator reads no condition.
    """

    def __init__(self, generator: Generator, *, num_tasks: int, seed: int = 0) -> None:
        if not generator.condition_dim:
            raise ValueError(
                "a task-conditioned generator needs one that reads a condition, got condition_dim=0: give "
                "generator=hypernas generator.condition_dim=8."
            )
        super().__init__(generator.space, supernet=generator._supernet)
        self.generator, self.task = generator, 0
        rng = torch.Generator().manual_seed(seed)
        shape = num_tasks, generator.condition_dim
        self.embeddings = nn.Parameter(torch.rand(shape, generator=rng))
        self.assignment = generator.assignment
        self.taxonomies = tuple(own.under(["task"]) for own in generator.taxonomies)
        self.to(generator.device)

    def generate(self, subnets: Sequence[Subnet]) -> list[dict[str, Tensor]]:
        return self.generate_for([(subnet, self.task) for subnet in subnets])

    def generate_for(self, pairs: Sequence[tuple[Given, int]]) -> list[dict[str, Tensor]]:
        """The weights of architectures, each for a task."""
        own = [self.generator.subnet(given, self.embeddings[task]) for given, task in pairs]
        return self.generator.generate(own)

    def statistics(self, architecture: Given) -> Statistics:
        subnet = self.subnet(architecture)
        return self.generator.statistics(
            self.generator.subnet(subnet, self.embeddings[self.task].detach())
        )

    def parameter_groups(self) -> list[ParameterGroup]:
        """The generator's own, and the embeddings, which do not decay."""
        own = ParameterGroup("embeddings", [self.embeddings], decay=False)
        return [*self.generator.parameter_groups(), own]


class Conditioned(Method, Regularized):
    """W_t(a) = f(a, e_t), and the loss of a task T and β/(T-1) Σ_t<T ‖f(a, e_t) - f*(a, e_t)‖².

    von Oswald et al., 2020, "Continual learning with hypernetworks", arXiv 1906.00695, equation 2, without looking ahead
    (ΔΘ = 0, which they found to do as well): f* is the generator as it was before the task, so that what it writes for
    earlier tasks stays. The architecture is a condition beside the task: any size for any task, if training draws sizes (`sampling`).
    Embeddings of earlier tasks stay; norms have statistics a task.

    Args:
        generator: that reads a condition of C numbers, as `hypernas` does with `condition_dim=C`.
        num_tasks: of the stream.
        beta: β.
        num_compared: earlier tasks that are compared in a step, drawn at random; None for all.
        seed: of the embeddings, and of these draws.
    """

    @checked
    def __init__(
        self,
        generator: Generator,
        *,
        num_tasks: int,
        beta: float = 0.01,
        num_compared: int | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(generator, num_tasks=num_tasks)
        if beta < 0 or (num_compared is not None and num_compared < 1):
            raise ValueError(
                f"beta must be 0 or more and num_compared 1 or more, got {beta} and {num_compared}."
            )
        self.beta, self.num_compared, self.seed = beta, num_compared, seed
        self.tasks = TaskGenerator(generator, num_tasks=num_tasks, seed=seed)
        self._norms = TaskTensors(lambda: running_statistics(generator))
        self._before: TaskGenerator | None = None  # as it was, while a task is learned
        self._targets: tuple[Architecture, dict[int, dict[str, Tensor]]] | None = None
        self._rng, self._learned = torch.Generator(), 0

    def learn(self, task: int, data: Data) -> Iterator[Phase]:
        self._norms.begin()
        self._before, self._targets = copy.deepcopy(self.tasks), None
        self._rng.manual_seed((self.seed * 1_000_003 + task) % 2**62)
        embeddings, later = self.tasks.embeddings, torch.arange(self.num_tasks) == task
        entries = later.to(embeddings.device)[:, None].expand_as(embeddings)
        yield Phase(self.tasks.parameter_groups(), entries={embeddings: entries})
        self._norms.keep(task)
        self._before, self._learned = None, task + 1

    def penalty(self, task: int, architectures: Sequence[Architecture]) -> Tensor | None:
        if not task or self._before is None:
            return None
        architecture, earlier = architectures[0], list(range(task))
        if self.num_compared is not None:
            order = torch.randperm(task, generator=self._rng)
            earlier = order[: self.num_compared].tolist()
        if self._targets is None or self._targets[0] != architecture:
            self._targets = architecture, {}
        known = self._targets[1]
        if wanted := [t for t in earlier if t not in known]:
            with torch.no_grad():
                targets = self._before.generate_for([(architecture, t) for t in wanted])
            known.update(zip(wanted, targets, strict=True))
        made = self.tasks.generate_for([(architecture, t) for t in earlier])
        terms = [
            (weights[name] - known[t][name]).square().sum()
            for t, weights in zip(earlier, made, strict=True)
            for name in weights
        ]
        return self.beta / len(earlier) * torch.stack(terms).sum()

    @contextlib.contextmanager
    def using(self, task: int) -> Iterator[Generator]:
        before, self.tasks.task = self.tasks.task, task
        try:
            with self._norms.of(task):
                yield self.tasks
        finally:
            self.tasks.task = before

    def stored(self) -> Stored:
        embedding = self.tasks.embeddings[0].nbytes
        own = sum(buffer.nbytes for buffer in running_statistics(self.generator).values())
        tasks = [
            {"embedding": embedding, "statistics": self._norms.num_bytes(task)}
            for task in range(self._learned)
        ]
        return Stored({"generator": num_bytes(self.generator) - own}, tasks)

    def state(self) -> dict[str, Tensor]:
        own = as_part(self.tasks.state_dict(), "generator")
        return (
            own | as_part(self._norms.state(), "norms") | {"learned": torch.tensor(self._learned)}
        )

    def restore(self, state: Mapping[str, Tensor]) -> None:
        self.tasks.load_state_dict(part_of(state, "generator"))
        self._norms.restore(part_of(state, "norms"))
        self._learned = int(state["learned"])
