"""ExSSNeT: a supermask a task, and training of what no earlier task owns."""

from collections.abc import Mapping, Sequence

from torch import Tensor

from hypernas.border import checked
from hypernas.continual.methods.masking import Masking
from hypernas.generators import Generator
from hypernas.masks.transfer import Transfer


class ExSSNeT(Masking):
    """A mask a task, found by its scores; then the weights in it that no earlier mask has are trained.

    Yadav and Bansal, 2022, "Exclusive Supermask Subnetwork Training for Continual Learning", arXiv 2210.10209. Nothing is
    forgotten: earlier tasks' outputs stay what they were, bit for bit. With `transfer` a new task begins with what earlier
    ones have found (KKT).

    Args:
        generator, num_tasks, density, masked, own, signed, transfer, num_neighbours, mask_lr_scale, mask_share: see `Masking`.
        weight_lr_scale, seed: see `Masking`.
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
        mask_share: float = 0.5,
        weight_lr_scale: float = 1.0,
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
            mask_share=mask_share,
            weight_lr_scale=weight_lr_scale,
            seed=seed,
        )

    def trainable(self, masks: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        return self._owner.free(masks)
