"""An architecture generator: a network that proposes architectures of a wanted cost."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hypernas.border import checked
from hypernas.sampling.costs import Cost, Costs
from hypernas.space import SearchSpace
from hypernas.space.architecture import Architecture

# Legend: B architectures, C choices in their order, V values of one, D values of all, each choice with one more for "absent".
_RIDGE = 1e-3


class Proposer(nn.Module):
    """An LSTM that decides one choice after the other, given a cost and what it decided before.

    The architecture generator of ShiftNAS (Zhang et al., 2023, ICCV): 64 hidden units, decisions by the straight-through Gumbel-softmax, and
    the loss (cost of the decisions - wanted cost)². There is no public code of it. Ours: its gradient comes of the cost alone, not of the task as
    well; the cost of a decision is a quadratic form of its one-hot values, fitted to random architectures (exact for sums over choices and
    pairs of them); and a bonus for entropy keeps decisions apart that cost the same.

    Args:
        cost: of an architecture; None for its number of parameters.
        hidden_dim: of the LSTM.
        num_samples: random architectures whose cost is looked up for the fit.
        steps: of training, which `fit` takes.
        batch_size: costs a step.
        lr: of Adam.
        entropy: weight of the bonus, a nat a choice against a squared error in units of the range of costs.

    Raises:
        ValueError: if a number is not positive.
    """

    @checked
    def __init__(
        self,
        space: SearchSpace,
        *,
        cost: Cost | None = None,
        hidden_dim: int = 64,
        num_samples: int = 256,
        steps: int = 300,
        batch_size: int = 64,
        lr: float = 0.005,
        entropy: float = 0.003,
    ) -> None:
        if min(hidden_dim, num_samples, steps, batch_size) < 1 or lr <= 0 or entropy < 0:
            raise ValueError(
                f"hidden_dim, num_samples, steps, batch_size and lr must be positive and entropy not negative, got "
                f"{hidden_dim}, {num_samples}, {steps}, {batch_size}, {lr}, {entropy}."
            )
        super().__init__()
        self.space, self.costs = space, Costs(cost)
        self.num_samples, self.steps, self.batch_size = num_samples, steps, batch_size
        self.lr, self.entropy = lr, entropy
        sizes = [len(choice.values) + 1 for choice in space.choices.values()]
        self.start = nn.Parameter(torch.zeros(hidden_dim))
        self.read = nn.ModuleList(nn.Linear(size, hidden_dim) for size in sizes[:-1])
        self.aim = nn.Linear(1, hidden_dim)
        self.cell = nn.LSTMCell(hidden_dim, hidden_dim)
        self.decide = nn.ModuleList(nn.Linear(hidden_dim, size - 1) for size in sizes)

    @checked
    def fit(self, *, seed: int = 0) -> None:
        """Learn to hit costs, afresh, without touching torch's random state.

        Args:
            seed: of the initialisation, the architectures whose cost is looked up, and the training.
        """
        rng = torch.Generator().manual_seed(seed)
        for parameter in self.parameters():
            bound = 1 / math.sqrt(self.start.numel())
            nn.init.uniform_(parameter, -bound, bound, generator=rng)
        surface = self._surface(rng)
        optimizer = torch.optim.Adam(self.parameters(), lr=self.lr)
        for step in range(self.steps):
            temperature = 1.0 - 0.9 * step / self.steps
            wanted = torch.rand(self.batch_size, generator=rng)
            values, entropy = self(wanted, rng, temperature=temperature)
            loss = (surface(values) - wanted).square().mean() - self.entropy * entropy
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    def forward(
        self,
        wanted: Tensor,  # shape: (B,), in units of the range of costs, 0 the smallest's
        rng: torch.Generator,
        *,
        temperature: float = 1.0,
    ) -> tuple[
        Tensor, Tensor
    ]:  # one-hot values of each choice, shape (B, D); nats a choice, shape ()
        """Random decisions, with the gradients of soft ones."""
        num, decided, total = len(wanted), {}, torch.zeros(())
        state = [torch.zeros(num, self.start.numel()) for _ in range(2)]
        inputs = self.start.expand(num, -1)
        for place, (name, choice) in enumerate(self.space.choices.items()):
            state = self.cell(inputs + self.aim(wanted[:, None] - 0.5), state)
            logits = self.decide[place](state[0])
            picked = _picked(logits, rng, temperature)
            there = torch.ones(num)
            for parent, allowed in choice.when.items():
                values = self.space.choices[parent].values
                there = there * decided[parent][:, [values.index(v) for v in allowed]].sum(1)
            decided[name] = torch.cat([picked * there[:, None], 1 - there[:, None]], 1)
            total = total - (logits.softmax(-1) * logits.log_softmax(-1)).sum(-1).mean()
            inputs = self.read[place](decided[name]) if place < len(self.read) else inputs
        return torch.cat(list(decided.values()), 1), total / len(decided)

    @torch.no_grad()
    @checked
    def propose(self, cost: float, *, rng: torch.Generator, num_tries: int = 1) -> Architecture:
        """An architecture of about a cost: of so many that are drawn, the one nearest to it.

        Args:
            cost: in the units of the cost's own.
        """
        low, high = self.costs.range(self.space)
        wanted = torch.full((num_tries,), (cost - low) / ((high - low) or 1.0))
        found = [self._architecture(row) for row in self(wanted, rng)[0]]
        return min(dict.fromkeys(found), key=lambda a: abs(self.costs(self.space, a) - cost))

    def _architecture(self, values: Tensor) -> Architecture:  # of shape: (D,)
        sizes = [len(choice.values) + 1 for choice in self.space.choices.values()]
        picks = zip(self.space.choices.items(), values.split(sizes), strict=True)
        return self.space.architecture(
            {name: choice.values[int(own[:-1].argmax())] for (name, choice), own in picks}
        )

    def one_hot(self, architecture: Architecture) -> Tensor:  # shape: (D,)
        """The decisions that make an architecture."""
        parts = []
        for name, choice in self.space.choices.items():
            there = name in architecture
            place = choice.values.index(architecture[name]) if there else len(choice.values)
            parts.append(F.one_hot(torch.tensor(place), len(choice.values) + 1))
        return torch.cat(parts).float()

    def _surface(self, rng: torch.Generator) -> "Surface":
        space = self.space
        drawn = [space.smallest(), space.largest()]
        drawn += [space.sample_choices(rng) for _ in range(self.num_samples)]
        known = list(dict.fromkeys(drawn))
        low, high = self.costs.range(space)
        values = torch.tensor([self.costs(space, a) for a in known], dtype=torch.double)
        return Surface(
            torch.stack(list(map(self.one_hot, known))), (values - low) / ((high - low) or 1.0)
        )


class Surface:
    """A quadratic form through known values: ridge regression on values and pairs of them, by its kernel.

    Args:
        points: one-hot values, shape (N, D).
        values: shape (N,).
    """

    def __init__(self, points: Tensor, values: Tensor) -> None:
        self._points, self._scale = points.double(), 1 / float(points.sum(1).mean())
        kernel = self._kernel(points)
        kernel.diagonal().add_(_RIDGE)
        self._weights = torch.linalg.solve(kernel, values.double())

    def __call__(self, points: Tensor) -> Tensor:  # (B, D) -> (B,)
        return (self._kernel(points) @ self._weights).to(points.dtype)

    def _kernel(self, points: Tensor) -> Tensor:  # shape: (B, N)
        return (
            1 + self._scale * points.double() @ self._points.T
        ) ** 2  # of large numbers that cancel


def _picked(logits: Tensor, rng: torch.Generator, temperature: float) -> Tensor:  # (B, V), one-hot
    """A value of each row by the Gumbel-softmax: the hard one forward, the soft one's gradient (Jang et al., 2017, arXiv 1611.01144)."""
    uniform = torch.rand(logits.shape, generator=rng).clamp(1e-9, 1 - 1e-7)
    soft = ((logits - (-uniform.log()).log()) / temperature).softmax(-1)
    hard = F.one_hot(soft.argmax(-1), logits.shape[-1]).to(soft.dtype)
    return hard + soft - soft.detach()
