"""Ranks judge the subnets of a search side by side."""

from judges import judge
from training_runs import space

from hypernas.search.ranks import RankJudging


def search_on(ranks):
    divided = RankJudging(judge(), ranks)
    if not ranks.first:
        return divided.serve()
    found = [divided(list(space().enumerate())[:num]) for num in (1, 3)]
    divided.done()
    return found


def test_ranks_give_the_verdicts_of_one(pair):
    found, nothing = pair(search_on)
    assert nothing is None
    assert found == [judge()(list(space().enumerate())[:num]) for num in (1, 3)]
