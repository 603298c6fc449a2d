"""Modules of unusual parts as targets."""

import copy
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import torch
from packages import law
from ready import METHODS, drawn, made
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune
from verdicts import answer, words

from hypernas import SearchSpace, generators
from hypernas.generators import Generator

X = drawn(5, 6)
WIDTH = {"width": [4, 8]}


class Net(nn.Module):
    """Two layers, the first of them changed."""

    def __init__(self, width: int, change: Callable[[nn.Linear], nn.Module]) -> None:
        super().__init__()
        self.enter, self.leave = change(nn.Linear(6, width)), nn.Linear(width, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.leave(self.enter(x).relu())


def of_changed(change: Callable[[nn.Linear], nn.Module]) -> str:
    try:
        return law(WIDTH, lambda a: Net(a["width"], change), X)
    except Exception as error:
        return words(error, 160)


def weight_norm():
    state = of_changed(parametrizations.weight_norm)
    return state == "holds", state


def spectral_norm():
    state = of_changed(parametrizations.spectral_norm)
    return state.startswith("undecided"), state


def orthogonal():
    state = of_changed(parametrizations.orthogonal)
    return state.startswith("undecided"), state


def far(generator: Generator, *inputs: Any) -> float:
    """How far the export of the smallest subnet is from its call."""
    generator.eval()
    with torch.no_grad():
        plain = generator.export("smallest")
        return float((plain(*inputs) - generator.call("smallest", *inputs)).abs().max())


def pruned(layer: nn.Linear) -> nn.Module:
    torch.manual_seed(0)
    return prune.random_unstructured(layer, "weight", amount=0.5)


def masked():
    space = SearchSpace(WIDTH, lambda a: Net(a["width"], pruned), inputs=X)
    generator = generators.shared(space).eval()
    apart = far(generator, X)
    smallest = space.smallest()
    weights = {n: w.detach().clone() for n, w in generator(smallest).items()}
    before = generator.call(smallest, X, weights=weights)
    mask = dict(space.build(smallest).named_buffers())["enter.weight_mask"]
    weights["enter.weight_orig"] += 1000 * (1 - mask)
    moved = float((generator.call(smallest, X, weights=weights) - before).detach().abs().max())
    return apart <= 1e-6 and moved <= 1e-6, f"export apart by {apart:.1e}; masked entries move outputs by {moved:.1e}"  # fmt: skip


class Waves(nn.Module):
    """A layer of complex weights over the frequencies of its inputs."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mix = nn.Parameter(torch.randn(width, 4, dtype=torch.cfloat) / 2)
        self.leave = nn.Linear(width, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.leave(torch.einsum("wf,nf->nw", self.mix, torch.fft.rfft(x)).abs())


def complex_weights():
    told, held = [], True
    for name in ("shared", "hypernas"):
        try:
            space = SearchSpace(WIDTH, lambda a: Waves(a["width"]), inputs=X)
            generator = made(name, space)
            losses = trained(generator, X)
            kind = generator(space.smallest())["mix"].dtype
            told.append(f"{name} {kind}, loss {losses[0]:.2f} to {losses[-1]:.2f}, export apart by {far(generator, X):.0e}")  # fmt: skip
            held &= kind == torch.cfloat and losses[-1] < losses[0]
        except Exception as error:
            told.append(f"{name} {words(error, 150)}")
            held = False
    return held, "; ".join(told)


def trained(generator: Generator, *inputs: Any, steps: int = 20) -> list[float]:
    optimizer = torch.optim.Adam(generator.parameters(), lr=0.02)
    losses = []
    for _ in range(steps):
        loss = generator.call("smallest", *inputs).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
    return losses


class Words(nn.Module):
    def __init__(self, width: int, **options: Any) -> None:
        super().__init__()
        self.read, self.leave = nn.Embedding(9, width, **options), nn.Linear(width, 3)

    def forward(self, ids: Tensor) -> Tensor:
        return self.leave(self.read(ids).mean(1))


IDS = torch.arange(20).view(5, 4) % 9


def words_space(**options: Any) -> SearchSpace:
    return SearchSpace(WIDTH, lambda a: Words(a["width"], **options), inputs=IDS)


def sparse():
    wrong = []
    for name in METHODS:
        try:
            trained(made(name, words_space(sparse=True)), IDS, steps=2)
        except Exception as error:
            wrong.append(f"{name}: {words(error, 60)}")
    return len(wrong) >= 8, "; ".join(wrong) or f"{len(METHODS)} of {len(METHODS)} generators train"


def renormed():
    """Rows longer than 1 are shortened by the embedding itself, in place."""
    told, changed = [], False
    for mode in (False, True):
        generator = generators.shared(words_space(max_norm=0.1)).train(mode)
        before = copy.deepcopy(generator.state_dict())
        try:
            outputs = generator.call("smallest", IDS)
            outputs.sum().backward()
        except Exception as error:
            told.append(words(error, 150))
            continue
        after = generator.state_dict()
        moved = [n for n in before if not torch.equal(before[n], after[n])]
        changed |= bool(moved)
        plain = generator.export("smallest")
        apart = float((plain(IDS) - outputs).detach().abs().max())
        told.append(f"{'training' if mode else 'evaluation'}: changed {moved or 'nothing'}, export apart by {apart:.0e}")  # fmt: skip
    return changed, "; ".join(told)


def lazy():
    try:
        space = SearchSpace(WIDTH, lambda a: nn.Sequential(nn.LazyLinear(a["width"]), nn.LazyLinear(3)), inputs=X)  # fmt: skip
        generators.shared(space).call("smallest", X)
    except Exception as error:
        told = words(error, 300)
        return "lazy" in told.lower() or "uninitialized" in told.lower(), told
    return False, "taken"


def quantized():
    from torch.ao import quantization

    def build(a: Mapping[str, Any]) -> nn.Module:
        net = nn.Sequential(quantization.QuantStub(), nn.Linear(6, a["width"]), nn.ReLU(), nn.Linear(a["width"], 3))  # fmt: skip
        net.train()
        net.qconfig = quantization.get_default_qat_qconfig("fbgemm")  # pyright: ignore
        return quantization.prepare_qat(net)

    warnings.simplefilter("ignore")
    try:
        state = law(WIDTH, build, X)
        generator = generators.shared(SearchSpace(WIDTH, build, inputs=X))
        losses = trained(generator, X)
        apart = far(generator, X)
    except Exception as error:
        return False, words(error, 220)
    told = f"{state}; loss {losses[0]:.3f} to {losses[-1]:.3f}; export apart by {apart:.0e}"
    return state == "holds" and apart <= 1e-6, told


def hooks():
    counts: list[int] = []

    def build(a: Mapping[str, Any]) -> nn.Module:
        net = Net(a["width"], lambda layer: layer)
        net.enter.register_forward_hook(lambda *_: counts.append(1))
        return net

    wrong = []
    for name in METHODS:
        generator = made(name, SearchSpace(WIDTH, build, inputs=X))
        generator.call("smallest", X)
        counts.clear()
        generator.call("smallest", X)
        if len(counts) != 1:
            wrong.append(f"{name} {len(counts)}")
    return not wrong, "; ".join(wrong) or f"once for each of {len(METHODS)} generators"


class Encoder(nn.Module):
    def __init__(self, hidden: int) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, 2, hidden, batch_first=True, dropout=0.0)
        self.body = nn.TransformerEncoder(layer, 2)

    def forward(self, x: Tensor, absent: Tensor) -> Tensor:
        return self.body(x, src_key_padding_mask=absent)


def fast_path():
    x = drawn(3, 5, 8)
    absent = torch.arange(5).expand(3, 5) >= torch.tensor([[5], [3], [2]])
    space = SearchSpace({"hidden": [8, 16]}, lambda a: Encoder(a["hidden"]), inputs=(x, absent))
    generator = generators.hypernas(space).eval()
    slow = generator.call("smallest", x, absent).detach()
    with torch.no_grad():
        fast = generator.call("smallest", x, absent)
        plain = generator.export("smallest")(x, absent)
    kept = ~absent
    apart = float((fast - slow)[kept[:, : fast.shape[1]]].abs().max())
    other = float((fast - plain).abs().max())
    padded = float((fast - slow)[absent].abs().max())
    return apart <= 1e-5, f"apart by {apart:.0e} (of padding by {padded:.0e}); fast path of the export by {other:.0e}"  # fmt: skip


class Packed(nn.Module):
    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.body, self.leave = nn.LSTM(6, hidden, batch_first=True), nn.Linear(hidden, 3)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)  # fmt: skip
        return self.leave(self.body(packed)[1][0][0])


def packed():
    x, lengths = drawn(4, 5, 6), torch.tensor([5, 2, 4, 1])
    space = SearchSpace({"hidden": [4, 8]}, lambda a: Packed(a["hidden"]), inputs=(x, lengths))
    generator = generators.hypernas(space)
    losses = trained(generator, x, lengths)
    apart = far(generator, x, lengths)
    return apart <= 1e-6, f"export apart by {apart:.0e}; loss {losses[0]:.3f} to {losses[-1]:.3f}"


if __name__ == "__main__":
    answer(
        {
            61: weight_norm, 62: spectral_norm, 63: orthogonal, 64: masked, 65: complex_weights, 66: sparse, 67: renormed,
            68: lazy, 69: quantized, 70: hooks, 71: fast_path, 72: packed,
        }
    )  # fmt: skip
