"""Encoder-decoder transformers, elastic on both sides, after Hardware-Aware Transformers."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Literal

from hypernas.border import checked
from hypernas.slicing import PREFIX
from hypernas.space import SearchSpace
from hypernas.space.choice import Choice
from hypernas.spaces.encoder_decoder import DecoderBlock, EncoderDecoder
from hypernas.spaces.transformer_block import TransformerBlock
from hypernas.spaces.translation_features import FEATURES


@checked
def seq2seq(
    *,
    input_shape: Sequence[int],
    num_classes: int,
    encoder_depths: Sequence[int] = (2, 3),
    decoder_depths: Sequence[int] = (1, 2, 3),
    encoder_dims: Sequence[int] = (48, 64),
    decoder_dims: Sequence[int] = (48, 64),
    encoder_ffn_dims: Sequence[int] = (96, 128, 192),
    decoder_ffn_dims: Sequence[int] = (96, 128, 192),
    heads: Sequence[int] = (2, 4),
    qkv_dim: int = 64,
    attend: Sequence[int] = (1, 2),
    padding: int | None = None,
    dropout: float = 0.0,
    encoding: Literal["aggr", "fine"] | None = None,
) -> SearchSpace:
    """Translators, called with a source and a target of at most input_shape = (length,) symbols.

    The space of Wang et al., "HAT: Hardware-aware transformers for efficient natural language
    processing", 2020, arXiv 2005.14187. Theirs for WMT is `encoder_depths=[6]`, `decoder_depths=[1,
    2, 3, 4, 5, 6]`, `encoder_dims=decoder_dims=[512, 640]`, `heads=[4, 8]`, `qkv_dim=512`,
    `encoder_ffn_dims=decoder_ffn_dims=[1024, 2048, 3072]`, `attend=[1, 2, 3]`. As there, queries,
    keys and values have `qkv_dim` channels in every subnet and the heads divide them among
    themselves, so the number of heads changes no shape; and one embedding of `num_classes` symbols
    serves source, target and head, scaled by the root of a side's channels where symbols enter. Positions are
    sines of the widest side's frequencies, of which every width has the first. We deviate in norms before the layers
    instead of after, and GELU instead of ReLU.

    Choices: `encoder_depth`, `encoder_dim`, `decoder_depth`, `decoder_dim`; for each encoder layer
    i that is there: `encoder_heads_i`, `encoder_ffn_i`; and for each decoder layer i:
    `decoder_heads_i`, `cross_heads_i` (of the attention to the encoder), `decoder_ffn_i`, and
    `attend_i`, how many of the last encoder layers it attends to (HAT's arbitrary attention).

    Args:
        encoder_depths, decoder_depths, encoder_dims, decoder_dims: to choose from.
        encoder_ffn_dims, decoder_ffn_dims: units of the feed-forward layers, to choose from.
        heads: of every attention, to choose from; each must divide qkv_dim.
        qkv_dim: channels of all heads together.
        attend: to choose from, at most the smallest encoder depth.
        padding: the symbol that fills up sources and is not attended to; None if there is none.
        dropout: of the embeddings and of what each layer adds, on the widest of a side; narrower ones have less in
            proportion to their channels.
        encoding: features that generators read: None for those of the choices, or as published with Mixture-of-Supernets "aggr",
            means over layers, or "fine", each layer (see `hypernas.spaces.translation_features`).

    Raises:
        ValueError: if the input has not one axis, the heads do not divide qkv_dim, or a decoder
            layer could attend to more layers than the encoder has.
    """
    if len(input_shape) != 1:
        raise ValueError(
            f"space=seq2seq needs sequences of shape (length,), got the shape {tuple(input_shape)}."
        )
    if any(number < 1 or qkv_dim % number for number in heads):
        raise ValueError(f"heads must divide qkv_dim={qkv_dim}, got {list(heads)}.")
    if encoding not in (None, *FEATURES):
        raise ValueError(f"encoding must be one of {[*FEATURES]}, or None, got {encoding!r}.")
    if not 1 <= min(attend) <= max(attend) <= min(encoder_depths):
        raise ValueError(
            f"attend must be between 1 and the smallest encoder depth, {min(encoder_depths)}, "
            f"got {list(attend)}."
        )
    choices: dict[str, Choice | Sequence[Any]] = {
        "encoder_depth": list(encoder_depths),
        "encoder_dim": list(encoder_dims),
    }
    for i in range(max(encoder_depths)):
        there = {"encoder_depth": [depth for depth in encoder_depths if depth > i]}
        choices[f"encoder_heads_{i}"] = Choice(heads, when=there)
        choices[f"encoder_ffn_{i}"] = Choice(encoder_ffn_dims, when=there)
    choices |= {"decoder_depth": list(decoder_depths), "decoder_dim": list(decoder_dims)}
    for i in range(max(decoder_depths)):
        there = {"decoder_depth": [depth for depth in decoder_depths if depth > i]}
        choices[f"decoder_heads_{i}"] = Choice(heads, when=there)
        choices[f"cross_heads_{i}"] = Choice(heads, when=there)
        choices[f"decoder_ffn_{i}"] = Choice(decoder_ffn_dims, when=there)
        choices[f"attend_{i}"] = Choice(attend, when=there)
    build = partial(
        _build,
        qkv_dim=qkv_dim,
        length=input_shape[0],
        vocabulary=num_classes,
        padding=padding,
        encoder_dropout=dropout / max(encoder_dims),
        decoder_dropout=dropout / max(decoder_dims),
        widest=max(*encoder_dims, *decoder_dims),
    )
    # Heads that divide the same channels otherwise, and layers that attend to fewer, compute what no
    # part of the largest network does: prefixes are meant, as in HAT.
    features = None if encoding is None else partial(FEATURES[encoding], _ranges(choices))
    return SearchSpace(choices, build, layouts={"*": PREFIX}, features=features)


def _ranges(choices: Mapping[str, Any]) -> dict[str, Sequence[float]]:
    """The values of each choice, of layers that of the first."""
    return {
        name.removesuffix("_0"): choice.values if isinstance(choice, Choice) else choice
        for name, choice in choices.items()
        if name.endswith("_0") or not name[-1].isdigit()
    }


def _build(
    architecture: Mapping[str, Any],
    *,
    qkv_dim: int,
    encoder_dropout: float,  # per channel
    decoder_dropout: float,
    **fixed: Any,
) -> EncoderDecoder:
    encoder_dim, decoder_dim = architecture["encoder_dim"], architecture["decoder_dim"]
    encoder_dropout, decoder_dropout = encoder_dropout * encoder_dim, decoder_dropout * decoder_dim
    encoder = [
        TransformerBlock(
            model_dim=encoder_dim,
            heads=architecture[f"encoder_heads_{i}"],
            head_dim=qkv_dim // architecture[f"encoder_heads_{i}"],
            hidden=architecture[f"encoder_ffn_{i}"],
            dropout=encoder_dropout,
        )
        for i in range(architecture["encoder_depth"])
    ]
    decoder = [
        DecoderBlock(
            model_dim=decoder_dim,
            memory_dim=encoder_dim,
            self_heads=architecture[f"decoder_heads_{i}"],
            cross_heads=architecture[f"cross_heads_{i}"],
            qkv_dim=qkv_dim,
            hidden=architecture[f"decoder_ffn_{i}"],
            attend=architecture[f"attend_{i}"],
            dropout=decoder_dropout,
        )
        for i in range(architecture["decoder_depth"])
    ]
    return EncoderDecoder(
        encoder_dim=encoder_dim,
        decoder_dim=decoder_dim,
        encoder=encoder,
        decoder=decoder,
        encoder_dropout=encoder_dropout,
        decoder_dropout=decoder_dropout,
        **fixed,
    )
