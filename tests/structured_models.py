"""A model of keyword inputs that returns an object with its own loss, as those of transformers do."""

from collections import OrderedDict
from dataclasses import dataclass, fields
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hypernas import SearchSpace
from hypernas.data import Data

TOKENS, TAGS, LENGTH = 11, 4, 6


@dataclass
class Answer(OrderedDict):
    """An object that is a mapping and has attributes, as transformers' `ModelOutput`."""

    loss: Tensor | None = None
    logits: Tensor | None = None
    states: tuple[Tensor, ...] | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            if getattr(self, field.name) is not None:
                self[field.name] = getattr(self, field.name)

    def __setitem__(self, key, value) -> None:
        super().__setitem__(key, value)
        object.__setattr__(self, key, value)


class Tagger(nn.Module):
    """A tag for each token; what the mask leaves out is neither read nor, by labels of -100, learned."""

    def __init__(self, width: int, shape: str = "object", shift: bool = False) -> None:
        super().__init__()
        self.e = nn.Embedding(TOKENS, width)
        self.f = nn.Linear(width, width)
        self.g = nn.Linear(width, TOKENS if shift else TAGS)
        self.shape, self.shift = shape, shift

    def forward(self, input_ids, attention_mask=None, *, labels=None):
        x = self.e(input_ids)
        mask = torch.ones_like(x[..., 0]) if attention_mask is None else attention_mask
        x = x + (x * mask[..., None]).mean(1, keepdim=True)
        y = self.f(x).tanh()
        logits, loss = self.g(y), None
        if labels is not None:
            rows, wanted = (logits[:, :-1], labels[:, 1:]) if self.shift else (logits, labels)
            loss = F.cross_entropy(rows.flatten(0, 1), wanted.flatten())
        found = {"loss": loss, "logits": logits, "states": (x, y)}
        match self.shape:
            case "object":
                return Answer(**found)
            case "mapping":
                return {key: value for key, value in found.items() if value is not None}
            case "tuple":
                return (logits, y) if loss is None else (loss, logits, y)
        return logits


def space(shape: str = "object", shift: bool = False) -> SearchSpace:
    return SearchSpace({"width": [8, 12, 16]}, lambda a: Tagger(a["width"], shape, shift))


def examples(num: int, seed: int, shift: bool = False) -> list[dict[str, Tensor]]:
    """Tokens, of which a tag is a function, of different lengths."""
    rng = torch.Generator().manual_seed(seed)
    found = []
    for _ in range(num):
        ids = torch.randint(0, TOKENS, (LENGTH,), generator=rng)
        if shift:
            ids = (ids[0] + torch.arange(LENGTH)) % TOKENS
        mask = (torch.arange(LENGTH) < torch.randint(2, LENGTH + 1, (), generator=rng)).float()
        labels = (ids if shift else ids % TAGS).where(mask > 0, -100)
        found.append({"input_ids": ids, "attention_mask": mask, "labels": labels})
    return found


def tags(shift: bool = False) -> Data:
    """Examples that are mappings."""
    parts = [examples(num, seed, shift) for seed, num in enumerate((160, 40, 40))]
    return Data("tags", *parts, input_shape=(LENGTH,), num_classes=TAGS)


def batch(num: int = 5, seed: int = 7, shift: bool = False) -> dict[str, Tensor]:
    some = examples(num, seed, shift)
    return {key: torch.stack([example[key] for example in some]) for key in some[0]}


ADAMW = partial(torch.optim.AdamW, lr=0.02)
