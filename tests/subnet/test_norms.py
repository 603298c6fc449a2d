"""Calibration of the running statistics of norms."""

import torch
from torch import Tensor, nn
from torch.testing import assert_close

from hypernas import SearchSpace, generators
from hypernas.subnet.norms import calibrate, norm_statistics


class Decayed(nn.Module):
    """A norm of a user's own, whose momentum is what stays, and whose statistics are replaced."""

    def __init__(self, width: int, momentum: float = 0.9) -> None:
        super().__init__()
        self.momentum = momentum
        self.register_buffer("running_mean", torch.zeros(width, 1))
        self.register_buffer("running_var", torch.ones(width, 1))

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return (x - self.running_mean) / self.running_var.sqrt()
        var, mean = torch.var_mean(x, (0, 2), keepdim=True, correction=0)
        m = self.momentum
        self.running_mean = m * self.running_mean + (1 - m) * mean[0].detach()
        self.running_var = m * self.running_var + (1 - m) * var[0].detach()
        return (x - mean) / var.sqrt()


class Twice(nn.Module):
    """A norm that is used on two inputs of different lengths."""

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        return self.norm(left).mean() - self.norm(right).mean()


def uses() -> list[tuple[Tensor, Tensor]]:
    rng = torch.Generator().manual_seed(0)
    sizes = [(4, 5), (3, 2), (7, 1)]
    return [
        (torch.randn(n, 3, t, generator=rng), 2 * torch.randn(n, 3, 2 * t, generator=rng) + 5)
        for n, t in sizes
    ]


def averages(parts: list[Tensor], correction: int) -> tuple[Tensor, Tensor]:
    counts = torch.tensor([part.numel() / 3 for part in parts])[:, None]
    means = torch.stack([part.mean((0, 2)) for part in parts])
    variances = torch.stack([part.var((0, 2), correction=correction) for part in parts])
    return (counts * means).sum(0) / counts.sum(), (counts * variances).sum(0) / counts.sum()


def test_a_norm_used_twice_averages_over_the_positions_of_all_uses():
    for norm in (nn.BatchNorm1d(3, momentum=None), nn.SyncBatchNorm(3)):
        module = Twice(norm)
        found = calibrate(module, dict(module.named_parameters()), uses())
        mean, var = averages([part for batch in uses() for part in batch], correction=1)
        assert_close(found["norm.running_mean"], mean)
        assert_close(found["norm.running_var"], var)
        assert_close(
            mean, torch.cat([p.movedim(1, 0).flatten(1) for b in uses() for p in b], 1).mean(1)
        )


def test_a_norm_of_a_users_own_is_averaged_whatever_its_momentum_means():
    module = Twice(Decayed(3))
    found = calibrate(module, {}, uses())
    mean, var = averages([part for batch in uses() for part in batch], correction=0)
    assert_close(found["norm.running_mean"][:, 0], mean)
    assert_close(found["norm.running_var"][:, 0], var)
    assert_close(module.norm.running_mean, torch.zeros(3, 1))


def test_statistics_without_a_momentum_are_constants():
    norm = Decayed(3)
    del norm.momentum
    assert norm_statistics(norm) == {}


class Still(nn.Module):
    """A module whose own `train` keeps its first norm in evaluation mode."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.still = nn.BatchNorm1d(4)
        self.linear = nn.Linear(4, width)
        self.norm = nn.BatchNorm1d(width)

    def train(self, mode: bool = True) -> "Still":
        super().train(mode)
        self.still.eval()
        return self

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.linear(self.still(x)))


def test_a_modules_own_train_is_called_from_the_first_step():
    generator = generators.shared(SearchSpace({"width": [2, 3]}, lambda a: Still(a["width"])))
    inputs = torch.randn(8, 4) + 3
    generator.call({"width": 2}, inputs)
    statistics = generator.statistics({"width": 2}).tensors
    assert_close(statistics["still.running_mean"], torch.zeros(4))
    assert statistics["norm.running_mean"].abs().max() > 0


def test_norms_that_a_module_keeps_in_evaluation_mode_are_not_calibrated():
    generator = generators.shared(SearchSpace({"width": [2, 3]}, lambda a: Still(a["width"])))
    inputs = torch.randn(8, 4) + 3
    found = generator.calibrate({"width": 3}, [inputs])
    assert_close(found["still.running_var"], torch.ones(4))
    plain = generator.export({"width": 3})
    hidden = plain.linear(plain.still(inputs))
    assert_close(found["norm.running_mean"], hidden.mean(0).detach())
