"""Qualities: what a judge measures, as measures of a search."""

from collections.abc import Callable, Mapping, Sequence

from hypernas.search.hurdle import Hurdle
from hypernas.search.judge import Judging
from hypernas.search.verdict import Verdict
from hypernas.space import Architecture


class Verdicts:
    """A judge's verdicts, each asked for once.

    Args:
        judging: a judge, or several that share the work.
    """

    def __init__(self, judging: Judging) -> None:
        self._judging = judging
        self._known: dict[Architecture, Verdict] = {}
        self._hurdles: Mapping[Architecture, Hurdle] = {}

    def expect(self, hurdles: Mapping[Architecture, Hurdle]) -> None:
        """Tell what architectures that are judged from now on have to surpass."""
        self._hurdles = hurdles

    def __call__(self, architectures: Sequence[Architecture]) -> list[Verdict]:
        new = [a for a in dict.fromkeys(architectures) if a not in self._known]
        if new:
            self._known |= dict(zip(new, self._judged(new), strict=True))
        return [self._known[architecture] for architecture in architectures]

    def _judged(self, architectures: Sequence[Architecture]) -> list[Verdict]:
        if not self._hurdles:
            return self._judging(architectures)
        return self._judging(architectures, [self._hurdles.get(a) for a in architectures])


class Quality:
    """One measure of an objective, such as accuracy, on the validation split: a `Measure`.

    Args:
        name: of the measure.
        verdicts: shared by the qualities of one search, so that a subnet is judged once for all of them.
    """

    def __init__(self, name: str, verdicts: Verdicts, *, unit: str = "") -> None:
        self.name, self.unit, self._verdicts = name, unit, verdicts

    def __call__(self, architectures: Sequence[Architecture]) -> list[float]:
        return [verdict[self.name].mean for verdict in self._verdicts(architectures)]

    def expect(self, hurdles: Mapping[Architecture, Hurdle]) -> None:
        """Tell what architectures have to surpass, for the judge to stop early at what cannot."""
        self._verdicts.expect(hurdles)

    def examples(self, architectures: Sequence[Architecture]) -> list[int | None]:
        """The examples that were read of each, where judging was stopped early."""
        return [verdict.examples for verdict in self._verdicts(architectures)]

    def intervals(self, architectures: Sequence[Architecture]) -> list[tuple[float, float]]:
        """The mean of each, less and more 1.96 standard errors over the predictions of the split."""
        found = [verdict[self.name] for verdict in self._verdicts(architectures)]
        return [(m.mean - 1.96 * m.error, m.mean + 1.96 * m.error) for m in found]


class Usage:
    """One measure of an `Appraisal`, such as BLEU, on the validation split: a `Measure` without an interval.

    Args:
        name: of the measure.
        appraise: tells all of them of a subnet, and remembers them.
    """

    def __init__(
        self, name: str, appraise: Callable[[Architecture], Mapping[str, float]], *, unit: str = ""
    ) -> None:
        self.name, self.unit, self._appraise = name, unit, appraise

    def __call__(self, architectures: Sequence[Architecture]) -> list[float]:
        return [self._appraise(architecture)[self.name] for architecture in architectures]
