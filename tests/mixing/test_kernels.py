"""Kernels of a step compute what torch does."""

import itertools
import os
import subprocess
import sys
import threading

import pytest
import torch
from implementations import needs_compiler
from torch import Tensor, nn
from torch.testing import assert_close

from hypernas.mixing import Coefficients, Ledger, kernels, mix, mix_all, noting
from hypernas.native import library
from hypernas.slicing import Axis, Slice, prefix

KERNEL = (Axis((3,), (slice(1, 2),)), Axis((3,), (slice(0, 3),)))
PLACES = {
    "prefix": prefix((6, 5), (4, 3)),
    "whole": prefix((6, 5), (6, 5)),
    "layout": Slice((Axis((2, 3), (slice(0, 2), slice(0, 2))), Axis((5,), (slice(1, 4),)))),
    "heads": Slice((Axis((6,), (slice(0, 4),)), Axis((5,), ((0, 2, 3),)))),
    "kernel": Slice((*prefix((6, 5), (4, 3)).axes, *KERNEL)),
    "whole kernel": prefix((6, 5, 3, 3), (4, 3, 3, 3)),
    "vector": prefix((6,), (4,)),
    "chosen vector": Slice((Axis((6,), ((0, 2, 5),)),)),
    "number": Slice(()),
}


def problem(place: str, experts: int | str | None, gains: str, device: torch.device | str = "cpu"):
    """A bank, coefficients, and the place, of single numbers."""
    where = PLACES[place]
    largest = [torch.Size(axis.large).numel() for axis in where.axes]

    def leaf(*shape: int) -> Tensor:
        return torch.randn(*shape).to(device).requires_grad_()

    num = 3 if isinstance(experts, str) else experts or 1
    gates = leaf(largest[0], 3) if experts == "neuron" else None
    coefficients = Coefficients(
        experts=leaf(num) if isinstance(experts, int) else gates,
        gain_out=leaf(largest[0]) if largest and "out" in gains else None,
        gain_in=leaf(largest[1]) if len(largest) > 1 and "in" in gains else None,
        offset=leaf(largest[0]) if len(largest) == 1 and gains else None,
    )
    return nn.Parameter(torch.randn(num, *largest).to(device)), coefficients, where


def of_mixing(ledger: Ledger | None, bank, jobs):
    """The weights of some places, the gradients of their coefficients, and that of the bank in full."""
    given = [t for c, _ in jobs for t in vars(c).values() if t is not None]
    for tensor in (bank, *given):
        tensor.grad = None
    if ledger is None:
        made = mix_all({"w": bank}.__getitem__, [({"w": c}, {"w": place}) for c, place in jobs])
        sum((w["w"] * w["w"].detach().cos()).sum() for w in made).backward()
    else:
        ledger.take([bank])
        with noting(ledger):
            made = mix_all({"w": bank}.__getitem__, [({"w": c}, {"w": p}) for c, p in jobs])
            sum((w["w"] * w["w"].detach().cos()).sum() for w in made).backward()
        for _, terms in ledger.terms():
            assert bank.grad is None
            bank.grad = torch.zeros_like(bank)
            for term in terms:
                term.add_to(bank.grad)
    return [w["w"].detach() for w in made], [t.grad for t in given], bank.grad


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("experts", [None, 1, 3, 4, 9, "neuron"])
@pytest.mark.parametrize("gains", ["", "out", "in", "out and in"])
def test_weights_and_gradients_are_those_of_torch(place, experts, gains, implementation):
    if place == "number" and experts == "neuron":
        return
    bank, coefficients, where = problem(place, experts, gains, implementation)
    expected = of_mixing(None, bank, [(coefficients, where)])
    assert_close(of_mixing(Ledger(), bank, [(coefficients, where)]), expected)


def test_coefficients_of_several_weights_add_up(implementation):
    bank, coefficients, _ = problem("prefix", 3, "out and in", implementation)
    jobs = [(coefficients, PLACES[name]) for name in ("prefix", "layout", "heads")]
    expected = of_mixing(None, bank, jobs)
    assert_close(of_mixing(Ledger(), bank, jobs), expected)


