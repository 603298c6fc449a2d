"""Translators: decoding with and without what was read kept, and steps of training against torch's own encoder-decoder."""

from collections.abc import Callable
from functools import partial

import torch
from clock import Clock, Ready
from plain_translator import PlainTranslator
from steps import GENERATORS, adamw
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, linear

from hypernas import SearchSpace
from hypernas.spaces import seq2seq
from hypernas.training import Update

VOCABULARY, LENGTH, WRITTEN = 4000, 32, 20
SIZES = {"translator, 64 channels": 64, "translator, 256 channels": 256}


def space(dim: int) -> SearchSpace:
    """Three layers of either side, of four heads and four times as many hidden units, are its largest."""
    narrow = 3 * dim // 4
    return seq2seq(
        input_shape=(LENGTH,),
        num_classes=VOCABULARY,
        encoder_dims=(narrow, dim),
        decoder_dims=(narrow, dim),
        encoder_ffn_dims=(2 * dim, 3 * dim, 4 * dim),
        decoder_ffn_dims=(2 * dim, 3 * dim, 4 * dim),
        qkv_dim=dim,
        attend=(1,),
        padding=0,
    )


def decoding(clock: Clock) -> None:
    """Greedy decoding of twenty symbols whatever ends, in units of that with what was read kept."""
    for name, dim in SIZES.items():
        own = space(dim)
        model = own.build(own.largest()).eval()
        for batch in (1, 32):
            source = torch.randint(4, VOCABULARY, (batch, 12))
            arms = {"kept": kept, "target again": target_again, "all again": all_again}
            works = {arm: partial(_ready, decode, model, source) for arm, decode in arms.items()}
            clock.measure("decoding_over_kept", f"{name}, batch {batch}", works, seconds=15)
            plain = PlainTranslator(dim, vocabulary=VOCABULARY, length=LENGTH).eval()
            both = {
                "plain": lambda _, plain=plain, source=source: partial(
                    plain.write, source, WRITTEN
                ),
                "kept": works["kept"],
            }
            clock.measure("decoding_over_plain", f"{name}, batch {batch}", both, seconds=10)


def _ready(decode: Callable[[nn.Module, Tensor], object], model: nn.Module, source: Tensor, i: int):
    return partial(decode, model, source)


@torch.inference_mode()
def kept(model, source: Tensor) -> None:
    state, symbols, step = model.start(source), torch.full((len(source),), 2), model.stepper()
    for _ in range(WRITTEN):
        logits, *state = step(symbols, *state)
        symbols = logits.argmax(-1)


@torch.inference_mode()
def target_again(model, source: Tensor) -> None:
    """The source is read once, what was written of the target for each symbol."""
    mask = (source != 0)[:, None, None, :]
    memories = model.encode(source, mask)
    target = torch.full((len(source), 1), 2)
    for _ in range(WRITTEN):
        x = model.embedding(target)[..., : model.decoder_dim] * model.decoder_dim**0.5
        x = x + model.target_positions[: target.shape[1]]
        for block in model.decoder:
            x = block(x, memories, mask)
        logits = linear(
            model.decoder_norm(x[:, -1]), model.embedding.weight[:, : model.decoder_dim]
        )
        target = torch.cat([target, logits.argmax(-1)[:, None]], dim=1)


@torch.inference_mode()
def all_again(model, source: Tensor) -> None:
    target = torch.full((len(source), 1), 2)
    for _ in range(WRITTEN):
        symbols = model(source, target)[:, -1].argmax(-1)
        target = torch.cat([target, symbols[:, None]], dim=1)


class Plain(nn.Module):
    """torch's encoder-decoder, with one embedding for source, target and head, as in `seq2seq`."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim
        self.embedding = nn.Embedding(VOCABULARY, dim)
        self.register_buffer("positions", torch.randn(LENGTH, dim))
        self.transformer = nn.Transformer(
            d_model=dim,
            nhead=4,
            num_encoder_layers=3,
            num_decoder_layers=3,
            dim_feedforward=4 * dim,
            dropout=0.0,
            activation="gelu",
            batch_first=True,
            norm_first=True,
        )

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        unseen = source == 0
        length = target.shape[1]
        causal = torch.ones(length, length, dtype=torch.bool).triu(1)
        x = self.transformer(
            self._embedded(source),
            self._embedded(target),
            tgt_mask=causal,
            src_key_padding_mask=unseen,
            memory_key_padding_mask=unseen,
            tgt_is_causal=True,
        )
        return linear(x, self.embedding.weight)

    def _embedded(self, symbols: Tensor) -> Tensor:
        return self.embedding(symbols) * self.dim**0.5 + self.positions[: symbols.shape[1]]


def training(clock: Clock) -> None:
    """Steps on the same batches, in units of those of torch's own encoder-decoder of the same size."""
    for name, dim in SIZES.items():
        own = space(dim)
        rng = torch.Generator().manual_seed(0)
        batches = [_batch(rng) for _ in range(8)]
        random = [own.sample(rng) for _ in range(64)]
        arms = {"plain": _step(Plain(dim).train(), batches)}
        for arm, architectures in (("largest", [own.largest()]), ("random", random)):
            for method in ("shared", "hypernas"):
                generator = GENERATORS[method](space(dim)).train()
                update = Update(adamw(list(generator.parameters())))
                fused = "fused" if update.fused else update.path
                arms[f"{method}, {arm}, {fused}"] = _generated(
                    generator, update, architectures, batches
                )
        clock.measure("training_over_torch", name, arms, seconds=45)


def _batch(rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """64 pairs of 8 to 12 symbols, filled up."""
    ids = torch.randint(4, VOCABULARY, (2, 64, 13), generator=rng)
    lengths = torch.randint(8, 13, (2, 64, 1), generator=rng)
    source, whole = ids.where(torch.arange(13) < lengths, 0)
    labels = whole[:, 1:]
    return source[:, :12], whole[:, :-1], labels.where(labels != 0, -100)


def _loss(logits: Tensor, labels: Tensor) -> Tensor:
    return cross_entropy(logits.flatten(0, 1), labels.flatten(), label_smoothing=0.1)


def _step(module: nn.Module, batches: list[tuple[Tensor, Tensor, Tensor]]) -> Ready:
    optimizer = adamw(list(module.parameters()))

    def work(i: int) -> None:
        source, target, labels = batches[i % len(batches)]
        _loss(module(source, target), labels).backward()
        nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()

    return lambda i: partial(work, i)


def _generated(generator, update: Update, architectures, batches) -> Ready:
    def work(i: int) -> None:
        source, target, labels = batches[i % len(batches)]
        with update.noting():
            outputs = generator.call(architectures[i % len(architectures)], source, target)
            _loss(outputs, labels).backward()
        update.step(1.0)

    return lambda i: partial(work, i)
