"""Fronts of latency and BLEU: chosen on validation, told on test, compared on the same sentences and seeds.

Within a limit of latency a supernet's subnet is that of the highest BLEU on validation among those of the sample that
are as fast. The mean over limits is that over all from the fastest of the sample to its slowest: the area below the front,
in parts of the width.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from setting import BASELINE

from hypernas.data.translation import Sentence
from hypernas.evaluation import write_csv
from hypernas.evaluation.estimate import Estimate
from hypernas.evaluation.translations import translations
from hypernas.runs.load import Run
from hypernas.space import Architecture

Floats = NDArray[np.float64]
SHARES = (1 / 3, 2 / 3, 1.0)  # of the sample that is within a limit: one decoder layer, two, three
MEAN = "mean"
DRAWS = 2000

# Legend: N sentences, B draws, 10 sums: matches of 1 to 4 words, as many that there could be, words written and of references.


@dataclass(frozen=True)
class Choice:
    """The best within limits from `latency` on, up to that of the next."""

    subnet: str
    latency: float  # ms
    validation: float  # BLEU


def steps(latency: Mapping[str, float], bleu: Mapping[str, float]) -> list[Choice]:
    """What is chosen as the limit grows from the fastest: each better on validation than those before it."""
    found: list[Choice] = []
    for subnet in sorted(latency, key=lambda name: (latency[name], -bleu[name])):
        if not found or bleu[subnet] > found[-1].validation:
            found.append(Choice(subnet, latency[subnet], bleu[subnet]))
    return found


def within(found: Sequence[Choice], limit: float) -> Choice:
    return [one for one in found if one.latency <= limit][-1]


def widths(found: Sequence[Choice], slowest: float) -> list[float]:
    """The part of the limits, between the fastest of the sample and the slowest, at which each is chosen."""
    ends = [one.latency for one in found[1:]] + [slowest]
    whole = slowest - found[0].latency
    return [(end - one.latency) / whole for one, end in zip(found, ends, strict=True)]


def sums(written: Sequence[str], sentences: Sequence[Sentence]) -> Floats:  # shape: (N, 10)
    """What BLEU adds up, of each sentence."""
    from sacrebleu.metrics.bleu import BLEU

    measure = BLEU(effective_order=True)  # which sums do not depend on
    scores = [
        measure.sentence_score(text, list(sentence.references))
        for text, sentence in zip(written, sentences, strict=True)
    ]
    return np.array([[*s.counts, *s.totals, s.sys_len, s.ref_len] for s in scores], dtype=float)


def bleu_of(added: Floats) -> Floats:  # shape: (..., 10) -> (...)
    """BLEU of sums over sentences, each of which has a match of four words somewhere, so that nothing is smoothed."""
    precisions = added[..., :4] / added[..., 4:8]
    brevity = np.minimum(1.0, np.exp(1 - added[..., 9] / added[..., 8]))
    return 100 * brevity * np.exp(np.log(precisions).mean(-1))


class TestSplit:
    """BLEU on test of subnets of supernets, over all sentences and over draws of them, the same for all.

    Args:
        opened: arm and seed -> the run.
        folder: of what was read before.
    """

    def __init__(self, opened: Callable[[str, int], Run], folder: Path) -> None:
        self._opened, self._folder = opened, folder
        self._runs: dict[tuple[str, int], Run] = {}
        self._weights: Floats | None = None

    def __call__(self, arm: str, seed: int, subnet: str, architecture: str) -> tuple[float, Floats]:
        """BLEU, and of each draw, of shape (B,)."""
        path = self._folder / f"{arm}-{seed}-{subnet}.npy"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, self._read(arm, seed, architecture))
        own = np.load(path)
        if self._weights is None:
            rng, num = np.random.default_rng(0), len(own)
            self._weights = rng.multinomial(num, np.full(num, 1 / num), DRAWS).astype(float)
        return float(bleu_of(own.sum(0))), bleu_of(self._weights @ own)

    def _read(self, arm: str, seed: int, architecture: str) -> Floats:
        key = (arm, seed)
        run = self._runs.setdefault(key, self._runs.get(key) or self._opened(arm, seed))
        sentences: Any = run.data.sentences["test"]  # pyright: ignore[reportAttributeAccessIssue]
        model = run.generator.export(Architecture.from_json(architecture))
        return sums(translations(model, run.data, [s.source for s in sentences]), sentences)  # pyright: ignore


def write(here: Path, opened: Callable[[str, int], Run], folder: Path) -> None:
    """Write chosen.csv and differences.csv of latency.csv and results.csv."""
    measured = pd.read_csv(here / "latency.csv")
    first = measured[measured["pass"] == "onnxruntime"]
    latency = dict(zip(first["subnet"], first["median"], strict=True))
    results, test = pd.read_csv(here / "results.csv"), TestSplit(opened, folder)
    limits = dict(
        zip(SHARES, np.quantile([*latency.values()], SHARES, method="inverted_cdf"), strict=True)
    )
    rows: list[dict[str, Any]] = []
    draws: dict[tuple[str, int, str], tuple[float, Floats]] = {}
    for (arm, seed), own in results.groupby(["arm", "seed"], sort=False):
        architectures = dict(zip(own["subnet"], own["architecture"], strict=True))
        found = steps(latency, dict(zip(own["subnet"], own["bleu"], strict=True)))
        read = {one.subnet: test(arm, seed, one.subnet, architectures[one.subnet]) for one in found}
        for share, limit in limits.items():
            one = within(found, limit)
            draws[arm, seed, f"{share:.3f}"] = read[one.subnet]
            rows.append(_row(arm, seed, f"{share:.3f}", limit, one, read[one.subnet][0]))
        parts = widths(found, max(latency.values()))
        area = sum(part * read[one.subnet][0] for part, one in zip(parts, found, strict=True))
        over = sum(part * read[one.subnet][1] for part, one in zip(parts, found, strict=True))
        draws[arm, seed, MEAN] = (area, np.asarray(over))
        rows += [_row(arm, seed, "step", one.latency, one, read[one.subnet][0]) for one in found]
    write_csv(here / "chosen.csv", rows)
    write_csv(
        here / "differences.csv", compared(draws, {f"{s:.3f}": ms for s, ms in limits.items()})
    )


def _row(arm: str, seed: int, share: str, limit: float, one: Choice, bleu: float) -> dict[str, Any]:
    return {
        "arm": arm,
        "seed": seed,
        "share": share,
        "limit": round(float(limit), 5),
        "subnet": one.subnet,
        "latency": round(one.latency, 5),
        "validation": round(one.validation, 4),
        "test": round(bleu, 4),
    }


def compared(
    draws: Mapping[tuple[str, int, str], tuple[float, Floats]], limits: Mapping[str, float]
) -> list[dict[str, Any]]:
    """Rows: BLEU of an arm within a limit, and what it is more than that of the baseline with the same seeds."""
    rows = []
    for arm in dict.fromkeys(arm for arm, _, _ in draws):
        seeds = [seed for other, seed, share in draws if (other, share) == (arm, MEAN)]
        paired = [seed for seed in seeds if (BASELINE, seed, MEAN) in draws]
        for share in [*limits, MEAN]:
            own = estimated([draws[arm, seed, share] for seed in seeds])
            more = estimated(
                [
                    (
                        draws[arm, s, share][0] - draws[BASELINE, s, share][0],
                        draws[arm, s, share][1] - draws[BASELINE, s, share][1],
                    )
                    for s in paired
                ]
            )
            rows.append(
                {
                    "arm": arm,
                    "share": share,
                    "limit": round(float(limits[share]), 5) if share in limits else "",
                    "seeds": len(paired),
                    **{f"bleu{end}": round(value, 4) for end, value in own.items()},
                    **{f"more{end}": round(value, 4) for end, value in more.items()},
                }
            )
    return rows


def estimated(several: Sequence[tuple[float, Floats]]) -> dict[str, float]:
    """The mean over seeds, with an interval over sentences (bootstrap) and, of several seeds, over these too."""
    values = tuple(value for value, _ in several)
    low, high = np.quantile(np.mean([draws for _, draws in several], axis=0), [0.025, 0.975])
    here = Estimate(float(np.mean(values)), float(low), float(high), values)
    whole = here.beyond_seeds()
    return {
        "": whole.value,
        "_low": whole.low,
        "_high": whole.high,
        "_here_low": here.low,  # of these very seeds
        "_here_high": here.high,
    }
