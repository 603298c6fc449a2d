import pytest
from two_ranks import Pair


@pytest.fixture(scope="session")
def pair(tmp_path_factory):
    ranks = Pair(tmp_path_factory.mktemp("ranks"))
    yield ranks
    ranks.close()
