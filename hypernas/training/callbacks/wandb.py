"""Weights & Biases; needs the extra `wandb`."""

from typing import TYPE_CHECKING, Literal

from hypernas.events import Begun, Ended, Event, Stateful, Stepped, Validated
from hypernas.events.stateful import State
from hypernas.training.callback import Callback
from hypernas.training.run import TrainingRun

if TYPE_CHECKING:
    from wandb import Run


class WandB(Callback, Stateful):
    """Logs `train/*` and `validation/<measure>/<subnet>` by step, and the settings of the run.

    A resumed run goes on with its record.
    Without a network, `mode="offline"` writes into the folder of the run; `wandb sync` uploads it.

    Args:
        project: of Weights & Biases.
        name: of the run; None lets wandb choose one.
        mode: online, offline or disabled; None as the variable WANDB_MODE says.
    """

    def __init__(
        self,
        *,
        project: str = "hypernas",
        name: str | None = None,
        mode: Literal["online", "offline", "disabled"] | None = None,
    ) -> None:
        self.project, self.name = project, name
        self.mode: Literal["online", "offline", "disabled"] | None = mode
        self._run: Run | None = None
        self._id: str | None = None

    def __call__(self, run: TrainingRun, event: Event) -> None:
        match event:
            case Begun(step=step):
                self._run = self._begin(run, self._id if step else None)
                self._id = self._run.id
            case Stepped(step=step, figures=figures) if figures is not None:
                self._log({f"train/{name}": value for name, value in figures.items()}, step)
            case Validated(step=step, subnets=subnets):
                values = {
                    f"validation/{name}/{label}": value
                    for label, (_, measures) in subnets.items()
                    for name, value in measures.items()
                }
                self._log(values, step)
            case Ended(figures=figures, finished=finished):
                if self._run is not None:
                    self._run.summary.update({f"final/{n}": v for n, v in figures.items()})
                    self._run.finish(exit_code=0 if finished else 1)

    def state(self) -> State:
        return {"id": self._id}

    def restore(self, state: State) -> None:
        self._id = str(state["id"])

    def _begin(self, run: TrainingRun, known: str | None) -> "Run":
        try:
            import wandb
        except ImportError as error:
            raise ImportError(
                "the callback wandb needs a package: pip install 'hypernas[wandb]'."
            ) from error
        folder = run.path(".")
        folder.mkdir(parents=True, exist_ok=True)
        return wandb.init(
            project=self.project,
            name=self.name,
            id=known,
            resume="allow" if known else None,
            mode=self.mode,
            dir=str(folder),
            config=dict(run.record.settings),
        )

    def _log(self, values: dict[str, float], step: int) -> None:
        if self._run is not None:
            self._run.log(values, step=step)
