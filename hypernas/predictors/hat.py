"""The network of Hardware-Aware Transformers."""

import itertools

import numpy as np
import torch
from torch import nn

from hypernas.border import checked
from hypernas.predictors.regressor import Features, Floats, Regressor, State
from hypernas.space.search_space import SearchSpace


class HatNetwork(Regressor):
    """Multi-layer perceptron of normalized features, trained by Adam on squared errors.

    Wang et al., "HAT: Hardware-Aware Transformers for Efficient Natural Language Processing", 2020,
    arXiv 2005.14187: a first layer, three hidden ones of 400 units, a last one; 5,000 steps of 128
    examples at a rate of 1e-5. We deviate in two points: features are divided by the ranges of the
    space, not by constants (give `features` for those), and values by their mean.

    Args:
        dim: units of a layer.
        depth: hidden layers behind the first.
        steps, lr, batch_size: of the training.
        seed: of the initialisation and the draws.
    """

    @checked
    def __init__(
        self,
        space: SearchSpace,
        *,
        dim: int = 400,
        depth: int = 3,
        steps: int = 5000,
        lr: float = 1e-5,
        batch_size: int = 128,
        seed: int = 0,
        features: Features | None = None,
    ) -> None:
        super().__init__(space, features=features, settings={"dim": dim, "depth": depth})
        self.dim, self.depth = dim, depth
        self.steps, self.lr, self.batch_size, self.seed = steps, lr, batch_size, seed

    def learn(self, features: Floats, values: Floats) -> State:
        unit = np.abs(values).mean() or 1.0
        x, y = torch.tensor(features).float(), torch.tensor(values / unit).float()[:, None]
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(self.seed)
            network = self._network(x.shape[1])
        rng = torch.Generator().manual_seed(self.seed)
        optimizer = torch.optim.Adam(network.parameters(), lr=self.lr, fused=True)
        for _ in range(self.steps):
            drawn = torch.randperm(len(x), generator=rng)[: self.batch_size]
            loss = nn.functional.mse_loss(network(x[drawn]), y[drawn])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        weights = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
        return {**weights, "unit": np.array(unit)}

    @torch.no_grad()
    def answer(self, features: Floats, state: State) -> Floats:
        with torch.device("meta"):  # nothing is drawn
            network = self._network(features.shape[1])
        weights = {name: torch.from_numpy(x) for name, x in state.items() if name != "unit"}
        network.load_state_dict(weights, assign=True)
        found = network(torch.tensor(features).float())[:, 0]
        return found.double().numpy() * float(state["unit"])

    def _network(self, inputs: int) -> nn.Sequential:
        dims = [inputs, *[self.dim] * (self.depth + 1)]
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise(dims):
            layers += [nn.Linear(before, after), nn.ReLU()]
        return nn.Sequential(*layers, nn.Linear(self.dim, 1))
