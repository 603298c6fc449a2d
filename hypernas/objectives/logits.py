"""The logits among what a module returns."""

from typing import Any

from torch import Tensor
from torch.nn import functional as F

from hypernas.subnet.structure import named_tensors, part_at

# Legend: logits have a class axis of C classes; targets have their shape without that axis.


def logits_of(outputs: Any, output: str | int | None = None) -> Tensor:
    """The tensor among outputs that an objective reads.

    That is, in this order: the one called `output`, if that is given; the outputs, if they are a
    tensor; what they call `logits`; their only tensor.

    Args:
        outputs: a tensor, tuple, list, mapping or object with such parts (a dataclass,
            transformers' `ModelOutput`).
        output: key, attribute or position, or a dotted path of these: see `part_at`.

    Raises:
        ValueError: if there is no such tensor, or several could be meant.
    """
    if output is None and isinstance(outputs, Tensor):
        return outputs
    wanted = "logits" if output is None else str(output)
    found = part_at(outputs, wanted)
    if isinstance(found, Tensor):
        return found
    every = dict(named_tensors(outputs))
    if output is None and len(every) == 1:
        return next(iter(every.values()))
    kinds = [f"{name or 'itself'} {tuple(tensor.shape)}" for name, tensor in every.items()]
    raise ValueError(
        f"the objective reads logits, but the module returned {type(outputs).__name__} with the tensors "
        f"{', '.join(kinds) or 'none'}, and not one called {wanted!r}: give the name or the position of "
        f"the logits, such as objective.output={next(iter(every), 'logits')}."
    )


def cross_entropies(
    logits: Tensor,  # shape: (M, C)
    labels: Tensor,  # shape: (M,)
    *,
    label_smoothing: float = 0.0,
    reduction: str = "none",
) -> Tensor:  # shape: (M,), or () of a reduction
    """The cross-entropy of each prediction, in nats, as torch computes it.

    Raises:
        ValueError: on a CPU, if a target is no class; a GPU ends the process, so that no step has to wait for it.
    """
    try:
        return F.cross_entropy(logits, labels, label_smoothing=label_smoothing, reduction=reduction)
    except IndexError as error:
        raise ValueError(
            f"targets must be classes from 0 to {logits.shape[-1] - 1}, as many as the logits have, or -100 for no "
            f"prediction; they go from {int(labels.min())} to {int(labels.max())}. Is the model, or num_classes of the data, "
            f"another's?"
        ) from error


def rows_of_classes(
    logits: Tensor,
    targets: Tensor | None,  # None for no check
    class_axis: int | None = None,
) -> Tensor:  # shape: (M, C), a row for each target
    """The logits of each prediction, classes last.

    Args:
        class_axis: of the logits; None for the last one, where no other can be meant.

    Raises:
        ValueError: if the shapes of logits and targets do not belong together, or it is not clear
            which axis has the classes.
    """
    last = logits if class_axis is None else logits.movedim(class_axis, -1)
    if targets is None:
        return last.flatten(0, -2)
    wanted, second = targets.shape, (*logits.shape[:1], *logits.shape[2:])
    if last.shape[:-1] != wanted:
        raise ValueError(
            f"targets must have the shape of the logits without the class axis, but the logits are "
            f"{tuple(logits.shape)} with the classes on axis {-1 if class_axis is None else class_axis}, "
            f"so {tuple(last.shape[:-1])} was expected, and the targets are {tuple(wanted)}."
            + (
                " Are the classes on axis 1? Then give class_axis=1 (objective.class_axis=1)."
                if class_axis is None and second == wanted
                else ""
            )
        )
    if class_axis is None and logits.dim() > 2 and second == wanted:
        raise ValueError(
            f"logits of the shape {tuple(logits.shape)} may have their classes on axis 1 or on the "
            f"last, as targets of {tuple(wanted)} fit both: give class_axis=-1 or class_axis=1 "
            f"(objective.class_axis=...)."
        )
    return last.flatten(0, -2)
