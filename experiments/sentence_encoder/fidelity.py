"""Nearness of an encoder to the one it was made from, on sentences that nothing was trained on."""

import torch
from text import Sentences, embed
from torch import Tensor, nn

# Legend: N sentences, D numbers of an embedding, K neighbours.

NUM_NEIGHBOURS = 10


def fidelity(encoder: nn.Module, sentences: Sentences) -> dict[str, float]:
    """Measures of an encoder against the embeddings that came with the sentences.

    `cosine` is the mean cosine of both embeddings of a sentence; `neighbours` the share of a sentence's
    ten nearest others that are the same; `nearest` that of sentences whose nearest other is the same;
    `found` that of sentences whose own embedding by the trained encoder is the nearest of all of them to
    the one made here, as where an index of the trained encoder's is asked.
    """
    own, taught = embed(encoder, sentences.tokens), sentences.embeddings
    here, there = (neighbours(x) for x in (own, taught))
    same = (here[:, :, None] == there[:, None, :]).any(2)
    return {
        "cosine": float((own * taught).sum(1).mean()),
        "neighbours": float(same.float().mean()),
        "nearest": float((here[:, 0] == there[:, 0]).float().mean()),
        "found": float(((own @ taught.T).argmax(1) == torch.arange(len(own))).float().mean()),
    }


def neighbours(embeddings: Tensor) -> Tensor:  # (N, D) of length 1 -> (N, K), the nearest first
    similarities = embeddings @ embeddings.T
    return similarities.fill_diagonal_(-torch.inf).topk(NUM_NEIGHBOURS, dim=1).indices
