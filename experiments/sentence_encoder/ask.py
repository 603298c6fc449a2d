"""Ask a text with a size that was handed out: the sentences nearest in meaning to a question.

python experiments/sentence_encoder/ask.py experiments/sentence_encoder/work/small --text FOLDER "When was the castle built?"
"""

import argparse
from pathlib import Path

import torch
import transformers
from encoder import SentenceBert
from text import embed, read, sentences, tokens_of


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="of a size")
    parser.add_argument("question")
    parser.add_argument(
        "--text", type=Path, required=True, help="folder of test.txt or test.txt.xz"
    )
    parser.add_argument("--answers", type=int, default=3)
    given = parser.parse_args()
    transformers.logging.disable_progress_bar()
    small = SentenceBert.from_pretrained(given.folder).eval()
    texts = sentences(read(given.text, "test"))
    answers = embed(small, tokens_of(texts))
    cosines = answers @ embed(small, tokens_of([given.question]))[0]
    for place in cosines.topk(given.answers).indices:
        print(f"{cosines[place]:.3f}  {texts[place]}")


if __name__ == "__main__":
    with torch.no_grad():
        main()
