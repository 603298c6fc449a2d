"""How well does a small transformer translate that is trained alone for half an hour of one core? By length of the sentence.

    python experiments/translator/run.py RUN     measure a run, write results.csv; README.md has the command that trains it
    hypernas report experiments/translator --trust          make the tables of results.csv

The run trains on the training split alone; its rate was chosen on validation; the test split is read once, here.
"""

import argparse
from pathlib import Path

import torch

import hypernas
from hypernas.cost import num_parameters
from hypernas.evaluation import write_csv
from hypernas.evaluation.translations import Score, score, score_by_length, translations

HERE = Path(__file__).parent
BEAMS = (1, 4)


def row(words: str, found: Score) -> dict[str, object]:
    """BLEU and chrF of the sentences whose source has so many words."""
    return {
        "words": words,
        "sentences": found.num,
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
        found = {"all": score(written, sentences), **score_by_length(written, sentences)}
        rows += [head | row(words, one) for words, one in found.items()]
        print(rows[-len(found)], flush=True)
    if arguments.split == "test":
        write_csv(HERE / "results.csv", rows)


if __name__ == "__main__":
    main()
