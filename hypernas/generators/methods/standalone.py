"""No sharing at all: every architecture has weights of its own."""

import json
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

from hypernas.border import checked
from hypernas.generators.banks.bank import key
from hypernas.generators.generator import Generator, Given, ParameterGroup
from hypernas.generators.start.start import start_at
from hypernas.generators.start.startable import Startable
from hypernas.generators.start.trained import Start, Trained
from hypernas.generators.statistics import BufferKeeper, Statistics
from hypernas.slicing import prefix
from hypernas.space import SearchSpace
from hypernas.space.architecture import Architecture
from hypernas.subnet.anatomy import Anatomy
from hypernas.subnet.cache import Cache
from hypernas.subnet.norms import norm_statistics
from hypernas.subnet.skeleton import build_seeded, build_skeleton, compute_attributes
from hypernas.subnet.subnet import Subnet
from hypernas.subnet.supernet import Supernet
from hypernas.subnet.target import generated_shapes, placing


class Standalone(Generator, Startable, BufferKeeper):
    """One set of weights for each architecture: the upper bound that sharing is measured against.

    The equation with K = number of architectures and a one-hot coefficient; only what was trained
    is stored. An architecture's weights come to life, initialised by its builder under a seed of
    its own, when it is first asked for in training mode with gradients; elsewhere an architecture
    that was not trained has those initial weights. So parameters appear during training: an
    optimizer must be told of them, as `hypernas.training` does.

    Args:
        seed: of the initialisation, together with the architecture.
        start: a trained module, of which every architecture starts as a slice (see `start_at`). It is
            kept with the weights.
    """

    def __init__(self, space: SearchSpace, *, seed: int = 0, start: Start | None = None) -> None:
        super().__init__(space, num_remembered=8)  # subnets that were not trained hold weights
        self.seed = seed
        self.subnets = nn.ModuleList()
        self.start = nn.Module()  # whose buffers are the tensors that architectures start with
        self._position: dict[Architecture, int] = {}
        self._late: dict[str, None] = {}  # buffers that training changes, beside norm statistics
        names = generated_shapes(build_skeleton(space, space.largest()))
        self.assignment = dict.fromkeys(names, "one for each architecture trained")
        start_at(self, start)

    def generate(self, subnets: Sequence[Subnet]) -> list[dict[str, Tensor]]:
        return [dict(self._module(subnet).named_parameters()) for subnet in subnets]

    def statistics(self, architecture: Given) -> Statistics:
        module = self._module(self.subnet(architecture))
        buffers = dict(module.named_buffers())

        def adopt(changed: Mapping[str, Tensor]) -> None:
            self.take_in(changed)
            for name, value in changed.items():
                buffers[name].copy_(value)

        kept = [*norm_statistics(module), *(name for name in self.late if name in buffers)]
        return Statistics({name: buffers[name] for name in kept}, adopt=adopt)

    @property
    def late(self) -> list[str]:
        return list(self._late)

    def take_in(self, names: Iterable[str]) -> None:
        self._late.update(dict.fromkeys(names))
        for module in self.subnets:
            self._save_late(module)

    def _save_late(self, module: nn.Module) -> None:
        """Make states hold the late buffers of a module, also those that the builder leaves out of them."""
        for path, owner in module.named_modules():
            left_out = owner._non_persistent_buffers_set
            left_out -= {n for n in left_out if (f"{path}.{n}" if path else n) in self._late}

    def running(self) -> dict[str, Tensor]:
        every = dict(self.subnets.named_buffers())
        return {n: b for n, b in every.items() if n.partition(".")[2] in self._late}

    def as_built(self) -> dict[str, Tensor]:
        modules = [self._fresh(architecture) for architecture in self._position]
        every = dict(nn.ModuleList(modules).named_buffers())
        return {n: b for n, b in every.items() if n.partition(".")[2] in self._late}

    @property
    def architectures(self) -> list[Architecture]:
        """Those that have trained weights, in the order in which they came."""
        return list(self._position)

    def _module(self, subnet: Subnet) -> nn.Module:
        architecture = subnet.architecture
        if architecture not in self._position:
            if not (self.training and torch.is_grad_enabled()):
                return subnet.derived(self, lambda: self._fresh(architecture))
            self._add(architecture, self._fresh(architecture))
        return self.subnets[self._position[architecture]]

    def hold(self, trained: Trained) -> None:
        """Let every architecture that has no weights yet start as a slice of these.

        Raises:
            ValueError: if architectures were trained already, or one does not fit inside the largest.
        """
        if self._position:
            raise ValueError(
                f"{len(self._position)} architectures have weights already: start before training."
            )
        given = {**trained.buffers, **trained.weights}
        self._keep({key(name): tensor for name, tensor in given.items()})

    def _keep(self, start: Mapping[str, Tensor]) -> None:
        self._supernet = Supernet(self.space)
        self.start = nn.Module()
        for name, tensor in start.items():
            self.start.register_buffer(name, tensor.detach().to(self.device).clone())
        self._subnets = Cache(8)

    @torch.no_grad()
    def _cut(self, architecture: Architecture, module: nn.Module) -> None:
        """Overwrite a fresh module with slices of the start."""
        if self._supernet is None:
            return
        weights, statistics = self._supernet.place(architecture, Anatomy(module))
        own = {**dict(module.named_parameters()), **dict(module.named_buffers())}
        for name, where in {**weights, **statistics}.items():
            if (whole := self.start._buffers.get(key(name))) is not None:
                own[name].copy_(where(whole))
        for name in self._late:
            if (whole := self.start._buffers.get(key(name))) is not None and name in own:
                own[name].copy_(prefix(tuple(whole.shape), tuple(own[name].shape))(whole))

    def _fresh(self, architecture: Architecture) -> nn.Module:
        module = build_seeded(self.space, architecture, architecture.digest(self.seed))
        self._cut(architecture, module)
        for part in compute_attributes(module).modules():
            for name, parameter in part._parameters.items():
                if parameter is not None and not parameter.requires_grad:
                    part._parameters[name] = None  # the target has them
        return module._apply(placing(self._like.device, self._like.dtype))

    def _add(self, architecture: Architecture, module: nn.Module) -> None:
        self._position[architecture] = len(self.subnets)
        self.subnets.append(module)
        self._save_late(module)

    def parameter_groups(self) -> list[ParameterGroup]:
        own = list(self.parameters())
        return [
            ParameterGroup("matrices", [p for p in own if p.dim() > 1], decay=True),
            ParameterGroup("vectors", [p for p in own if p.dim() <= 1], decay=False),
        ]

    def get_extra_state(self) -> Tensor:
        """Seed and architectures, as bytes of JSON in a tensor, so that safetensors can hold them."""
        architectures = [dict(architecture) for architecture in self._position]
        told = {"seed": self.seed, "architectures": architectures}
        if start := {name: list(t.shape) for name, t in self.start.named_buffers()}:
            told["start"] = start
        if self._late:
            told["late"] = self.late
        return torch.tensor(list(json.dumps(told).encode()), dtype=torch.uint8)

    def set_extra_state(self, state: Tensor) -> None:
        loaded = json.loads(bytes(state.tolist()))
        architectures = [self.space.architecture(values) for values in loaded["architectures"]]
        self._late = dict.fromkeys(loaded.get("late", ()))
        if torch.equal(state.cpu(), self.get_extra_state()):
            return  # an optimizer may hold these parameters
        self.seed = loaded["seed"]
        if start := loaded.get("start"):
            self._keep({name: torch.zeros(shape) for name, shape in start.items()})
        self.subnets = nn.ModuleList()
        self._position = {}
        self._subnets = Cache(8)
        for architecture in architectures:
            self._add(architecture, self._fresh(architecture))


@checked
def has_late_parameters(generator: Generator) -> bool:
    """True if parameters of a generator come to life while it trains."""
    return any(isinstance(part, Standalone) for part in generator.modules())


def create_late_parameters(generator: Generator, subnets: Sequence[Subnet]) -> None:
    """Bring the parameters to life that training these subnets would, if there are any."""
    if has_late_parameters(generator):
        generator.many(subnets)
