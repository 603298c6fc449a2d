"""What presets train in tests: small data in double precision, and a run by settings."""

import torch
from torch import nn
from torch.utils.data import TensorDataset
from training_on_ranks import blobs

from hypernas.data import Data
from hypernas.runs.assembly import assemble, callbacks_of, strategy_of, training_of
from hypernas.training.callbacks import Split


def data_of(space: str) -> Data:
    """Data that a space of the library takes."""
    if space == "mlp":
        return blobs(torch.double)
    rng = torch.Generator().manual_seed(0)
    symbols = torch.randint(1, 9, (64, 13), generator=rng)
    images = torch.randn(64, 1, 4, 4, generator=rng, dtype=torch.double)
    targets = symbols[:, 9:].clone()
    targets[:25, 2:] = -100  # the ends of short sentences
    columns, shape = {
        "conv2d": ((images, symbols[:, 0] % 3), (1, 4, 4)),
        "transformer_lm": ((symbols[:, :6], symbols[:, 1:7]), (6,)),
        "seq2seq": ((symbols[:, :5], symbols[:, 5:9], targets), (5,)),
    }[space]
    own = TensorDataset(*columns)
    return Data(space, own, own, own, input_shape=shape, num_classes=9)


def trained_by(ranks, settings):
    """Parameters after a training by settings, whose modules drop nothing, by name."""
    torch.manual_seed(0)  # of a teacher
    space = settings["space"]["_target_"].rpartition(".")[2]
    parts = assemble(settings, data=data_of(space))
    for module in (parts.generator, *vars(parts.objective).values()):
        if isinstance(module, nn.Module):
            module.double()
    for module in parts.generator.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    training_of(settings).run(
        parts.generator,
        parts.task,
        strategy_of(settings, parts),
        callbacks=[own for own in callbacks_of(settings) if isinstance(own, Split)],
        device="cpu",
        ranks=ranks,
    )
    return dict(parts.generator.named_parameters())
