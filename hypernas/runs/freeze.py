"""Freezing of a run whose gates, or weights, follow inputs: one network for all, written, measured and timed."""

import copy
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import nn

from hypernas.border import checked
from hypernas.conditions import Condition
from hypernas.cost import flops, num_parameters
from hypernas.distributed.device import pick_device
from hypernas.exports import Export, export_file
from hypernas.generators import shared
from hypernas.latency import Latency, Rounds, Timing
from hypernas.masks import Consensus, Decision, GatedNetwork, decide, frozen
from hypernas.objectives import Objective, assess
from hypernas.runs.evaluate import Described, described
from hypernas.runs.load import Run, opened
from hypernas.space import Choice, SearchSpace
from hypernas.space.architecture import Architecture
from hypernas.subnet.arguments import Arguments
from hypernas.training.conditioned import ConditionedSubnet

_MOST = 50  # rounds of a timing


@dataclass(frozen=True, kw_only=True)
class Frozen:
    """The network that is left when gates, or coefficients, are constants.

    Attributes:
        network: on the CPU, in evaluation mode.
        decision: which gates stay, by validation; None where coefficients followed a condition.
        disagreement: of weights over validation batches, where they did (see `hypernas.training.conditioned.Static`); else None.
        measures: of `dynamic` gates or weights, and the `static` network, by name, on test.
        parameters, mflops: of the network with all its gates on, every expert among them, without what decides, or of the
            generator and its subnet; and of what is left.
        timings: of both, one example and thread of onnxruntime, in turns; None if they were not asked for, or both are
            modules of one size.
        export: the written file.
    """

    network: nn.Module
    decision: Decision | None
    disagreement: float | None
    measures: dict[str, dict[str, float]]
    parameters: tuple[int, int]
    mflops: tuple[float, float]
    timings: tuple[Timing, Timing] | None
    export: Export

    def text(self) -> str:
        """All of it in lines."""
        before, after = self.parameters
        lines = [
            f"{after:,} of {before:,} parameters, {self.mflops[1]:.3f} of {self.mflops[0]:.3f} MFLOPs",
        ]
        by = "gates of each input"
        if self.decision is not None:
            kept, undecided = 100 * self.decision.share, 100 * self.decision.undecided
            num = sum(map(len, self.decision.kept.values()))
            lines.insert(0, f"{kept:.1f} % of {num} gates kept, {undecided:.1f} % undecided")
        if self.disagreement is not None:
            by = "weights of each batch"
            lines.insert(0, f"weights of batches are {100 * self.disagreement:.2g} % apart")
        lines += [
            f"test {name}: {value:.4f} by {by}, {self.measures['static'][name]:.4f} static"
            for name, value in self.measures["dynamic"].items()
        ]
        if self.timings is not None:
            whole, left = (timing.median for timing in self.timings)
            lines.append(
                f"latency: {left:.4f} ms, of the whole {whole:.4f} ms: {left / whole:.2f} of it"
            )
        return "\n".join(lines)


@checked
def freeze(
    run: Run | str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    architecture: Described = "largest",
    calibration_batches: int = 16,
    batch_size: int = 64,
    latency: bool = True,
    overwrite: bool = False,
    device: str = "cpu",
) -> Frozen:
    """Make a network whose gates, or weights, follow its inputs one network for all of them, and write it.

    Gates stay that are on for half of the validation inputs or more. Weights that follow the condition of each batch
    become their mean over validation batches, which for a mixture of experts are those of the mean coefficients. Test
    is read afterwards; statistics of batch norms are computed anew.

    Args:
        run: or its folder, of `changes=[gates] objective=consensus`, or of a generator that reads a condition.
        out: file or folder: see `hypernas.exports.export_file`.
        architecture: choices, "largest", "smallest", or the JSON that tables hold.
        calibration_batches: training batches for the statistics of batch norms.
        batch_size: examples of a batch of validation and test, which share a condition.
        latency: time what is left beside the whole network.

    Raises:
        ValueError: if the run's network has no gates, and its generator reads no condition, or both; or channels cannot be
            removed: see `hypernas.masks.frozen`.
        ExportError: see `hypernas.exports.export_file`.
    """
    run = opened(run)
    run.generator.to(pick_device(device)).eval()
    made = _agreed if run.condition is None else _merged
    found = made(run, described(run, architecture), calibration_batches, batch_size)
    rest = (lambda inputs: inputs) if run.condition is None else run.condition.rest
    alone = _space({"frozen": found.left})
    export = export_file(
        shared(alone, start=found.left),
        alone.largest(),
        out,
        inputs=rest(run.data.example("validation", num=8)),
        overwrite=overwrite,
    )
    batches = run.data.in_order("test", batch_size=batch_size, device=found.device)
    dynamic = assess(found.dynamic, batches, run.objective, rest=rest)
    dynamic.pop("gates_on", None)

    def alone_on(*inputs: Any, **keywords: Any) -> Any:
        given = Arguments.of(rest(Arguments(inputs, keywords).as_inputs()))
        return found.left(*given.positional, **given.keywords)

    static = assess(alone_on, run.data.in_order("test"), found.objective, rest=rest)
    one = rest(run.data.example("validation", num=1))
    both = (found.whole, found.left)
    return Frozen(
        network=found.left,
        decision=found.decision,
        disagreement=found.disagreement,
        measures={"dynamic": dynamic, "static": static},
        parameters=(found.num_parameters, num_parameters(found.left)),
        mflops=(flops(found.whole, one) / 1e6, flops(found.left, one) / 1e6),
        timings=_timed(*both, one) if latency and found.whole is not found.left else None,
        export=export,
    )


