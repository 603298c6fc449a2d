"""Freezing of a run whose network has gates: one smaller network, written, measured and timed."""

import copy
import os
from dataclasses import dataclass
from typing import Any

from torch import nn

from hypernas.border import checked
from hypernas.cost import flops, num_parameters
from hypernas.distributed.device import pick_device
from hypernas.exports import Export, export_file
from hypernas.generators import shared
from hypernas.latency import Latency, Rounds, Timing
from hypernas.masks import Consensus, Decision, GatedNetwork, decide, frozen
from hypernas.objectives import assess
from hypernas.runs.load import Run, opened
from hypernas.space import Choice, SearchSpace

_MOST = 50  # rounds of a timing


@dataclass(frozen=True, kw_only=True)
class Frozen:
    """The network that is left when gates are constants.

    Attributes:
        network: on the CPU, in evaluation mode.
        decision: which gates stay, by validation.
        measures: of `dynamic` gates and the `static` network, by name, on test.
        parameters, mflops: of the network with all its gates on, without gates; and of what is left.
        timings: of both, one example and thread of onnxruntime, in turns; None if they were not asked for.
        export: the written file.
    """

    network: nn.Module
    decision: Decision
    measures: dict[str, dict[str, float]]
    parameters: tuple[int, int]
    mflops: tuple[float, float]
    timings: tuple[Timing, Timing] | None
    export: Export

    def text(self) -> str:
        """All of it in lines."""
        before, after = self.parameters
        lines = [
            f"{100 * self.decision.share:.1f} % of {sum(map(len, self.decision.kept.values()))} gates kept, "
            f"{100 * self.decision.undecided:.1f} % undecided",
            f"{after:,} of {before:,} parameters, {self.mflops[1]:.3f} of {self.mflops[0]:.3f} MFLOPs",
        ]
        lines += [
            f"test {name}: {value:.4f} by gates of each input, {self.measures['static'][name]:.4f} static"
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
    calibration_batches: int = 16,
    latency: bool = True,
    overwrite: bool = False,
    device: str = "cpu",
) -> Frozen:
    """Make the network of a run on a space with gates one for all inputs, and write it.

    Gates stay that are on for half of the validation inputs or more; test is read afterwards. Statistics of batch norms
    are computed anew.

    Args:
        run: or its folder, of `changes=[gates] objective=consensus`.
        out: file or folder: see `hypernas.exports.export_file`.
        calibration_batches: training batches for the statistics of batch norms.
        latency: time what is left beside the whole network.

    Raises:
        ValueError: if the run's network has no gates, or channels cannot be removed: see `hypernas.masks.frozen`.
        ExportError: see `hypernas.exports.export_file`.
    """
    run = opened(run)
    generator = run.generator.to(pick_device(device))
    architecture, inputs = run.space.largest(), run.data.calibration(calibration_batches)
    on_device = run.data.calibration(calibration_batches, device=generator.device)
    statistics = generator.calibrate(architecture, on_device)
    gated = generator.export(architecture, statistics=statistics).cpu()
    if not isinstance(gated, GatedNetwork) or not isinstance(run.objective, Consensus):
        raise ValueError(
            f"the network of {run.folder} has no gates, or its objective makes none agree: expected a run of "
            f"hypernas train changes=[gates] objective=consensus, got a {type(gated).__name__} and the objective "
            f"{type(run.objective).__name__}."
        )
    decision = decide(gated, (batch for batch, _ in run.data.in_order("validation")))
    example = run.data.example("validation", num=8)
    left = frozen(gated, decision, example, calibration=inputs)
    alone = _space({"frozen": left})
    export = export_file(
        shared(alone, start=left), alone.largest(), out, inputs=example, overwrite=overwrite
    )
    measures = {"dynamic": assess(gated, run.data.in_order("test"), run.objective)}
    measures["static"] = assess(left, run.data.in_order("test"), run.objective.objective)
    del measures["dynamic"]["gates_on"]
    one = run.data.example("validation", num=1)
    both = (gated.network, left)
    return Frozen(
        network=left,
        decision=decision,
        measures=measures,
        parameters=(num_parameters(gated.network), num_parameters(left)),
        mflops=(flops(gated.network, one) / 1e6, flops(left, one) / 1e6),
        timings=_timed(*both, one) if latency else None,
        export=export,
    )


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
