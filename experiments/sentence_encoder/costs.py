"""Costs of each size: weights, operations, and time on this machine."""

from typing import Any

import torch
from arms import ARMS
from encoder import CONFIG
from torch import Tensor

from hypernas.cost import Flops, Parameters
from hypernas.latency import Latency

NUM_TOKENS = 32  # of the one sentence


def costs() -> list[dict[str, Any]]:
    """A row for the whole encoder and for each size, plain and between bottlenecks.

    Sizes of a form take turns in onnxruntime, with one thread.
    """
    rows = []
    for arm in ("shared", "mos_bert"):
        space = ARMS[arm].space()
        sizes = {"full": space.largest(), **ARMS[arm].sizes}
        architectures = [space.architecture(architecture) for architecture in sizes.values()]
        latency = Latency(space, sentence())
        measured = zip(
            sizes,
            architectures,
            Parameters(space)(architectures),
            Flops(space, sentence())(architectures),
            latency(architectures),
            strict=True,
        )
        for size, architecture, parameters, flops, milliseconds in measured:
            timing = latency.timings[architecture]
            rows.append(
                {
                    "arm": arm,
                    "size": size,
                    "parameters": round(parameters),
                    "embeddings": embedding_parameters(space.build(architecture)),
                    "mflops": round(flops / 1e6, 1),
                    "latency": round(milliseconds, 3),
                    "low": round(timing.lower, 3),
                    "high": round(timing.upper, 3),
                    "others": round(timing.others, 2),
                }
            )
    return rows


def sentence() -> dict[str, Tensor]:
    ids = torch.randint(CONFIG.vocab_size, (1, NUM_TOKENS), generator=torch.Generator())
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


def embedding_parameters(module: torch.nn.Module) -> int:
    return sum(p.numel() for name, p in module.named_parameters() if name.startswith("embeddings."))
