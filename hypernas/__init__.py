"""hypernas: one generator writes the weights of every subnet of a search space."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hypernas import generators
    from hypernas.planning.plan import plan
    from hypernas.reports.report import report
    from hypernas.runs.continual import learn
    from hypernas.runs.evaluate import evaluate
    from hypernas.runs.export import export, export_translator
    from hypernas.runs.finetune import finetune
    from hypernas.runs.freeze import freeze
    from hypernas.runs.grow import grow
    from hypernas.runs.load import load
    from hypernas.runs.replay import replay
    from hypernas.runs.search import find
    from hypernas.runs.train import train
    from hypernas.runs.translate import translate
    from hypernas.space import SearchSpace
    from hypernas.space.architecture import Architecture
    from hypernas.space.choice import Choice
    from hypernas.studies import study
    from hypernas.subnet.law import check

__version__ = "0.1.0"
__all__ = [
    "Architecture",
    "Choice",
    "SearchSpace",
    "__version__",
    "check",
    "evaluate",
    "export",
    "export_translator",
    "find",
    "finetune",
    "freeze",
    "generators",
    "grow",
    "learn",
    "load",
    "plan",
    "replay",
    "report",
    "study",
    "train",
    "translate",
]

_LAZY = {  # name -> "module:name", or the module that it is, imported when it is first asked for
    "Architecture": "hypernas.space.architecture:Architecture",
    "Choice": "hypernas.space.choice:Choice",
    "SearchSpace": "hypernas.space:SearchSpace",
    "check": "hypernas.subnet.law:check",
    "evaluate": "hypernas.runs.evaluate:evaluate",
    "export": "hypernas.runs.export:export",
    "export_translator": "hypernas.runs.export:export_translator",
    "find": "hypernas.runs.search:find",
    "finetune": "hypernas.runs.finetune:finetune",
    "freeze": "hypernas.runs.freeze:freeze",
    "generators": "hypernas.generators",
    "grow": "hypernas.runs.grow:grow",
    "learn": "hypernas.runs.continual:learn",
    "load": "hypernas.runs.load:load",
    "plan": "hypernas.planning.plan:plan",
    "replay": "hypernas.runs.replay:replay",
    "report": "hypernas.reports.report:report",
    "study": "hypernas.studies:study",
    "train": "hypernas.runs.train:train",
    "translate": "hypernas.runs.translate:translate",
}


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = _LAZY[name].partition(":")
    found = importlib.import_module(module)
    globals()[name] = found = getattr(found, attribute) if attribute else found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
