"""Verdicts of the law of slices."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from hypernas.border import checked

State = Literal["holds", "broken", "undecided"]


@dataclass(frozen=True)
class Verdict:
    """Judgement on one architecture or choice.

    Attributes:
        subject: the choice that was made smaller, or an architecture in words.
        state: "holds" if the subnet computes what the largest does on its weights padded by zeros;
            "broken" if it does so only under other layouts; "undecided" if that cannot be told.
        because: the reason of what is undecided, and for what is broken the place.
        layouts: parameter pattern -> layout under which it holds, where it is broken.
        doubts: parameter -> layout that its sizes suggest, where none is proved and a prefix is as doubtful.
        at_risk: sliced parameters of which nothing proves the slices right, and whose layout is not written.
        unreached: True if all agrees that was compared, but the inputs do not reach what is at risk.
        place: the layer at which the networks depart, if they do.
        unpadded: the error of a network that runs, but not on padded examples.
    """

    subject: str
    state: State
    because: str = ""
    layouts: Mapping[str, str] = field(default_factory=dict)
    doubts: Mapping[str, str] = field(default_factory=dict)
    at_risk: tuple[str, ...] = ()
    unreached: bool = False
    place: str | None = None
    unpadded: str = ""

    @property
    def agrees(self) -> bool:
        """True if nothing that was compared speaks against the layouts."""
        return self.state == "holds" or self.unreached

    def __str__(self) -> str:
        text = f"{self.subject}: {self.state}"
        text += f", {self.because}" if self.because else ""
        text += f"; write {written(self.layouts)}" if self.layouts else ""
        return text + (f"; fails on padded examples: {self.unpadded}" if self.unpadded else "")


@checked
def written(layouts: Mapping[str, str]) -> str:
    """Layouts ready to paste."""
    return "layouts={" + ", ".join(f'"{p}": "{text}"' for p, text in layouts.items()) + "}"
