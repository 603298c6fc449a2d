"""Knowledge transfer by nearest neighbours: which earlier task's mask a new one begins with."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from hypernas.border import checked

Transfer = Literal["none", "best", "always", "mean"]

_FITTED = 0.66  # share of the examples that vote


@checked
def neighbour_accuracy(
    features: Tensor,  # shape: (N, D)
    labels: Tensor,  # shape: (N,)
    *,
    num_neighbours: int = 200,
) -> float:
    """The accuracy, on the last third, of a vote of the nearest neighbours among the first two thirds.

    Args:
        num_neighbours: that vote; at most all there are.

    Raises:
        ValueError: if there are fewer than three examples, or not as many labels.
    """
    if features.dim() != 2 or len(features) < 3 or labels.shape != features.shape[:1]:
        raise ValueError(
            f"expected features of shape (N, D), N being 3 or more, and a label for each, got {tuple(features.shape)} "
            f"and {tuple(labels.shape)}."
        )
    num = max(1, int(_FITTED * len(features)))
    near = torch.cdist(features[num:], features[:num])
    near = near.topk(min(num_neighbours, num), largest=False).indices
    votes = nn.functional.one_hot(labels[:num][near], int(labels.max()) + 1).sum(1)
    return float((votes.argmax(1) == labels[num:]).float().mean())


@checked
def transferred(
    masks: Sequence[Mapping[str, Tensor]],  # of earlier tasks
    accuracies: Sequence[float],  # of each on the new task, by `neighbour_accuracy`
    *,
    chance: float,
    kind: Transfer = "best",
) -> dict[str, Tensor] | None:
    """Votes for the entries that a new task begins with (see `Supermask.begin_at`); None begins afresh.

    KKT of Yadav and Bansal, 2022, arXiv 2210.10209: "best" takes the mask of the best task if that beats chance, "always"
    whatever it does, "mean" the mean of all that beat chance. Theirs are means of scores, kept for each task; here of masks, which
    is all that is kept. Their code adds into a finished task's scores; this changes nothing that it is given.

    Raises:
        ValueError: for an unknown kind.
    """
    if kind not in ("none", "best", "always", "mean"):
        raise ValueError(f"transfer must be none, best, always or mean, got {kind!r}.")
    above = [i for i, accuracy in enumerate(accuracies) if accuracy > chance]
    if kind == "none" or not accuracies or (kind != "always" and not above):
        return None
    best = max(range(len(accuracies)), key=lambda i: accuracies[i])
    chosen = above if kind == "mean" else [best]
    return {
        name: torch.stack([masks[i][name].float() for i in chosen]).mean(0) for name in masks[best]
    }


class Penultimate:
    """The input of the last layer of weights of a module, while it runs.

    Args:
        module: of any kind; the last of its parts that has a matrix, by the order in which they are called, is the head.
    """

    def __init__(self, module: nn.Module) -> None:
        self._last: Any = None
        self._hooks = [
            part.register_forward_pre_hook(self._see)
            for part in module.modules()
            if any(p is not None and p.dim() > 1 for p in part._parameters.values())
        ]

    def _see(self, part: nn.Module, inputs: tuple[Any, ...]) -> None:
        self._last = inputs[0]

    def of(self, run: Callable[[], object]) -> Tensor:  # shape: (N, D)
        """The features of what `run` computes by the module.

        Raises:
            ValueError: if nothing with a matrix was called.
        """
        self._last = None
        run()
        if self._last is None:
            raise ValueError("no layer with a matrix was called: expected a module with a head.")
        return self._last.detach().flatten(1)

    def close(self) -> None:
        """Take the hooks away."""
        for hook in self._hooks:
            hook.remove()
