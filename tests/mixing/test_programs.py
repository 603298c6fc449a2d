"""Programs in Triton are compiled for a GPU, which need not be here."""

import os

import pytest

triton = pytest.importorskip(
    "triton", reason="Triton is not installed; it comes with torch for GPUs"
)
if os.environ.get("TRITON_INTERPRET") == "1":
    pytest.skip("programs are interpreted", allow_module_level=True)
gradients = pytest.importorskip("hypernas.native.gpu.gradients")
mixing = pytest.importorskip("hypernas.native.gpu.mixing")
updates = pytest.importorskip("hypernas.native.gpu.updates")

PROGRAMS = {
    "mix": (mixing.mix, {}, {}),
    "pull back": (gradients.pull_back, {}, {}),
    "add up": (gradients.add_up, {}, {}),
    "squares": (updates.squares, {"sums": "*fp32"}, {}),
    "adamw": (updates.update, {"scale": "*fp32"}, {"RULE": 0}),
    "descent": (updates.update, {"scale": "*fp32"}, {"RULE": 1}),
}


@pytest.mark.filterwarnings("ignore:TRITON_DEFAULT_FP_FUSION")
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_compiles_for_a_gpu(name, tmp_path, monkeypatch):
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    program, tensors, rule = PROGRAMS[name]
    constants = {"JOBS": 16, "ROWS": 4, "COLUMNS": 256, **rule}
    types = {"table": "*i64", **tensors, **dict.fromkeys(constants, "constexpr")}
    source = ASTSource(fn=program, signature=types, constexprs=constants)
    assert triton.compile(source, target=GPUTarget("cuda", 80, 32)).asm["cubin"]