@dataclass(frozen=True, kw_only=True)
class _Found:
    """A network that is left, and what it is compared with.

    Attributes:
        dynamic: inputs on the device -> outputs, before.
        whole: the module that computes as much as that; the one that is left where it is of its size.
        objective: of what is left.
    """

    left: nn.Module
    dynamic: Callable[..., Any]
    whole: nn.Module
    num_parameters: int
    objective: Objective
    device: torch.device | str = "cpu"
    decision: Decision | None = None
    disagreement: float | None = None


def _agreed(run: Run, architecture: Architecture, num_batches: int, batch_size: int) -> _Found:
    """The network that gates agree on."""
    generator, inputs = run.generator, run.data.calibration(num_batches)
    on_device = run.data.calibration(num_batches, device=generator.device)
    statistics = generator.calibrate(architecture, on_device)
    gated = generator.export(architecture, statistics=statistics)
    if not isinstance(gated, GatedNetwork) or not isinstance(run.objective, Consensus):
        raise ValueError(
            f"the network of {run.folder} has no gates, or its objective makes none agree: expected a run of "
            f"hypernas train changes=[gates] objective=consensus, or one with a condition, got a {type(gated).__name__} and "
            f"the objective {type(run.objective).__name__}."
        )
    validation = run.data.in_order("validation", batch_size=batch_size)
    decision = decide(gated.cpu(), (batch for batch, _ in validation))
    example = run.data.example("validation", num=8)
    return _Found(
        left=frozen(gated, decision, example, calibration=inputs),
        dynamic=gated,
        whole=_Whole(gated) if gated.level == "expert" else gated.network,
        num_parameters=gated.num_ungated,
        objective=run.objective.objective,
        decision=decision,
    )


def _merged(run: Run, architecture: Architecture, num_batches: int, batch_size: int) -> _Found:
    """The subnet of the mean of weights that follow a condition."""
    generator, condition = run.generator, cast(Condition, run.condition)
    device = generator.device
    subnet = ConditionedSubnet(generator, architecture, condition)
    validation = run.data.in_order("validation", batch_size=batch_size, device=device)
    static = subnet.static(batch for batch, _ in validation)
    batches = run.data.calibration(num_batches, batch_size=batch_size, device=device)
    subnet.statistics = subnet.calibrate(batches)
    plain = generator.subnet(architecture, torch.zeros(generator.condition_dim))
    kept = generator.calibrate(plain, map(condition.rest, batches), weights=static.weights)
    left = generator.export(plain, weights=static.weights, statistics=kept).cpu()
    if isinstance(left, GatedNetwork):
        raise ValueError(
            f"the network of {run.folder} has gates, and its generator reads a condition: expected one of both, as its gates "
            f"would have to be decided under one set of weights."
        )
    return _Found(
        left=left,
        dynamic=subnet,
        whole=left,
        num_parameters=generator.describe().num_stored,
        objective=run.objective,
        device=device,
        disagreement=static.disagreement,
    )


class _Whole(nn.Module):
    """A network with all its experts, mixed alike for all inputs."""

    def __init__(self, gated: GatedNetwork) -> None:
        super().__init__()
        self.gated = gated

    def forward(self, *inputs: Any, **keywords: Any) -> Any:
        gates = {name: self.gated.level_of(name).gate.logits for name in self.gated.names}
        every = {name: torch.ones(own.out_features) for name, own in gates.items()}
        return self.gated.under(every, *inputs, **keywords)


def _space(networks: dict[str, nn.Module]) -> SearchSpace:
    """A space of modules that are there."""
    return SearchSpace(
        {"network": Choice([*networks], ordered=False)},
        lambda architecture: copy.deepcopy(networks[str(architecture["network"])]),
    )


def _timed(whole: nn.Module, left: nn.Module, example: Any) -> tuple[Timing, Timing]:
    space = _space({"whole": whole, "frozen": left})
    latency = Latency(space, example, rounds=Rounds(most=_MOST))
    every = [space.architecture({"network": name}) for name in ("whole", "frozen")]
    latency(every)
    return latency.timings[every[0]], latency.timings[every[1]]