@pytest.mark.parametrize("threads", [1, 2])
@needs_compiler
def test_rows_longer_than_a_tile_and_several_pieces_of_work_are_put_together(threads):
    torch.set_num_threads(threads)
    try:
        check_large(height=300, device="cpu")
    finally:
        torch.set_num_threads(1)


def test_tiles_of_large_weights_are_put_together(implementation):
    check_large(height=10, device=implementation)


def check_large(height: int, device: torch.device | str) -> None:
    rows, columns = slice(3, height - 2), slice(1, 1400)
    where = Slice((Axis((height,), (rows,)), Axis((1500,), (columns,))))
    bank = nn.Parameter(torch.randn(5, height, 1500).to(device))
    lengths = (5, height, 1500)
    given = Coefficients(*(torch.randn(n).to(device).requires_grad_() for n in lengths))
    found = of_mixing(Ledger(), bank, [(given, where)])
    assert_close(found, of_mixing(None, bank, [(given, where)]), rtol=1e-4, atol=2e-3)


@needs_compiler
def test_a_backward_pass_in_another_thread_keeps_terms_too():
    bank, coefficients, where = problem("prefix", 3, "out and in")
    ledger = Ledger()
    ledger.take([bank])
    with noting(ledger):
        (made,) = mix_all({"w": bank}.__getitem__, [({"w": coefficients}, {"w": where})])
        thread = threading.Thread(target=made["w"].sum().backward)  # as autograd's for a GPU
        thread.start()
        thread.join()
    assert bank.grad is None
    assert ledger.terms()


def in_passes(ledger: Ledger, bank, jobs) -> None:
    """The gradients of weights of some places, each in a backward pass of its own."""
    bank.grad = None
    ledger.take([bank])
    with noting(ledger):
        for coefficients, place in jobs:
            (made,) = mix_all({"w": bank}.__getitem__, [({"w": coefficients}, {"w": place})])
            (made["w"] * made["w"].detach().cos()).sum().backward()


@needs_compiler
def test_terms_of_several_passes_that_are_larger_than_the_gradient_are_written():
    bank, *_ = problem("prefix", None, "")
    ledger = Ledger()
    jobs = [(Coefficients(), PLACES[name]) for name in ("prefix", "layout", "whole")]
    expected = of_mixing(None, bank, jobs)[2]
    in_passes(ledger, bank, jobs)
    assert ledger.terms() == []
    assert_close(bank.grad, expected)


@needs_compiler
def test_terms_of_one_pass_are_kept_though_they_are_larger_than_the_gradient():
    bank, *_ = problem("prefix", None, "")
    ledger = Ledger()
    jobs = [(Coefficients(), PLACES[name]) for name in ("prefix", "layout", "whole")]
    expected = of_mixing(None, bank, jobs)
    assert_close(of_mixing(ledger, bank, jobs), expected)
    bank.grad = None
    assert [len(terms) for _, terms in ledger.terms()] == [3]


@needs_compiler
def test_parts_of_one_vector_have_one_gradient_that_is_that_of_autograd():
    vector = nn.Parameter(torch.randn(40))
    gates = [torch.randn(num, requires_grad=True) for num in (1, 2)]
    where = [prefix((4, 5), (3, 4)), prefix((3, 5), (2, 5))]

    def parts():
        return {"a": vector[15:35].view(1, 4, 5), "b": vector[:30].view(2, 3, 5)}

    mixed = [
        mix(parts()[n], Coefficients(g), w) for n, g, w in zip("ab", gates, where, strict=True)
    ]
    given = [torch.randn(w.shape) for w in where]
    expected = torch.autograd.grad(mixed, [vector, *gates], given)
    ledger = Ledger()
    ledger.take([vector])
    with noting(ledger):
        coefficients = {n: Coefficients(g) for n, g in zip("ab", gates, strict=True)}
        (made,) = mix_all(
            parts().__getitem__, [(coefficients, dict(zip("ab", where, strict=True)))]
        )
        found = torch.autograd.grad(list(made.values()), [vector, *gates], given)
    assert_close(list(made.values()), mixed)
    assert_close(found, expected)


