"""The loop of a search: ask, measure, record, tell."""

from collections.abc import Iterator, Sequence

from hypernas.cost import Cost
from hypernas.search.evaluated import Evaluated
from hypernas.search.history import History
from hypernas.search.measure import Measure, Sparing, Uncertain
from hypernas.search.search import Search
from hypernas.search.standing import Standing
from hypernas.space import Architecture


def run(
    search: Search,
    measures: Sequence[Measure],
    *,
    num_evaluations: int,
    num_at_once: int = 8,
    num_side_by_side: int = 1,
    history: History | None = None,
    halving: bool = False,
) -> Iterator[list[Evaluated]]:
    """Yield what was evaluated, batch by batch, until there were `num_evaluations` or the search ends.

    What the history has already is told, not measured again; as a search is deterministic, that
    resumes one which was interrupted, if it has the same arguments and the same `num_at_once`.

    Costs are measured of a batch at once, as latencies take turns; everything else of a few architectures
    at a time, which are recorded before the next: whatever ends the process, these are all that is lost.

    Args:
        search: a new one.
        measures: of every objective and constraint.
        num_at_once: architectures that are asked for together, a batch.
        num_side_by_side: of them that are judged together: as many as there are processes.
        history: where evaluations are kept; None keeps them in `search.told` alone.
        halving: tell measures that can stop early what an architecture has to surpass: the front of what was
            told before its batch, so that it is the same however many are measured together, and after an
            interruption.

    Raises:
        ValueError: if a measure is missing, or gives other than one finite number for each.
    """
    check_measures(search.problem.names, measures)
    names = [measure.name for measure in measures]
    record = History(search.problem.space, names) if history is None else history
    while (left := num_evaluations - len(search.told)) > 0:
        asked = search.ask(min(left, num_at_once))
        if not asked:
            return
        new = [architecture for architecture in asked if record.get(architecture) is None]
        standing = Standing.of(search.problem, search.told) if halving else None
        for few in _measured(new, measures, num_side_by_side, standing):
            record.add(few)
        batch = [one for a in asked if (one := record.get(a)) is not None]
        search.tell(batch)
        yield batch


def check_measures(names: Sequence[str], measures: Sequence[Measure]) -> None:
    """Refuse measures that lack one of the names, or have one twice.

    Raises:
        ValueError: naming those that are missing, and those there are.
    """
    there = [measure.name for measure in measures]
    missing = [name for name in names if name not in there]
    if missing or len(set(there)) != len(there):
        raise ValueError(
            f"objectives and constraints need one measure each: {missing or 'none'} missing, there "
            f"are {there}."
        )


def _measured(
    architectures: Sequence[Architecture],
    measures: Sequence[Measure],
    num: int,
    standing: Standing | None,
) -> Iterator[list[Evaluated]]:
    """Every measure of some architectures: costs of all of them, then the others of `num` at a time.

    Raises:
        ValueError: if a measure gives other than one finite number for each.
    """
    costs = [measure for measure in measures if isinstance(measure, Cost)]
    others = [measure for measure in measures if not isinstance(measure, Cost)]
    known = measured(architectures, costs)
    for start in range(0, len(architectures), num):
        few, costs_of_few = architectures[start : start + num], known[start : start + num]
        if standing is not None:
            hurdles = {one.architecture: standing.hurdle(one.values) for one in costs_of_few}
            for measure in others:
                if isinstance(measure, Sparing):
                    measure.expect(hurdles)
        pairs = zip(costs_of_few, measured(few, others), strict=True)
        yield [
            Evaluated(
                cost.architecture,
                {
                    measure.name: {**cost.values, **rest.values}[measure.name]
                    for measure in measures
                },
                {**cost.intervals, **rest.intervals},
                rest.examples,
            )
            for cost, rest in pairs
        ]


def measured(architectures: Sequence[Architecture], measures: Sequence[Measure]) -> list[Evaluated]:
    """Every measure of some architectures, with the intervals of those that know them.

    Raises:
        ValueError: if a measure gives other than one finite number for each.
    """
    if not architectures:
        return []
    columns = {measure.name: list(measure(architectures)) for measure in measures}
    misfits = [
        f"{name}: expected {len(architectures)} finite numbers, got {column}"
        for name, column in columns.items()
        if len(column) != len(architectures)
        or any(abs(value) == float("inf") or value != value for value in column)
    ]
    if misfits:
        raise ValueError("measures do not give one number for each:\n  " + "\n  ".join(misfits))
    ends = {
        measure.name: measure.intervals(architectures)
        for measure in measures
        if isinstance(measure, Uncertain)
    }
    read = [m.examples(architectures) for m in measures if isinstance(m, Sparing)]
    return [
        Evaluated(
            architecture,
            {name: float(column[i]) for name, column in columns.items()},
            {name: column[i] for name, column in ends.items()},
            next((column[i] for column in read if column[i] is not None), None),
        )
        for i, architecture in enumerate(architectures)
    ]
