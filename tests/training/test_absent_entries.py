"""What an optimizer with a memory does to what no architecture of a step has."""

import torch
from torch.nn import functional as F

from hypernas import generators
from hypernas.spaces import mlp

RATE = 0.01


def test_under_adam_absent_rows_of_a_width_drift_for_a_while_and_absent_blocks_stand_still():
    """Rows have a gradient of zero, as their tensor has one, and go on with the momentum; blocks have none."""
    space = mlp(input_shape=(12,), num_classes=4, depths=(1, 2), widths=(6, 9), norm="none")
    generator, rng = generators.shared(space), torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(generator.parameters(), lr=RATE)
    x = torch.randn(32, 12, generator=rng)
    labels = torch.randint(4, (32,), generator=rng)

    def train(architecture, steps: int) -> None:
        for _ in range(steps):
            optimizer.zero_grad()
            F.cross_entropy(generator.call(architecture, x), labels).backward()
            optimizer.step()

    def weights() -> dict[str, torch.Tensor]:
        return {name: w.detach().clone() for name, w in generator(space.largest()).items()}

    train(space.largest(), 30)
    before = weights()
    train(space.smallest(), 150)
    moved = {name: (w - before[name]).abs() / RATE for name, w in weights().items()}
    assert moved["layers.1.0.weight"].max() == 0
    drift = moved["layers.0.0.weight"][6:].max()
    assert 1 < drift < 20
    train(space.smallest(), 50)
    after = (weights()["layers.0.0.weight"] - before["layers.0.0.weight"])[6:].abs().max() / RATE
    torch.testing.assert_close(after, drift, rtol=1e-3, atol=0)  # it is over
