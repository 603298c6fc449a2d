"""One network for all inputs: gates become constants, and what is off is gone."""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from hypernas.border import checked
from hypernas.masks.consensus.decision import Decision
from hypernas.masks.consensus.gated import GatedNetwork
from hypernas.masks.consensus.removal import remove
from hypernas.subnet.arguments import Arguments
from hypernas.subnet.difference import difference
from hypernas.subnet.norms import calibrate
from hypernas.subnet.structure import tensors


@checked
def frozen(
    network: GatedNetwork,
    decision: Decision,
    example: Any,
    *,
    calibration: Sequence[Any] = (),
) -> nn.Module:
    """A plain module, of the network's own class, that computes what the network does under the gates of a decision.

    Layers whose gate is off are the identity, experts one layer, channels cut away; of the gates no trace is left.

    Args:
        example: inputs of a batch, on which that is checked.
        calibration: batches of inputs, from which statistics of batch norms are computed anew; none leaves them.

    Raises:
        ValueError: if it does not compute the same (a layer with experts that is not linear in its parameters), or
            see `hypernas.masks.consensus.removal.remove`.
    """
    whole = copy.deepcopy(network).eval().cpu()
    for name in network.names:
        whole.level_of(name).settle(whole.network, name, decision.kept[name])
    found = remove(whole.network, example)
    given = Arguments.of(example)
    with torch.no_grad():
        reference = copy.deepcopy(network).eval().cpu()
        expected = reference.under(decision.kept, *given.positional, **given.keywords)
        outputs = found(*given.positional, **given.keywords)
    for x, y in zip(tensors(expected), tensors(outputs), strict=True):
        if not (apart := difference(y, x, least=1e-30)) < 1e-4:
            raise ValueError(
                f"the frozen network differs from that with constant gates by {apart:.1e} of its largest output: "
                f"level=expert is for layers that are linear in their parameters, as nn.Linear and convolutions are."
            )
    if calibration:
        own = dict(found.named_buffers())
        for name, statistic in calibrate(
            found, dict(found.named_parameters()), calibration
        ).items():
            own[name].copy_(statistic)
    return found
