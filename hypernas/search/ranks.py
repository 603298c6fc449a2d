"""Judging on several ranks."""

from collections.abc import Sequence

from hypernas.distributed import ProcessGroup
from hypernas.search.hurdle import Hurdle
from hypernas.search.judge import Judging
from hypernas.search.verdict import Verdict
from hypernas.space import Architecture


class RankJudging:
    """Ranks that judge subnets side by side: rank 0 searches, the others wait for work.

    The verdicts are those of one process, whichever rank gives them, if all have as many threads.

    Args:
        judging: this rank's own.
        ranks: all of them.
    """

    def __init__(self, judging: Judging, ranks: ProcessGroup) -> None:
        self._judging, self._ranks = judging, ranks

    def __call__(
        self,
        architectures: Sequence[Architecture],
        hurdles: Sequence[Hurdle | None] | None = None,
    ) -> list[Verdict]:
        """The verdict on each, in order; on rank 0, while the others `serve`."""
        pairs = list(zip(architectures, hurdles or [None] * len(architectures), strict=True))
        self._ranks.broadcast_object(pairs)
        return self._share(pairs)

    def serve(self) -> None:
        """Judge what rank 0 asks for, until it is done."""
        while (asked := self._ranks.broadcast_object(None)) is not None:
            self._share(asked)

    def done(self) -> None:
        """Let the others go; on rank 0."""
        self._ranks.broadcast_object(None)

    def _share(self, pairs: Sequence[tuple[Architecture, Hurdle | None]]) -> list[Verdict]:
        own = range(self._ranks.rank, len(pairs), self._ranks.size)
        verdicts = self._judging([pairs[i][0] for i in own], [pairs[i][1] for i in own])
        found = self._ranks.all_gather(dict(zip(map(str, own), verdicts, strict=True)))
        return [found[str(i)] for i in range(len(pairs))]
