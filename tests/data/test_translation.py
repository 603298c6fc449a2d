import itertools
import lzma
from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch.testing import assert_close

from hypernas.data import Batches, DataNotFound, translation
from hypernas.data.buckets import bucketed
from hypernas.data.near_duplicates import families
from hypernas.data.subwords import END, PADDING, START, Subwords
from hypernas.data.translation import collated
from hypernas.spaces import seq2seq

WHO = {"the dog": "el perro", "a cat": "un gato", "my mother": "mi madre", "Tom": "Tomás"}
DOES = {"sees": "ve", "loves": "ama", "follows": "sigue a", "calls": "llama a", "hears": "oye"}
WHOM = {"you": "ti", "the moon": "la luna", "nobody": "nadie", "her son": "su hijo", "us": "nos"}
WHEN = {"": "", " today": " hoy", " every single day of the year": " cada día del año"}
LINES = [
    f"{a} {b} {c}{d}.\t{w} {x} {y}{z}."
    for (a, w), (b, x), (c, y), (d, z) in itertools.product(
        WHO.items(), DOES.items(), WHOM.items(), WHEN.items()
    )
]
SETTINGS = {"vocabulary": 360, "num_held_out": 20}


@pytest.fixture
def root(tmp_path, monkeypatch) -> Path:
    monkeypatch.delenv("HYPERNAS_TRANSLATION", raising=False)
    (tmp_path / "spa.txt").write_text("\n".join(LINES) + "\n")
    return tmp_path


@pytest.mark.parametrize(
    ("one", "other", "related"),
    [
        (("Go now.", "Ve ya."), ("go, now!", "Márchate."), True),  # case and punctuation
        (("Go now.", "Vé ya."), ("Leave at once.", "¡ve ya!"), True),  # one target, but for accents
        (("Don't go.", "No vayas."), ("Dont go.", "Quédate."), True),
        (
            ("I saw Tom in the park.", "a"),
            ("I saw Ann in the park.", "b"),
            True,
        ),  # one word replaced
        (("I saw Tom in the park.", "a"), ("I saw Tom in the big park.", "b"), True),  # one added
        (("I saw Tom in the park.", "a"), ("I met Ann in the park.", "b"), False),  # two replaced
        (("I won.", "a"), ("I lost.", "b"), False),  # too short to tell by one word
        (("?", "a"), ("!", "b"), False),
    ],
)
def test_relatives_are_alike_up_to_case_accents_punctuation_and_one_word_of_many(
    one, other, related
):
    assert (len({*families([one, other])}) == 1) == related


def test_relatives_of_relatives_are_one_family():
    pairs = [("a b", "x"), ("c d", "x"), ("C, d!", "y"), ("e", "Y"), ("f", "z")]
    assert families(pairs) == [0, 0, 0, 0, 1]


def test_no_family_stands_in_two_splits_and_nothing_is_lost(root):
    data = translation(root=root, **SETTINGS)
    texts = {}
    for name in ("train", "validation", "test"):
        split = getattr(data, name)
        sources, targets = (
            data.subwords.decode([t.tolist() for t in ts]) for ts in zip(*split, strict=True)
        )
        texts[name] = set(zip(sources, targets, strict=True))
    assert set.union(*texts.values()) == {tuple(line.split("\t")) for line in LINES}
    assert sum(map(len, texts.values())) == len(LINES)
    pairs = [(pair, name) for name, several in texts.items() for pair in several]
    split_of = {}
    for family, (_, name) in zip(families([pair for pair, _ in pairs]), pairs, strict=True):
        assert split_of.setdefault(family, name) == name
    assert min(len(texts["test"]), len(texts["validation"])) >= 20


def test_each_source_that_is_held_out_comes_once_with_all_its_translations(tmp_path):
    several = [
        f"{line}\n{line.partition('.')[0]}.\t¡{line.partition(chr(9))[2]}!" for line in LINES
    ]
    (tmp_path / "spa.txt").write_text("\n".join(several))
    data = translation(root=tmp_path, **SETTINGS)
    for split in ("validation", "test"):
        found = data.sentences[split]
        assert len({sentence.source for sentence in found}) == len(found)
        assert all(len(sentence.references) == 2 for sentence in found)
        assert sum(len(s.references) for s in found) == len(getattr(data, split))


@pytest.mark.parametrize("text", ["", "a  b", "ñandú — “¿qué?”", "CO₂ 3 ºC", "日本 🙂", "\t tab"])
def test_every_text_comes_back_from_its_symbols(root, text):
    subwords = translation(root=root, **SETTINGS).subwords
    assert subwords.decode(subwords.encode([text])) == [text]
    assert Subwords(subwords.model).encode([text]) == subwords.encode([text])


def test_the_vocabulary_is_learned_from_training_pairs_alone(root):
    data = translation(root=root, **SETTINGS)
    texts = data.subwords.decode([row.tolist() for pair in data.train for row in pair])
    assert Subwords.learned(texts, 360).model == data.subwords.model


def test_a_batch_is_filled_up_to_its_longest_and_says_what_follows():
    pairs = [
        (torch.tensor([9, END]), torch.tensor([START, 7, 8, END])),
        (torch.tensor([4, 5, END]), torch.tensor([START, END])),
    ]
    (source, target), labels = collated(pairs)
    assert source.tolist() == [[9, END, PADDING], [4, 5, END]]
    assert target.tolist() == [[START, 7, 8], [START, PADDING, PADDING]]
    assert labels.tolist() == [[7, 8, END], [END, -100, -100]]


