"""Checkpoints that were altered, and what stands beside them."""

import shutil

import pytest
from torch.testing import assert_close
from training_runs import fit, say_format, short, space

from hypernas import generators
from hypernas.training import checkpoint
from hypernas.training.callbacks import Checkpoints
from hypernas.training.checkpoint import CheckpointError


def flip(path, place: int = -1) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


@pytest.fixture
def folder(tmp_path):
    """The checkpoints of steps 2 and 3, of which the last is altered by one bit."""
    fit(generators.shared(space()), short(3), callbacks=[Checkpoints(tmp_path, every=2)])
    flip(tmp_path / "00000003" / "state.safetensors")
    return tmp_path


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_an_altered_checkpoint_is_named_with_the_newest_whole_one(folder):
    words = (
        r"(?s)00000003 was altered since it was written:\n  state.safetensors: has the SHA-256 .*"
        r"that of step 2: go on from it by resume=RUN fallback=true"
    )
    with pytest.raises(CheckpointError, match=words):
        fit(generators.shared(space()), short(6), resume=folder)


def test_a_run_goes_on_from_the_newest_whole_checkpoint_as_if_nothing_had_happened(folder):
    whole, resumed = generators.shared(space()), generators.shared(space())
    fit(whole, short(3))
    chosen = checkpoint.newest(folder, fallback=True)
    assert chosen.step == 2
    fit(resumed, short(3), callbacks=[Checkpoints(folder, every=2)], resume=chosen)
    assert_close(resumed.state_dict(), whole.state_dict(), rtol=0, atol=0)
    assert checkpoint.newest(folder) == checkpoint.newest(folder, fallback=True)
    assert names(folder) == ["00000002", "00000003"]


def test_later_checkpoints_than_a_run_goes_on_from_are_set_aside_and_not_dropped(folder):
    chosen = checkpoint.newest(folder, fallback=True)
    (folder / "00000003").rename(folder / "00000009")
    fit(generators.shared(space()), short(4), callbacks=[Checkpoints(folder)], resume=chosen)
    assert names(folder) == ["00000002", "00000004", "00000009.aside"]


def test_where_none_is_whole_all_are_named(folder):
    flip(folder / "00000002" / "state.json", 40)
    with pytest.raises(CheckpointError, match=r"(?s)no checkpoint .*00000003 was .*00000002 was"):
        checkpoint.newest(folder, fallback=True)
    with pytest.raises(CheckpointError, match="There is no whole checkpoint before it"):
        fit(generators.shared(space()), short(6), resume=folder)


def test_a_step_that_is_not_that_of_the_folder_is_not_trained_on_from(folder):
    (folder / "00000002").rename(folder / "00000007")
    with pytest.raises(CheckpointError, match="00000007 holds step 2, expected that of its name"):
        fit(generators.shared(space()), short(9), resume=folder)


@pytest.mark.filterwarnings("ignore:.*without checksums")
def test_the_step_of_an_earlier_format_is_that_of_its_folder_too(tmp_path):
    fit(generators.shared(space()), short(2), callbacks=[Checkpoints(tmp_path)])
    say_format(checkpoint.newest(tmp_path), 3)
    fit(generators.shared(space()), short(3), resume=tmp_path)
    (tmp_path / "00000002").rename(tmp_path / "00000007")
    with pytest.raises(CheckpointError, match="00000007 holds step 2"):
        fit(generators.shared(space()), short(9), resume=tmp_path)


def test_a_checkpoint_without_its_manifest_is_refused(folder):
    shutil.rmtree(folder / "00000003")
    (folder / "00000002" / "manifest.json").unlink()
    with pytest.raises(CheckpointError, match=r"00000002/manifest.json is not there"):
        fit(generators.shared(space()), short(6), resume=folder)


def test_nothing_is_dropped_but_what_was_written_by_a_run(tmp_path):
    fit(generators.shared(space()), short(3), callbacks=[Checkpoints(tmp_path, every=2)])
    for name in ("00000001_keep", "00000012_keep", "00000000", "notes", "1"):
        shutil.copytree(tmp_path / "00000003", tmp_path / name)
    (tmp_path / "00000002" / "note.txt").write_text("the best so far")
    fit(generators.shared(space()), short(5), callbacks=[Checkpoints(tmp_path)], resume=tmp_path)
    kept = ["00000000", "00000001_keep", "00000002", "00000003", "00000005", "00000012_keep"]
    assert names(tmp_path) == [*kept, "1", "notes"]
    assert checkpoint.newest(tmp_path).step == 5


def test_drafts_of_killed_processes_go_with_the_next_checkpoint(tmp_path):
    draft = tmp_path / ".00000001.4711-00ab12cd.part"
    draft.mkdir()
    assert checkpoint.saved(tmp_path) == []
    fit(generators.shared(space()), short(1), callbacks=[Checkpoints(tmp_path)])
    assert names(tmp_path) == ["00000001"]


def test_a_manifest_tells_the_format_the_step_the_space_and_the_generator(tmp_path):
    made = {"a": generators.shared(space()), "b": generators.mos_layer(space())}
    told = {}
    for name, generator in made.items():
        fit(generator, short(1), callbacks=[Checkpoints(tmp_path / name)])
        manifest = checkpoint.manifest_of(checkpoint.newest(tmp_path / name))
        told[name] = dict(manifest.about)
        assert set(manifest.parts) == {"state.json", "state.safetensors"}
    assert told["a"]["format"] == 4
    assert told["a"]["step"] == 1
    assert told["a"]["space"] == told["b"]["space"]
    assert told["a"]["generator"] != told["b"]["generator"]
