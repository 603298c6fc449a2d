"""Hidden layers without units are refused by every generator that has some."""

import pytest
import torch
from example_spaces import EXAMPLES

from hypernas import generators


@pytest.mark.parametrize("name", ["hypernas", "mip_hypernetwork", "hmlp", "chunked_hmlp"])
@pytest.mark.parametrize("dims", [[0], [8, 0], range(2), torch.tensor([4, -1])], ids=str)
def test_layers_of_no_units_are_refused(name, dims):
    space = next(iter(EXAMPLES.values()))().space
    with pytest.raises(ValueError, match="hidden_dims must be 1 or more each"):
        getattr(generators, name)(space, hidden_dims=dims)
    assert getattr(generators, name)(space, hidden_dims=torch.tensor([4]))(space.smallest())
