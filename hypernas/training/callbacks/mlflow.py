"""MLflow; needs the extra `mlflow`."""

from typing import TYPE_CHECKING

from hypernas.events import Begun, Ended, Event, Stateful, Stepped, Validated
from hypernas.events.stateful import State
from hypernas.training.callback import Callback
from hypernas.training.run import TrainingRun

if TYPE_CHECKING:
    from mlflow import MlflowClient

_LONGEST = 500  # characters of a parameter's value that every store takes


class MLflow(Callback, Stateful):
    """Logs `train/*` and `validation/<measure>/<subnet>` by step, and the settings of the run.

    A resumed run goes on with its record. Without a server, a store is a folder, for which mlflow wants
    the variable MLFLOW_ALLOW_FILE_STORE=true, or a database such as sqlite:///mlflow.db, for which it
    needs its full package.

    Args:
        uri: of the server or store; None as the variable MLFLOW_TRACKING_URI says.
        experiment: in which the run is; it is made if there is none of that name.
        name: of the run; None lets mlflow choose one.
    """

    def __init__(
        self, *, uri: str | None = None, experiment: str = "hypernas", name: str | None = None
    ) -> None:
        self.uri, self.experiment, self.name = uri, experiment, name
        self._client: MlflowClient | None = None
        self._id = ""

    def __call__(self, run: TrainingRun, event: Event) -> None:
        match event:
            case Begun(step=step):
                self._begin(run, self._id if step else "")
            case Stepped(step=step, figures=figures) if figures is not None:
                self._log({f"train/{name}": value for name, value in figures.items()}, step)
            case Validated(step=step, subnets=subnets):
                for label, (_, measures) in subnets.items():
                    values = {f"validation/{n}/{label}": v for n, v in measures.items()}
                    self._log(values, step)
            case Ended(step=step, figures=figures, finished=finished):
                self._log({f"final/{name}": value for name, value in figures.items()}, step)
                if self._client is not None:
                    self._client.set_terminated(self._id, "FINISHED" if finished else "FAILED")

    def state(self) -> State:
        return {"id": self._id}

    def restore(self, state: State) -> None:
        self._id = str(state["id"])

    def _begin(self, run: TrainingRun, known: str) -> None:
        try:
            from mlflow import MlflowClient
        except ImportError as error:
            raise ImportError(
                "the callback mlflow needs a package: pip install 'hypernas[mlflow]'."
            ) from error
        self._client = client = MlflowClient(tracking_uri=self.uri)
        if known:
            client.update_run(known, status="RUNNING")
            return
        found = client.get_experiment_by_name(self.experiment)
        place = found.experiment_id if found else client.create_experiment(self.experiment)
        self._id = client.create_run(place, run_name=self.name).info.run_id
        for name, value in run.record.settings.items():
            client.log_param(self._id, name, str(value)[:_LONGEST])

    def _log(self, values: dict[str, float], step: int) -> None:
        for name, value in values.items():
            if self._client is not None:
                self._client.log_metric(self._id, name, value, step=step)
