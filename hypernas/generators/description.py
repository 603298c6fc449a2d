"""Size of a generator: parameters stored against weights generated."""

from dataclasses import dataclass

from hypernas.generators.taxonomy import Taxonomy


@dataclass(frozen=True)
class Description:
    """The size of a generator.

    Attributes:
        num_stored: parameters that are trained.
        num_generated: weights of the largest subnet.
        assignment: parameter of the target -> how its weights come about.
        taxonomy: the kind of hypernetwork it is; None if it is none.
    """

    num_stored: int
    num_generated: int
    assignment: dict[str, str]
    taxonomy: Taxonomy | None

    @property
    def stored_per_weight(self) -> float:
        return self.num_stored / max(1, self.num_generated)

    def __str__(self) -> str:
        lines = [
            f"{self.num_stored:,} parameters stored for {self.num_generated:,} weights of the "
            f"largest subnet ({self.stored_per_weight:.2f} a weight)"
        ]
        lines += [f"  {self.taxonomy}"] if self.taxonomy else []
        kinds: dict[str, list[str]] = {}
        for name, kind in self.assignment.items():
            kinds.setdefault(kind, []).append(name)
        lines += [
            f"  {kind}: {len(names)} parameters, {names[0]} first" for kind, names in kinds.items()
        ]
        return "\n".join(lines)
