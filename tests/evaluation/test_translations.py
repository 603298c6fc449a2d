import itertools

import pytest
import torch
from torch.testing import assert_close
from training_runs import fit, short

from hypernas.conditions import Condition
from hypernas.data import digits, translation
from hypernas.data.translation import Sentence
from hypernas.evaluation import TranslationQuality, evaluate
from hypernas.evaluation.translations import score, score_by_length, translations
from hypernas.generators import mos_layer, shared
from hypernas.objectives import CrossEntropy
from hypernas.spaces import mlp, seq2seq
from hypernas.training.conditioned import ConditionedSubnet

WHO = {"Tom": "Tomás", "she": "ella", "he": "él", "Ann": "Ana", "Bob": "Beto"}
DOES = {"sees": "ve", "wants": "quiere", "has": "tiene", "buys": "compra", "sells": "vende"}
WHAT = {"a cat": "un gato", "bread": "pan", "it": "eso", "two cars": "dos coches", "tea": "té"}
PAIRS = itertools.product(WHO.items(), DOES.items(), WHAT.items())
LINES = [f"{a} {b} {c}.\t{x} {y} {z}." for (a, x), (b, y), (c, z) in PAIRS]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("corpus")
    (root / "spa.txt").write_text("\n".join(LINES))
    return translation(root=root, vocabulary=330, num_held_out=12, length=16)


@pytest.fixture(scope="module")
def generator(data):
    space = seq2seq(
        input_shape=data.input_shape,
        num_classes=data.num_classes,
        encoder_dims=[32],
        decoder_dims=[32],
        encoder_depths=[1],
        decoder_depths=[1],
        attend=[1],
        padding=0,
    )
    generator = shared(space)
    fit(generator, short(120, batch_size=16), data=data, callbacks=[])
    return generator


def test_a_subnet_learns_to_translate_sentences_that_it_never_saw(data, generator):
    sentences = data.sentences["test"]
    model = generator.export(generator.space.largest())
    written = translations(model, data, [s.source for s in sentences])
    found = score(written, sentences)
    assert found.bleu > 50
    assert found.num == len(sentences)
    assert "version:" in found.signatures[0]
    again = translations(model, data, [s.source for s in reversed(sentences)], beam=3)
    assert score(again[::-1], sentences).bleu > 50


def test_an_objective_measures_what_a_subnet_writes_beside_its_predictions(data, generator):
    subnets = {"largest": generator.space.largest()}
    objectives = (TranslationQuality(num=9, label_smoothing=0), CrossEntropy(label_smoothing=0))
    (whole,), (plain,) = (
        [*evaluate(generator, data, subnets, objective=o, split="test")] for o in objectives
    )
    sentences = data.sentences["test"][:9]
    written = translations(
        generator.export(generator.space.largest()), data, [s.source for s in sentences]
    )
    found = score(written, sentences)
    assert whole.calibrated == {**plain.calibrated, "bleu": found.bleu, "chrf": found.chrf}
    (trained,) = evaluate(generator, data, subnets, objective=objectives[0], split="train")
    assert set(trained.calibrated) == set(plain.calibrated)
    inputs, labels = next(data.in_order("test", batch_size=4))
    outputs = generator.export(generator.space.largest())(*inputs)
    losses = [objective.loss(outputs, labels) for objective in objectives]
    assert_close(losses[0], losses[1], rtol=0, atol=0)
    assert objectives[0].num_counted(labels) == (labels != -100).sum()


class Crowdedness(Condition):
    """The share of the source that is no padding."""

    def __call__(self, inputs):
        return (inputs[0] != 0).float().mean().view(1)

    def rest(self, inputs):
        return inputs


def test_translators_follow_a_condition_of_their_batch(data, generator):
    space, own = generator.space, {"objective": CrossEntropy(), "condition": Crowdedness()}
    conditioned = mos_layer(space, num_experts=2, condition_dim=1)
    fit(conditioned, short(2, batch_size=8), data=data, callbacks=[], **own)
    (found,) = evaluate(conditioned, data, {"largest": space.largest()}, **own)
    assert found.calibrated["cross_entropy"] > 0
    subnets = [conditioned.subnet(space.largest(), torch.tensor([s])) for s in (0.2, 0.9)]
    weights = conditioned.generate(subnets)
    name = "encoder.0.feed_forward.expand.weight"
    assert not torch.equal(weights[0][name], weights[1][name])
    model = ConditionedSubnet(conditioned, space.largest(), own["condition"])
    with pytest.raises(TypeError, match="got ConditionedSubnet"):  # a sentence is no batch
        TranslationQuality().appraise(model, data, "test")


def test_translations_are_measured_of_translators_only(data):
    with pytest.raises(TypeError, match="modules that translate pairs of sentences"):
        TranslationQuality().appraise(torch.nn.Linear(2, 2), digits(), "test")
    with pytest.raises(ValueError, match="num and beam must be 1 or more, got 0 and 1"):
        TranslationQuality(num=0)


def test_every_reference_counts():
    sentences = [
        Sentence("a", ("uno dos tres cuatro", "un dos tres")),
        Sentence("b", ("seis siete ocho nueve",)),
    ]
    assert_close(score(["un dos tres", "seis siete ocho nueve"], sentences).bleu, 100.0)
    assert score(["un dos tres", "seis siete"], sentences).bleu < 100
    one = [Sentence("a", ("uno dos tres cuatro",)), sentences[1]]
    assert score(["un dos tres", "seis siete ocho nueve"], one).bleu < 100


def test_lengths_divide_the_sentences_by_words_of_their_sources():
    words = "uno dos tres cuatro"
    sentences = [Sentence(" ".join("a" * num), (words,)) for num in (1, 4, 5, 12, 13, 40)]
    found = score_by_length([words, words, "seis siete", words, words, "seis siete"], sentences)
    assert {name: own.num for name, own in found.items()} == {
        "1-4": 2,
        "5-6": 1,
        "9-12": 1,
        "13+": 2,
    }
    assert_close([found["1-4"].bleu, found["9-12"].bleu], [100.0, 100.0])
    assert found["5-6"].bleu == 0 < found["13+"].bleu < 100
    assert {own.signatures for own in found.values()} == {score([words], sentences[:1]).signatures}


def test_what_cannot_be_translated_or_compared_is_refused(data, generator):
    with pytest.raises(ValueError, match="at most 16 symbols, got 1 longer ones"):
        translations(generator.export(generator.space.largest()), data, ["so " * 40])
    space = mlp(input_shape=(16,), num_classes=4)
    with pytest.raises(TypeError, match="start and advance"):
        translations(space.build(space.smallest()), data, ["a"])
    for written, sentences in (([], []), (["a"], [])):
        with pytest.raises(ValueError, match="a translation of each sentence"):
            score(written, sentences)
    with torch.no_grad():
        assert translations(generator.export(generator.space.largest()), data, []) == []
