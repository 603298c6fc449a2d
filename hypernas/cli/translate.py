"""hypernas translate."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from omegaconf import DictConfig

from hypernas.cli.plain import plain, trusted
from hypernas.distributed.device import use_threads
from hypernas.runs.evaluate import check_place, write_table
from hypernas.runs.load import load
from hypernas.runs.translate import Written, translate


def translate_command(config: DictConfig) -> None:
    """Print translations of sentences, or how near those of a split are to their references."""
    settings = plain(config)
    use_threads(settings["threads"])
    out, split, text = settings["out"], settings["split"], settings["text"]
    if out is not None:
        if split is None:
            raise ValueError("out= is for the measures of a split: give split=validation or test.")
        check_place(Path(out), overwrite=settings["overwrite"])
    if split is not None and text is not None:
        raise ValueError("give text= or split=, not both.")
    run = load(settings["run"], trust=trusted(config))
    asked = settings["architecture"]
    options = {
        "architectures": asked if isinstance(asked, list) else [asked],
        **{name: settings[name] for name in ("beam", "length_penalty", "device")},
    }
    if split is None:
        for texts in _sentences(text):
            _tell(translate(run, texts, **options))
        return
    rows = []
    for written in translate(run, split=split, **options):
        for row in written.rows():
            rows.append(row)
            print("  ".join(f"{name} {value}" for name, value in row.items()), flush=True)
    if out is not None:
        print(f"written to {write_table(Path(out), rows, overwrite=settings['overwrite'])}")


def _sentences(text: str | list[str] | None) -> Iterator[list[str]]:
    """Sentences to translate at once: all lines, or each that is typed."""
    if text is not None:
        yield [text] if isinstance(text, str) else text
    elif sys.stdin.isatty():
        for line in sys.stdin:
            if line.strip():
                yield [line.strip()]
    elif lines := [line.strip() for line in sys.stdin if line.strip()]:
        yield lines


def _tell(several: Iterable[Written]) -> None:
    """Translations alone on the standard output, a line each, and what they took beside it."""
    for written in several:
        print(*written.texts, sep="\n", flush=True)
        print(
            f"({written.label}, {written.num_parameters:,} parameters, {written.milliseconds:.1f} ms a sentence)",
            file=sys.stderr,
        )
