"""MixtureGrowth as a method of growth."""

from collections.abc import Sequence
from functools import partial

from hypernas.growth.coefficients import Rule
from hypernas.growth.grow import grow
from hypernas.growth.growth import Growth
from hypernas.growth.member import member
from hypernas.growth.members import Divided
from hypernas.training.optimizer import Memory


class Recombine(Growth):
    """Members over templates; new blocks are recombinations of these: see `grow`.

    Args:
        num_templates: T, of each layer of each member.
        templates: patterns of the parameters that have templates: see `member`.
        coefficients, noise, average, silent, inherited_lr_scale: see `grow`.
        coefficient_lr_scale: learning rate of coefficients, in members and in the large network.
    """

    def __init__(
        self,
        *,
        num_templates: int = 2,
        templates: Sequence[str] | str = "*",
        coefficients: Rule = "orthogonal",
        noise: float = 0.1,
        average: Divided = False,
        silent: Sequence[str] | str | None = None,
        coefficient_lr_scale: float = 0.1,
        inherited_lr_scale: float = 1.0,
    ) -> None:
        super().__init__(
            partial(
                grow,
                coefficients=coefficients,
                noise=noise,
                average=average,
                silent=silent,
                coefficient_lr_scale=coefficient_lr_scale,
                inherited_lr_scale=inherited_lr_scale,
            ),
            member=partial(
                member,
                num_templates=num_templates,
                templates=templates,
                coefficient_lr_scale=coefficient_lr_scale,
            ),
            inherit=_kept,
        )


def _kept(memories: Sequence[Memory]) -> Memory:
    """That of templates, coefficients and vectors; what is new starts afresh."""
    places = {"bank.": "bank.banks", "source.": "source.sources"}
    return {
        f"{place}.{m}.{name.removeprefix(part)}": kept
        for m, memory in enumerate(memories)
        for name, kept in memory.items()
        for part, place in places.items()
        if name.startswith(part)
    }
