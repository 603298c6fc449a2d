"""The compiled library: found in a cache of the user's, or made with the compiler that there is."""

import ctypes
import functools
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

SWITCH = "HYPERNAS_NATIVE"  # in the environment, 0 leaves the native part out
_SOURCE = Path(__file__).with_name("step.cpp")
_COMPILERS = ("c++", "g++", "clang++")
# Of what makes arithmetic fast only that which keeps infinities, numbers that are none, and roundings.
_FLAGS = (
    *("-O3", "-march=native", "-fno-math-errno", "-fopenmp-simd"),
    *("-std=c++17", "-shared", "-fPIC", "-pthread"),
)
_PATIENCE = 120.0  # seconds


@dataclass(frozen=True)
class Native:
    """The library, or why there is none.

    Attributes:
        library: its functions; None where there is none.
        words: the compiler's version, or the reason.
    """

    library: ctypes.CDLL | None
    words: str


@functools.cache
def native() -> Native:
    """The library of this process, which compiles it if nobody has yet on this machine."""
    if os.environ.get(SWITCH, "1") == "0":
        return Native(None, f"{SWITCH}=0 in the environment")
    compiler = _compiler()
    if compiler is None:
        return Native(None, f"no C++ compiler ($CXX, {', '.join(_COMPILERS)})")
    try:
        version = _output(compiler, "--version").splitlines()[0]
        place = _cache() / f"step-{_key(version)}.so"
        if not place.is_file():
            _compile(compiler, place)
        library = ctypes.CDLL(str(place))
    except (OSError, subprocess.SubprocessError, IndexError) as error:
        said = getattr(error, "stderr", None) or str(error)
        return Native(None, f"{compiler} could not compile it: {said.strip().splitlines()[-1:]}")
    for name in ("mix", "update"):
        _declare(library, name)
    _declare(library, "pull_back", ctypes.POINTER(ctypes.c_double))
    _declare(library, "squares", result=ctypes.c_double)
    return Native(library, version)


def _declare(library: ctypes.CDLL, name: str, *more: type, result: type | None = None) -> None:
    function = getattr(library, f"hypernas_{name}")
    function.argtypes = [ctypes.c_char_p, ctypes.c_int64, ctypes.c_int64, *more]
    function.restype = result


def _compiler() -> str | None:
    own = os.environ.get("CXX")
    return next(filter(None, map(shutil.which, [own] if own else _COMPILERS)), None)


def _output(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_PATIENCE)
    return done.stdout


def _key(version: str) -> str:
    """Name of a compiled library: source, flags, compiler and processor are in it."""
    what = (_SOURCE.read_text(), *_FLAGS, version, platform.machine(), _processor())
    return hashlib.sha256("\0".join(what).encode()).hexdigest()[:20]


def _processor() -> str:
    """Its model and what it can do, which the compiler makes use of."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    told = ("model name", "flags", "Features", "CPU part")
    return "\n".join(sorted({line for line in lines if line.startswith(told)}))


def _cache() -> Path:
    own = os.environ.get("XDG_CACHE_HOME")
    return (Path(own) if own else Path.home() / ".cache") / "hypernas"


def _compile(compiler: str, place: Path) -> None:
    """Several processes may do so at once: each writes a file of its own, and renames it."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent) as folder:
        draft = Path(folder) / place.name
        _output(compiler, *_FLAGS, str(_SOURCE), "-o", str(draft))
        draft.replace(place)
