"""`hypernas check` says of every choice whether slices are right."""


def test_it_goes_through_the_choices_of_a_ready_made_space(run):
    status, out, _ = run("check", "space=mlp")
    assert status == 0
    assert "width_0: 32: holds" in out
    assert "0 broken, 0 undecided" in out


def test_it_exits_with_1_and_the_layouts_where_slices_are_broken(run, tmp_path, monkeypatch):
    (tmp_path / "gated_space.py").write_text(
        """
from torch import nn

from hypernas import SearchSpace


class Net(nn.Module):
    def __init__(self, w):
        super().__init__()
        self.one, self.two = nn.Linear(64, 2 * w), nn.Linear(w, 10)

    def forward(self, x):
        value, gate = self.one(x.flatten(1)).chunk(2, -1)
        return self.two(value * gate.sigmoid())


def space(*, input_shape, num_classes):
    return SearchSpace({"w": [4, 8]}, lambda a: Net(a["w"]))
"""
    )
    monkeypatch.syspath_prepend(tmp_path)
    status, out, _ = run(
        "check", "space=own", "space._target_=gated_space.space", "space._partial_=true"
    )
    assert status == 1
    assert 'write layouts={"one.weight": "(two rows) columns", "one.bias": "(two rows)"}' in out
