"""SupSup: a supermask a task, over weights that are never trained."""

from collections.abc import Mapping, Sequence

from torch import Tensor

from hypernas.border import checked
from hypernas.continual.method import Stored
from hypernas.continual.methods.masking import Masking
from hypernas.generators import Generator
from hypernas.masks.transfer import Transfer


class SupSup(Masking):
    """A mask a task, found by its scores, over a bank that stays as it began.

    Wortsman et al., 2020, "Supermasks in Superposition", arXiv 2006.14769. `hypernas.masks.infer_task` tells of which task a
    batch is. The bank is counted as signs: a bit an entry that is masked, if it is of signed constants.

    Args:
        generator, num_tasks, density, masked, own, signed, transfer, num_neighbours, mask_lr_scale, seed: see `Masking`.
    """

    @checked
    def __init__(
        self,
        generator: Generator,
        *,
        num_tasks: int,
        density: float = 0.1,
        masked: Sequence[str] | str | None = None,
        own: bool = False,
        signed: bool = True,
        transfer: Transfer = "none",
        num_neighbours: int = 200,
        mask_lr_scale: float = 10.0,
        seed: int = 0,
    ) -> None:
        super().__init__(
            generator,
            num_tasks=num_tasks,
            density=density,
            masked=masked,
            own=own,
            signed=signed,
            transfer=transfer,
            num_neighbours=num_neighbours,
            mask_lr_scale=mask_lr_scale,
            mask_share=1.0,
            weight_lr_scale=1.0,
            seed=seed,
        )

    def trainable(self, masks: Mapping[str, Tensor]) -> None:
        return None

    def stored(self) -> Stored:
        found = super().stored()
        bank = found.shared["bank"]
        for parameter in self.masked.parameters_masked.values() if self.signed else ():
            bank += -(-parameter.numel() // 8) + parameter.element_size() - parameter.nbytes
        return Stored({"bank": bank}, found.tasks, bits=found.bits, codes=found.codes)
