"""TensorBoard: scalars, gate statistics and hyperparameters."""

import os

import torch
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from hypernas.events import Begun, Ended, Event, Stepped, Validated
from hypernas.generators import Generator, coefficients
from hypernas.space.architecture import Architecture
from hypernas.training.callback import Callback
from hypernas.training.run import TrainingRun


class TensorBoard(Callback):
    """Writes event files: `train/*`, `validation/<measure>/<subnet>`, `gates/*`, and hparams.

    At each validation, for every parameter whose bank is weighed by the architecture, a histogram
    of the gates, and one image of all of them: a row for each validated subnet, a column for each
    expert of each parameter. Gates that no architecture changes show as vertical stripes.

    Args:
        folder: of the event files, in that of the run.
    """

    def __init__(self, folder: str | os.PathLike[str] = ".") -> None:
        self.folder = folder
        self._writer: SummaryWriter | None = None

    def __call__(self, run: TrainingRun, event: Event) -> None:
        match event:
            case Begun(step=step):
                folder = os.fspath(run.path(self.folder))
                self._writer = SummaryWriter(folder, purge_step=step + 1 if step else None)
            case Stepped(step=step, figures=figures) if figures is not None:
                for name, value in figures.items():
                    self.writer.add_scalar(f"train/{name}", value, step)
                self.writer.flush()  # so that a killed run has all up to its checkpoint
            case Validated():
                self._validation(event, run.generator)
                self.writer.flush()
            case Ended(figures=figures):
                if figures:
                    metrics = {f"final/{name}": value for name, value in figures.items()}
                    self.writer.add_hparams(dict(run.record.settings), metrics, run_name=".")
                self.writer.close()

    @property
    def writer(self) -> SummaryWriter:
        if self._writer is None:
            raise RuntimeError("the run has not begun: tell Begun first.")
        return self._writer

    def _validation(self, event: Validated, generator: Generator) -> None:
        step = event.step
        for label, (_, measures) in event.subnets.items():
            for name, value in measures.items():
                self.writer.add_scalar(f"validation/{name}/{label}", value, step)
        if generator.condition_dim:  # its gates follow each batch
            return
        gates = [_gates(generator, architecture) for architecture, _ in event.subnets.values()]
        shared = [name for name in gates[0] if all(name in row for row in gates)] if gates else []
        for name in shared:
            self.writer.add_histogram(f"gates/{name}", torch.stack([g[name] for g in gates]), step)
        if shared:
            table = torch.stack([torch.cat([row[name] for name in shared]) for row in gates])
            self.writer.add_image("gates/by architecture", _picture(table), step)


def _gates(generator: Generator, architecture: Architecture) -> dict[str, Tensor]:
    """Parameter -> its gates, shape (K,), averaged over neurons where each has its own."""
    with torch.no_grad():
        emitted = coefficients(generator, architecture)
    found = {name: c.experts for name, c in emitted.items() if c.experts is not None}
    return {name: g.float().cpu().reshape(-1, g.shape[-1]).mean(0) for name, g in found.items()}


def _picture(
    table: Tensor,  # shape: (subnets, gates)
) -> Tensor:  # shape: (1, 8 subnets, 8 gates), black the smallest gate, white the largest
    low, high = table.min(), table.max()
    scaled = (table - low) / (high - low).clamp_min(1e-12)
    return scaled.repeat_interleave(8, 0).repeat_interleave(8, 1)[None]
