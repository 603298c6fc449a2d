"""Every preset of a strategy, by its name, on several ranks."""

from hydra import compose, initialize_config_dir
from presets_on_ranks import trained_by
from torch.testing import assert_close

from hypernas.cli.plain import plain
from hypernas.distributed import ProcessGroup
from hypernas.runs.config_files import configs

PRESETS = sorted(path.stem for path in (configs() / "experiment").glob("*.yaml"))
SHORT = ["training.steps=4", "training.batch_size=16", "device=cpu"]
LINEAR = ["space=mlp", "space.depths=[1,2]", "space.widths=[8,12,16]", "space.norm=layer"]
IMAGES = ["space=conv2d", "space.widths=[[4,6]]", "space.depths=[1,2]", "space.norm=layer"]
SENTENCES = [
    *("data.root=.", "space.encoder_depths=[1]", "space.decoder_depths=[1,2]", "space.attend=[1]"),
    *("space.encoder_dims=[8]", "space.decoder_dims=[8,12]", "space.heads=[2]", "space.qkv_dim=8"),
    *("space.encoder_ffn_dims=[8]", "space.decoder_ffn_dims=[8,12]", "space.dropout=0"),
]
OWN = {  # what a preset trains; nothing is dropped, as each rank would draw its own
    "bignas": [*IMAGES, "changes.regularization.dropout=0", "changes.regularization.drop_path=0"],
    "once_for_all": IMAGES,
    "autodistil": [
        *("space=transformer_lm", "space.depths=[1,2]", "space.embed_dims=[8,12,16]"),
        *("space.heads=[1]", "space.head_dim=8", "space.ratios=[1,2]"),
        *("objective.teacher._target_=torch.nn.Embedding", "+objective.teacher.num_embeddings=9"),
        "+objective.teacher.embedding_dim=12",
    ],
    "hat_translation": SENTENCES,
    "mos_translation": SENTENCES,
    "shiftnas": [*LINEAR, "sampling.bins=3", "sampling.every=2"],
}


def settings_of(name):
    with initialize_config_dir(str(configs()), version_base="1.3"):
        given = [f"experiment={name}", *OWN.get(name, LINEAR), *SHORT]
        return plain(compose("train", overrides=given))


def test_two_ranks_end_with_the_parameters_of_one_process_under_every_preset(pair):
    for name in PRESETS:
        settings = settings_of(name)
        expected = trained_by(ProcessGroup(), settings)
        for found in pair(trained_by, settings):
            assert_close(found, expected, rtol=1e-6, atol=1e-9, msg=f"{name}: {{}}".format)
