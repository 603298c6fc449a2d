"""Main networks and hypernetworks of other libraries, series in packages, tokenizers."""

import socket
import sys

import numpy as np
import torch
from ready import drawn
from verdicts import answer, words

from hypernas import SearchSpace, check
from hypernas.spaces import mlp


def no_network() -> None:
    """Let whatever asks for a network fail at once."""

    def refused(*_, **__):
        raise OSError("no network in this question")

    socket.socket.connect = refused
    socket.getaddrinfo = refused


def main_networks():
    from hypnettorch import mnets

    with_width = {
        "MLP": (lambda w: mnets.MLP(n_in=6, n_out=3, hidden_layers=(w, w), verbose=False), drawn(4, 6), (4, 8)),
        "LeNet": (lambda w: mnets.LeNet(in_shape=(28, 28, 1), num_classes=w, verbose=False), drawn(4, 784), (5, 10)),
        "ZenkeNet": (lambda w: mnets.ZenkeNet(num_classes=w, verbose=False), drawn(2, 3072), (5, 10)),
        "ResNet": (lambda w: mnets.ResNet(n=1, num_feature_maps=(w, w, 2 * w, 4 * w), verbose=False), drawn(2, 3072), (4, 8)),
        "WRN": (lambda w: mnets.WRN(n=1, k=w, num_feature_maps=(4, 4, 8, 16), verbose=False), drawn(2, 3072), (1, 2)),
    }  # fmt: skip
    told, held = [], True
    for name, (make, x, widths) in with_width.items():
        try:
            space = SearchSpace(
                {"width": list(widths)}, lambda a, make=make: make(a["width"]), "auto", inputs=x
            )
            states = sorted({v.state for v in check(space).verdicts})
            told.append(f"{name} {'/'.join(states)}")
            held &= states == ["holds"]
        except Exception as error:
            told.append(f"{name} {words(error, 120)}")
            held = False
    return held, "; ".join(told)


def hyperlight():
    import hyperlight as hl

    space = mlp(input_shape=(6,), num_classes=3, depths=(1, 2), widths=(4, 8), norm="none")
    subnet = space.build(space.smallest())
    shapes = {n: tuple(p.shape) for n, p in subnet.named_parameters()}
    network = hl.HyperNet(input_shapes={"h": (2,)}, output_shapes=shapes, hidden_sizes=[8])
    weights = network(h=torch.rand(2))
    out = torch.func.functional_call(subnet, dict(weights), (drawn(4, 6),))
    return out.shape == (4, 3), f"outputs {tuple(out.shape)}"


def imports(name: str, *, wanted: bool):
    def question():
        try:
            __import__(name)
        except Exception as error:
            return not wanted, words(error)
        return wanted, f"{name} imported, jax {'there' if 'jax' in sys.modules else 'not there'}"

    return question


def aeon_series():
    no_network()
    from aeon.datasets import load_basic_motions

    x, y = load_basic_motions(split="train")
    return True, f"{np.shape(x)}, {len(set(y))} classes"


def seglearn_series():
    no_network()
    from seglearn.datasets import load_watch

    data = load_watch()
    lengths = {len(series) for series in data["X"]}
    return (
        len(lengths) > 1,
        f"{len(data['X'])} series of {min(lengths)} to {max(lengths)} steps, {data['X'][0].shape[1]} channels",
    )


def tokens(name: str) -> list[str]:
    from sacrebleu.tokenizers import tokenizer_13a, tokenizer_intl

    kinds = {"13a": tokenizer_13a.Tokenizer13a, "intl": tokenizer_intl.TokenizerV14International}
    return kinds[name]()("¿Qué dijo? «Nada», y se fue… ¡Adiós!").split()


def together():
    found = tokens("13a")
    return "¿Qué" in found, " ".join(found)


def parted():
    found = tokens("intl")
    return "¿" in found, " ".join(found)


if __name__ == "__main__":
    answer(
        {
            40: main_networks, 41: hyperlight, 42: imports("hypernn", wanted=False), 43: imports("torchhyper", wanted=True),
            46: together, 47: parted, 44: aeon_series, 45: seglearn_series,
        },
        "torch hypnettorch hyperlight hyper-nn torchhyper sacrebleu aeon seglearn",
    )  # fmt: skip
