"""Generated weights under torch.func, checkpointing and autocast."""

from functools import partial

import torch
from ready import METHODS, made, small
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.checkpoint import checkpoint
from verdicts import answer, words

from hypernas import generators


def over_methods(check) -> tuple[bool, str]:
    """Run a check of a generator, its space and inputs for each method; name those that fail."""
    wrong = []
    for name in METHODS:
        space, x = small()
        try:
            generator = made(name, space)
        except Exception as error:
            wrong.append(f"{name} not made: {words(error, 60)}")
            continue
        try:
            value = check(generator, space, x)
            if value is not None:
                wrong.append(f"{name}: {value}")
        except Exception as error:
            wrong.append(f"{name}: {words(error, 90)}")
    return not wrong, "; ".join(wrong) or f"{len(METHODS)} of {len(METHODS)} generators"


def functional(generator, architecture, x):
    """The subnet's outputs as a function of the generator's parameters."""
    parameters = {n: p.detach() for n, p in generator.named_parameters() if p.requires_grad}

    def outputs(given):
        return torch.func.functional_call(generator, given, (architecture,))

    def run(given):
        subnet = generator.subnet(architecture)
        return subnet.target.run(outputs(given), x)

    return parameters, run


def vmapped():
    def check(generator, space, x):
        generator.eval()
        one = torch.vmap(lambda row: generator.call("smallest", row[None])[0])(x)
        far = float((one - generator.call("smallest", x)).abs().max())
        return None if far < 1e-5 else f"apart by {far:.1e}"

    return over_methods(check)


def jacobians():
    def check(generator, space, x):
        parameters, run = functional(generator.eval(), space.smallest(), x)
        found = torch.func.jacrev(run)(parameters)
        torch.manual_seed(0)
        side = torch.randn(run(parameters).shape)
        for p in generator.parameters():
            p.grad = None
        (generator.call(space.smallest(), x) * side).sum().backward()
        for name, p in generator.named_parameters():
            if p.grad is not None:
                mine = torch.einsum("nc,nc...->...", side, found[name])
                if float((mine - p.grad).abs().max()) > 1e-4:
                    return f"{name} differs by {float((mine - p.grad).abs().max()):.1e}"
        return None

    return over_methods(check)


def hessians():
    def check(generator, space, x):
        parameters, run = functional(generator.eval(), space.smallest(), x)
        name = min(parameters, key=lambda n: parameters[n].numel())

        def loss(own):
            return run({**parameters, name: own}).square().mean()

        found = torch.func.hessian(loss)(parameters[name])
        num = parameters[name].numel()
        matrix = found.reshape(num, num)
        far = float((matrix - matrix.T).abs().max() / matrix.abs().max().clamp(min=1e-12))
        return None if far < 1e-4 else f"{far:.1e} of the largest entry"

    return over_methods(check)


def ensembles():
    space, x = small()
    generator = generators.hypernas(space).eval()
    largest = space.largest()
    stacks = [generators.hypernas(space, seed=seed).eval()(largest) for seed in range(3)]
    stacked = {n: torch.stack([w[n] for w in stacks]).detach() for n in stacks[0]}
    target = generator.subnet(largest).target
    try:
        found = torch.vmap(lambda w: target.run(w, x))(stacked)
    except Exception as error:
        return False, words(error)
    each = torch.stack([target.run(w, x) for w in stacks])
    far = float((found - each).detach().abs().max())
    return far < 1e-5, f"apart by {far:.1e}"


def checkpointed():
    def check(generator, space, x):
        def gradients(run):
            for p in generator.parameters():
                p.grad = None
            torch.manual_seed(0)  # routers drop out
            run().square().mean().backward()
            return {
                n: p.grad.clone() for n, p in generator.named_parameters() if p.grad is not None
            }

        plain = gradients(lambda: generator.call("smallest", x))
        for reentrant in (False, True):
            given = x.clone().requires_grad_(reentrant)
            call = partial(checkpoint, partial(generator.call, "smallest"), given)
            other = gradients(partial(call, use_reentrant=reentrant))
            if plain.keys() != other.keys():
                return f"gradients of {plain.keys() ^ other.keys()}"
            far = max(float((plain[n] - other[n]).abs().max()) for n in plain)
            if far > 1e-6:
                return f"apart by {far:.1e}"
        return None

    return over_methods(check)


class Casts(TorchDispatchMode):
    """Numbers of casts to bfloat16, by shape."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[tuple[int, ...], int] = {}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if "_to_copy" in str(func) and (kwargs or {}).get("dtype") is torch.bfloat16:
            shape = tuple(args[0].shape)
            self.found[shape] = self.found.get(shape, 0) + 1
        return func(*args, **(kwargs or {}))


def casts(weight: Tensor) -> int:
    x = torch.randn(3, 7)
    with torch.autocast("cpu", torch.bfloat16), Casts() as counted:
        for _ in range(4):
            torch.nn.functional.linear(x, weight)
    return counted.found.get(tuple(weight.shape), 0)


def generated_casts():
    weight = torch.nn.Parameter(torch.randn(5, 7)) * 1.0
    num = casts(weight)
    return num == 4, f"{num} casts for 4 uses"


def parameter_casts():
    num = casts(torch.nn.Parameter(torch.randn(5, 7)))
    return num == 1, f"{num} casts for 4 uses"


if __name__ == "__main__":
    answer(
        {
            29: vmapped, 30: jacobians, 31: hessians, 32: ensembles, 36: checkpointed, 37: generated_casts,
            38: parameter_casts,
        }
    )  # fmt: skip
