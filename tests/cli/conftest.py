import pytest
from tiny_study import TINY


@pytest.fixture
def study(run):
    """`hypernas study` of the tiny study: its exit status and standard error."""
    return lambda *more, **folder: run("study", *TINY, *more, **folder)[::2]
