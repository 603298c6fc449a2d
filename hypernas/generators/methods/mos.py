"""Mixture-of-Supernets: experts weighed by routers that read the architecture."""

from collections.abc import Collection, Sequence
from functools import partial
from typing import Literal

import torch

from hypernas.generators.banks.bank import PerParameterBank
from hypernas.generators.coefficients.router import Router
from hypernas.generators.coefficients.source import Gate
from hypernas.generators.methods.patterns import matching
from hypernas.generators.mixture import Mixture
from hypernas.generators.start.start import start_at
from hypernas.generators.start.trained import Start
from hypernas.space import SearchSpace
from hypernas.space.encoding import Encoding
from hypernas.subnet.supernet import Supernet


def mos(
    space: SearchSpace,
    *,
    neurons: bool,
    router: Literal["module", "parent"],
    num_experts: int = 4,
    experts: Sequence[str] | str = "*",
    hidden_dim: int = 128,
    dropout: float = 0.1,
    gate: Gate = "softmax",
    temperature: float = 1.0,
    top_k: int | None = None,
    balance: float = 0.0,
    constant: bool = False,
    zero_bias: bool = False,
    spread: float = 1.0,
    independent: bool = False,
    condition_dim: int = 0,
    agreement: float = 0.0,
    seed: int = 0,
    start: Start | None = None,
) -> Mixture:
    """Mixture-of-Supernets (Jawahar et al., 2023, arXiv 2306.04845, section 3).

    As published: a mixture of all experts, weights and biases alike, by a softmax of a two-layer
    router of the whole architecture's encoding. `mos_layer` has one row of gates for all neurons and
    one router for each transformer layer, that is for the modules around which one parent module
    stands; `mos_neuron` has gates for every output neuron and a router for each module.

    We deviate in the encoding (by the space's own ranges; but see `seq2seq`) and the start (variance independent of K, unless
    experts are `independent`: see `PerParameterBank`). Published: 6 experts in the translation script, 2 for BERT, and only
    feed-forward layers have them.

    Args:
        neurons: gates for every output neuron.
        router: one for each module, or for each parent module.
        num_experts: K.
        experts: patterns of the modules (layers) that get experts, of those that own a matrix.
        hidden_dim, dropout, gate, temperature, top_k, constant, zero_bias: see `Router`; not published is top_k; published are
            zero_bias=True for neurons, False for layers.
        balance: weight of a loss against idle experts (see `Mixture`); not published.
        spread: how far experts start apart; 0 starts them as copies, as published for BERT.
        independent: start experts as independent draws, as published for translation: mixed weights are smaller by √K then.
        condition_dim: numbers the routers read beside the architecture (see `Generator`).
        agreement: weight of a loss against gates that differ by condition (see `Mixture`), for experts that are to be merged
            into static weights; not published.
        seed: of the initialisation.
        start: a trained module that the largest subnet starts as (see `start_at`).

    Raises:
        ValueError: if a pattern matches no layer, for an unknown router or gate, if `top_k` is not one
            of 1 to K, for a balance of linear gates, or an agreement without a condition.
    """
    _check(router, balance=balance, gate=gate)
    supernet = Supernet(space)
    layers = {_owner(name): None for name, shape in supernet.shapes.items() if len(shape) > 1}
    chosen = set(matching(layers, experts, purpose="experts"))
    routers = _routers(supernet, chosen, neurons=neurons, by_parent=router == "parent")
    names = [name for members in routers.values() for name in members]
    generator = Mixture(
        supernet,
        bank=PerParameterBank(
            supernet,
            num_experts=dict.fromkeys(names, num_experts),
            spread=spread,
            independent=independent,
            seed=seed,
        ),
        source=Router(
            supernet,
            num_features=Encoding(space).dim + condition_dim,
            routers=routers,
            num_experts=num_experts,
            neurons=neurons,
            hidden_dim=hidden_dim,
            dropout=dropout,
            gate=gate,
            temperature=temperature,
            top_k=top_k,
            constant=constant,
            zero_bias=zero_bias,
            rng=torch.Generator().manual_seed(seed),
        ),
        balance=balance,
        condition_dim=condition_dim,
        agreement=agreement,
    )
    return start_at(generator, start)


def _check(router: str, *, balance: float, gate: Gate) -> None:
    if router not in ("module", "parent"):
        raise ValueError(f"router must be module or parent, got {router!r}.")
    if balance and gate == "linear":
        raise ValueError(
            "balance needs gates that are not negative: softmax or sigmoid, got linear."
        )


def _routers(
    supernet: Supernet, layers: Collection[str], *, neurons: bool, by_parent: bool
) -> dict[str, list[str]]:
    """Router -> the parameters that it gates, of those layers."""
    routers: dict[str, list[str]] = {}
    for name, shape in supernet.shapes.items():
        layer = _owner(name)
        if layer not in layers or (neurons and not shape):
            continue
        group = (_owner(layer) if by_parent else "") or layer
        if neurons:  # one module may own parameters of several heights
            group += f", {shape[0]} neurons"
        routers.setdefault(group, []).append(name)
    return routers


def _owner(name: str) -> str:
    """The module around a parameter, or around a module."""
    return name.rpartition(".")[0]


mos_layer = partial(mos, neurons=False, router="parent")
mos_neuron = partial(mos, neurons=True, router="module")