def test_what_fills_a_batch_up_changes_nothing(root):
    data = translation(root=root, **SETTINGS)
    space = seq2seq(input_shape=data.input_shape, num_classes=data.num_classes, padding=PADDING)
    torch.manual_seed(0)
    module = space.build(space.smallest()).eval()
    pairs = [data.train[i] for i in range(8)]
    (source, target), labels = collated(pairs)
    together = module(source, target)
    for row, pair in enumerate(pairs):
        inputs, alone = collated([pair])
        assert_close(module(*inputs)[0], together[row, : alone.shape[1]], atol=1e-6, rtol=1e-5)
        assert (labels[row, alone.shape[1] :] == -100).all()


def test_batches_of_like_lengths_show_every_example_once_in_random_order():
    lengths = torch.randint(1, 50, (1003,), generator=torch.Generator().manual_seed(1))
    rows = torch.randperm(1003, generator=torch.Generator().manual_seed(2))
    found = bucketed(rows, lengths, 10, torch.Generator().manual_seed(3))
    assert sorted(found.tolist()) == list(range(1003))
    spread = [b.max() - b.min() for b in lengths[found[:1000]].split(10)]
    random = [b.max() - b.min() for b in lengths[rows[:1000]].split(10)]
    assert sum(spread) < 0.1 * sum(random)
    means = lengths[found[:640]].view(64, 10).float().mean(1)
    assert (means[1:] < means[:-1]).any()  # batches do not come in order of length


def test_batches_of_like_lengths_are_a_function_of_seed_and_step(root):
    data = translation(root=root, **SETTINGS)
    whole = list(itertools.islice(data.batches(batch_size=8, seed=4).starting_at(0), 80))
    assert_close(
        list(itertools.islice(data.batches(batch_size=8, seed=4).starting_at(33), 47)), whole[33:]
    )
    other = next(data.batches(batch_size=8, seed=5).starting_at(0))
    assert other[0][0].tolist() != whole[0][0][0].tolist()
    with pytest.raises(ValueError, match="one of each example"):
        Batches(data.train, batch_size=8, lengths=torch.ones(3))


def test_longer_pairs_are_left_out_and_counted(root):
    whole, short = translation(root=root, **SETTINGS), translation(root=root, length=9, **SETTINGS)
    assert whole.num_dropped == {"test": 0, "validation": 0, "train": 0}
    for name, num in short.num_dropped.items():
        assert len(getattr(short, name)) + num == len(getattr(whole, name))
    assert short.num_dropped["train"] > 0
    assert all(len(row) <= 9 for s, t in short.train for row in (s, t[1:]))
    left = {tuple(row[:-1].tolist()) for row, _ in short.test}
    sources = [sentence.source for sentence in short.sentences["test"]]
    assert {*map(tuple, short.subwords.encode(sources))} == left


def test_a_packed_file_of_three_columns_and_the_other_direction(root, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    with lzma.open(other / "spa.txt.xz", "wt") as file:
        file.write("\r\n".join(line + "\tCC-BY 2.0" for line in LINES))
    straight, back = (
        translation(root=r, reverse=b, **SETTINGS) for r, b in ((root, False), (other, True))
    )
    assert {s.source for s in straight.sentences["test"]} <= {line.split("\t")[0] for line in LINES}
    assert {s.source for s in back.sentences["test"]} <= {line.split("\t")[1] for line in LINES}
    assert translation(root=other, **SETTINGS).sentences == straight.sentences


def test_the_folder_may_come_from_the_environment(root, monkeypatch):
    with pytest.raises(DataNotFound, match="manythings"):
        translation()
    monkeypatch.setenv("HYPERNAS_TRANSLATION", str(root))
    assert translation(**SETTINGS).name == "spa"
    with pytest.raises(DataNotFound, match=r"no fra\.txt"):
        translation(file="fra.txt")


@pytest.mark.parametrize(
    ("content", "settings", "told"),
    [
        ("a\tb\nno tab\n", {}, "line 2: expected a source, a tab and a target"),
        ("a\t\n", {}, "line 1"),
        ("", {}, "leaves 0 of 0"),
        (b"\xff\xfe\x00", {}, "UTF-8"),
        (None, {"vocabulary": 100}, "no vocabulary of 100 symbols"),
        (None, {"vocabulary": 90_000}, "no vocabulary of 90000 symbols"),
        (None, {"num_held_out": 400}, "leaves 0"),
        (None, {"num_train": 100_000}, "num_train is 100000"),
        (None, {"length": 1}, "length must be 2 or more"),
    ],
)
def test_what_is_no_such_text_is_refused(root, content, settings, told):
    if content is not None:
        (root / "spa.txt").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=told):
        translation(root=root, **{**SETTINGS, **settings})


def test_the_configuration_builds_it(root):
    config = OmegaConf.load(Path(__file__).parents[2] / "configs/data/translation.yaml")
    data = instantiate(config, root=str(root), **SETTINGS)
    assert data.sentences == translation(root=root, **SETTINGS).sentences
