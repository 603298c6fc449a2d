"""Sentences of WikiText-2, in tokens, each with the embedding that the trained encoder gives it."""

import lzma
import re
from collections.abc import Sequence
from pathlib import Path

import torch
from encoder import FOLDER
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.utils.data import Dataset

from hypernas.data import Data, DataNotFound

# Legend: N sentences, T tokens, D numbers of an embedding.

MAX_TOKENS = 64
VALIDATION_SHARE = 0.1  # of the articles' text, its end

_JOINED = re.compile(r" @(.)@ ")
_ENDS = re.compile(r"(?<= [.?!]) ")


def sentences(text: str) -> list[str]:
    """Sentences of five words or more, in their order; headings are left out."""
    paragraphs = [line.strip() for line in text.splitlines()]
    found = []
    for paragraph in paragraphs:
        if not paragraph or paragraph.startswith("="):
            continue
        plain = _JOINED.sub(r"\1", paragraph).replace("<unk>", "[UNK]")
        found += [sentence for sentence in _ENDS.split(plain) if len(sentence.split()) >= 5]
    return found


def read(root: Path, name: str) -> str:
    """A text file, compressed or not.

    Raises:
        DataNotFound: if it is not there.
    """
    for path, opened in ((root / f"{name}.txt.xz", lzma.open), (root / f"{name}.txt", open)):
        if path.is_file():
            with opened(path, "rt", encoding="utf-8") as file:
                return file.read()
    raise DataNotFound(
        f"there is neither {name}.txt nor {name}.txt.xz in {root}: see README.md for where to get it."
    )


class Sentences(Dataset):
    """Sentences in tokens, of different lengths, and their embeddings by the trained encoder.

    Examples are (tokens, embedding), shapes (T,) and (D,).

    Args:
        texts: as strings.
        teacher: the trained encoder.
        kept: a file of the embeddings, written if it is not there.
    """

    def __init__(self, texts: Sequence[str], teacher: nn.Module, kept: Path) -> None:
        self.tokens = tokens_of(texts)
        if not kept.is_file():
            save_file({"embeddings": embed(teacher, self.tokens)}, kept)
        self.embeddings = load_file(kept)["embeddings"]
        if len(self.embeddings) != len(self.tokens):
            raise ValueError(
                f"{kept} has embeddings of {len(self.embeddings)} sentences, not of {len(self.tokens)}: "
                f"remove it."
            )

    def __len__(self) -> int:
        return len(self.tokens)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.tokens[index], self.embeddings[index]


def tokens_of(texts: Sequence[str]) -> list[Tensor]:
    """The tokens of each text, shape (T,), the first MAX_TOKENS of them."""
    tokenizer = Tokenizer.from_file(str(FOLDER / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    return [torch.tensor(encoding.ids) for encoding in tokenizer.encode_batch(list(texts))]


@torch.no_grad()
def embed(
    encoder: nn.Module, tokens: Sequence[Tensor], *, batch_size: int = 64
) -> Tensor:  # shape: (N, D)
    """The embeddings of sentences, computed in batches of like length."""
    order = sorted(range(len(tokens)), key=lambda i: len(tokens[i]))
    rows: list[Tensor] = []
    for begin in range(0, len(order), batch_size):
        rows += encoder(**padded([tokens[i] for i in order[begin : begin + batch_size]]))
    found = torch.empty(len(rows), len(rows[0]))
    found[order] = torch.stack(rows)
    return found


def padded(tokens: Sequence[Tensor]) -> dict[str, Tensor]:
    """Keyword inputs of sentences, shapes (N, T), 0 behind the end of each."""
    ids = nn.utils.rnn.pad_sequence(list(tokens), batch_first=True)
    mask = nn.utils.rnn.pad_sequence([torch.ones_like(t) for t in tokens], batch_first=True)
    return {"input_ids": ids, "attention_mask": mask}


def collate(examples: Sequence[tuple[Tensor, Tensor]]) -> tuple[dict[str, Tensor], Tensor]:
    tokens, embeddings = zip(*examples, strict=True)
    return padded(tokens), torch.stack(embeddings)


def wikitext(teacher: nn.Module, root: Path, work: Path) -> Data:
    """Training and validation sentences of the validation text, test sentences of the test text.

    The two texts are of different articles; of the test text every fourth sentence is taken. The
    trained encoder's embeddings are the targets.

    Args:
        root: folder of the text.
        work: folder in which the embeddings are kept.
    """
    own = sentences(read(root, "valid"))
    num = round(len(own) * (1 - VALIDATION_SHARE))
    parts = {
        "train": own[:num],
        "validation": own[num:],
        "test": sentences(read(root, "test"))[::4],
    }
    train, validation, test = (
        Sentences(texts, teacher, work / f"wikitext_{name}.safetensors")
        for name, texts in parts.items()
    )
    return Data(
        name="wikitext2",
        train=train,
        validation=validation,
        test=test,
        input_shape=(MAX_TOKENS,),
        num_classes=test.embeddings.shape[1],
        collate_fn=collate,
    )


def tatoeba(teacher: nn.Module, root: Path, work: Path) -> Sentences:
    """2,000 everyday English sentences of five words or more, evenly from a list sorted by length.

    Args:
        root: folder of `spa.txt` or `spa.txt.xz`, tab-separated pairs of manythings.org/anki.
    """
    pairs = read(root, "spa").splitlines()
    english = dict.fromkeys(pair.split("\t")[0] for pair in pairs)
    long = [sentence for sentence in english if len(sentence.split()) >= 5]
    texts = [long[i * len(long) // 2000] for i in range(2000)]
    return Sentences(texts, teacher, work / "tatoeba.safetensors")
