"""Files that were exported, in the hands of other packages."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from readers import exported
from ready import SPACES, symbols
from torch import Tensor, nn
from verdicts import answer, words

from hypernas import generators
from hypernas.cost import flops
from hypernas.exports import export_file


def over_spaces(check: Callable[[str], str], names: tuple[str, ...] = ()) -> dict[str, str]:
    """What is wrong, for each ready-made space; empty where nothing is."""
    found = {}
    for name in names or tuple(SPACES):
        try:
            found[name] = check(name)
        except Exception as error:
            found[name] = words(error, 90)
    return found


def told(found: dict[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in found.items())


def loaded():
    from safetensors.torch import load_model

    def check(name: str) -> str:
        make, inputs = SPACES[name]
        generator = generators.hypernas(make()).eval()
        smallest = generator.space.smallest()
        path = Path(exported(name)[1]).with_suffix(".safetensors")
        export_file(generator, smallest, path, inputs=inputs)
        module = generator.space.build(smallest)
        load_model(module, str(path))
        with torch.no_grad():
            far = float((module.eval()(*inputs) - generator.call(smallest, *inputs)).abs().max())
        return "" if far <= 1e-6 else f"{far:.0e}"

    found = over_spaces(check)
    return not any(found.values()), told({n: v or "yes" for n, v in found.items()})


def small_weights():
    from torchao.quantization import Int8WeightOnlyConfig, quantize_

    def check(name: str) -> str:
        make, inputs = SPACES[name]
        generator = generators.shared(make()).eval()
        module: nn.Module = generator.export("largest")
        with torch.no_grad():
            before = module(*inputs)
            quantize_(module, Int8WeightOnlyConfig())
            far = float((module(*inputs) - before).abs().max() / before.std())
        return f"{100 * far:.2f} %"

    found = over_spaces(check, ("mlp", "vit", "transformer_lm", "seq2seq"))
    held = all(v.endswith("%") and float(v[:-1]) <= 2 for v in found.values())
    return held, told(found)


def run(path: str, inputs: tuple[Tensor, ...]) -> np.ndarray:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    given = zip(session.get_inputs(), inputs, strict=True)
    return session.run(None, {one.name: x.numpy().astype(kinds(one.type)) for one, x in given})[0]


def kinds(word: str) -> type:
    return {"tensor(float16)": np.float16, "tensor(float)": np.float32}.get(word, np.int64)


def far_of(name: str, path: str) -> float:
    """How far outputs of a file are from a generator's, in parts of their deviation."""
    inputs = SPACES[name][1]
    with torch.no_grad():
        own = exported(name)[0].call("smallest", *inputs).numpy()
    return float(np.abs(run(path, inputs) - own).max() / own.std())


def optimized():
    import onnx
    from onnxscript import optimizer

    shares = {}
    for name in SPACES:
        model = onnx.load(exported(name)[1])
        before = len(model.graph.node)
        shares[name] = 1 - len(optimizer.optimize(model).graph.node) / before
    found = {name: f"{100 * share:.0f} %" for name, share in shares.items()}
    return max(shares.values()) < 0.02, "fewer nodes: " + told(found)


def in_torch():
    from onnx2torch import convert

    def check(name: str) -> str:
        generator, path = exported(name)
        inputs = SPACES[name][1]
        with torch.no_grad():
            far = (convert(path)(*inputs) - generator.call("smallest", *inputs)).abs().max()
        return f"{float(far):.0e}"

    found = over_spaces(check)
    good = [v for v in found.values() if ":" not in v and float(v) <= 1e-4]
    return len(good) >= 6, told(found)


def halves():
    import onnx
    from onnxconverter_common import float16

    def check(name: str) -> str:
        path = exported(name)[1]
        onnx.save(float16.convert_float_to_float16(onnx.load(path)), f"{path}.half")
        return f"{100 * far_of(name, f'{path}.half'):.2f} %"

    found = over_spaces(check)
    held = all(v.endswith("%") and float(v[:-1]) <= 1 for v in found.values())
    return held, told(found)


def slimmed():
    import onnx
    import onnxslim

    def check(name: str) -> str:
        path = exported(name)[1]
        onnx.save(onnxslim.slim(path), f"{path}.slim")
        return f"{far_of(name, f'{path}.slim'):.0e}"

    found = over_spaces(check)
    return all(":" not in v and float(v) <= 1e-5 for v in found.values()), told(found)


def counted():
    from fvcore.nn import FlopCountAnalysis

    def check(name: str) -> str:
        make, inputs = SPACES[name]
        module = generators.shared(make()).export("largest")
        one = inputs[0][:1]
        analysis = FlopCountAnalysis(module, one).unsupported_ops_warnings(False)
        counts = analysis.by_operator()
        theirs = 2 * sum(counts[kind] for kind in ("conv", "linear", "matmul", "addmm"))
        return f"{theirs / flops(module, one):.4f} (all of it {2 * analysis.total() / flops(module, one):.3f})"  # fmt: skip

    found = over_spaces(check, ("mlp", "conv1d", "conv2d", "resnet", "mobilenet"))
    held = all(":" not in v and abs(float(v.rpartition(" ")[2][:-1]) - 1) <= 0.01 for v in found.values())  # fmt: skip
    return held, "twice fvcore's over ours, products alone: " + told(found)


def any_length():
    make, _ = SPACES["transformer_lm"]
    module = generators.hypernas(make()).export("largest").eval()
    batch, time = torch.export.Dim("batch", min=1), torch.export.Dim("time", min=2, max=8)
    program = torch.export.export(module, (symbols(6),), dynamic_shapes=({0: batch, 1: time},))
    run_it = program.module()
    far = max(float((run_it(symbols(n)) - module(symbols(n))).abs().max()) for n in range(2, 9))
    return far <= 1e-5, f"apart by {far:.0e} for 2 to 8"


def longer():
    try:
        return any_length()
    except Exception as error:
        return False, words(error, 250)


if __name__ == "__main__":
    answer(
        {86: loaded, 87: small_weights, 88: optimized, 89: in_torch, 90: halves, 91: slimmed, 92: counted, 93: longer},
        "torch safetensors torchao onnx onnxscript onnx2torch onnxconverter-common onnxslim fvcore",
    )  # fmt: skip