@needs_compiler
def test_a_bank_with_another_gradient_has_its_terms_written_to_it():
    bank, coefficients, where = problem("prefix", 3, "out and in")
    expected = of_mixing(None, bank, [(coefficients, where)])[2] + 2 * bank.detach()
    bank.grad, ledger = None, Ledger()
    ledger.take([bank])
    with noting(ledger):
        bank.square().sum().backward()
        (made,) = mix_all({"w": bank}.__getitem__, [({"w": coefficients}, {"w": where})])
        (made["w"] * made["w"].detach().cos()).sum().backward()
    assert ledger.terms() == []
    assert_close(bank.grad, expected)


@needs_compiler
def test_a_gradient_that_is_to_be_differentiated_is_written():
    bank, coefficients, where = problem("prefix", 3, "out and in")
    ledger = Ledger()
    ledger.take([bank])
    with noting(ledger):
        (made,) = mix_all({"w": bank}.__getitem__, [({"w": coefficients}, {"w": where})])
        (first,) = torch.autograd.grad(made["w"].square().sum(), bank, create_graph=True)
    assert ledger.terms() == []
    assert torch.autograd.grad(first.sum(), coefficients.experts)[0] is not None


def test_a_gpu_without_triton_is_told_of(monkeypatch):
    make = kernels.triton.__wrapped__
    monkeypatch.setitem(sys.modules, "hypernas.mixing.gpu", None)
    monkeypatch.setenv(library.SWITCH, kernels.ASKED)
    assert make().kernels is None
    assert "Triton" in make().words


@pytest.mark.parametrize("value", ["0", "1", None])
def test_kernels_that_no_gpu_has_run_are_taken_only_where_they_are_asked_for(monkeypatch, value):
    monkeypatch.delenv(library.SWITCH, raising=False)
    if value is not None:
        monkeypatch.setenv(library.SWITCH, value)
    found = kernels.triton.__wrapped__()
    assert found.kernels is None
    assert found.words.startswith("no HYPERNAS_NATIVE=triton in the environment")


def test_a_kind_of_device_without_kernels_is_told_of():
    assert kernels.choice("meta") == (None, "no kernels for banks on meta")


# --- the library -------------------------------------------------------------------------------


def fresh() -> library.Native:
    return library.native.__wrapped__()


def test_an_environment_without_the_native_part_says_so(monkeypatch):
    monkeypatch.setenv(library.SWITCH, "0")
    assert fresh().library is None
    assert "HYPERNAS_NATIVE" in fresh().words


@pytest.mark.parametrize("compiler", ["no-such-compiler", "false"])
def test_a_compiler_that_is_missing_or_fails_is_told_of(monkeypatch, tmp_path, compiler):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("CXX", compiler)
    found = fresh()
    assert found.library is None
    assert "compiler" in found.words or compiler in found.words
    assert not list(tmp_path.rglob("*.so"))


@needs_compiler
def test_several_processes_compile_at_once_and_leave_one_whole_library(tmp_path):
    code = "from hypernas.native import native; assert native().library is not None, native().words"
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    running = [subprocess.Popen([sys.executable, "-c", code], env=environment) for _ in range(2)]
    assert [process.wait() for process in running] == [0, 0]
    assert [path.suffix for path in (tmp_path / "hypernas").iterdir()] == [".so"]


def test_positions_are_the_indices_of_axes_multiplied_out():
    taken = itertools.product(
        [slice(0, 3), slice(1, 3), (0, 2), (1,)], [slice(0, 4), slice(1, 2), (0, 3)]
    )
    for first, second in taken:
        where = Slice((Axis((2,), (slice(0, 2),)), Axis((3, 4), (first, second))))
        found = where.columns
        each = torch.arange(found.first, found.first + found.num)
        assert (each if found.each is None else found.each).tolist() == list(where.axes[1].indices)
