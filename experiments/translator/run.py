"""How well does a small transformer translate that is trained alone for half an hour of one core? By length of the sentence.

    python experiments/translator/run.py RUN     measure a run, write results.csv; README.md has the command that trains it
    hypernas report experiments/translator --trust          make the tables of results.csv

The run trains on the training split alone; its rate was chosen on validation; the test split is read once, here.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch

import hypernas
from hypernas.cost import num_parameters
from hypernas.data.translation import Sentence
from hypernas.evaluation import write_csv
from hypernas.evaluation.translations import score, translations

HERE = Path(__file__).parent
WORDS = {"all": (1, 10**6), "1 to 4": (1, 4), "5 to 6": (5, 6), "7 to 8": (7, 8), "9 to 12": (9, 12), "13 and more": (13, 10**6)}  # fmt: skip
BEAMS = (1, 4)


def row(written: Sequence[str], sentences: Sequence[Sentence], words: str) -> dict[str, object]:
    """BLEU and chrF of those sentences whose source has so many words."""
    low, high = WORDS[words]
    some = [i for i, s in enumerate(sentences) if low <= len(s.source.split()) <= high]
    found = score([written[i] for i in some], [sentences[i] for i in some])
    return {
        "words": words,
        "sentences": len(some),
        "bleu": found.bleu,
        "chrf": found.chrf,
        "bleu_signature": found.signatures[0],
        "chrf_signature": found.signatures[1],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", help="folder of the run")
    parser.add_argument("--split", default="test", choices=("test", "validation"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    run = hypernas.load(arguments.run)
    model = run.generator.export(run.space.largest())
    sentences = run.data.sentences[arguments.split]
    rows = []
    for beam in BEAMS:
        written = translations(model, run.data, [s.source for s in sentences], beam=beam)
        head = {"steps": run.step, "parameters": num_parameters(model), "beam": beam}
        rows += [head | row(written, sentences, words) for words in WORDS]
        print(rows[-len(WORDS)], flush=True)
    if arguments.split == "test":
        write_csv(HERE / "results.csv", rows)


if __name__ == "__main__":
    main()
