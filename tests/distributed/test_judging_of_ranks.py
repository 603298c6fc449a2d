"""Ranks judge the subnets of a search side by side."""

from judges import judge
from training_runs import space

from hypernas.search.hurdle import Hurdle
from hypernas.search.ranks import RankJudging

OUT_OF_REACH = Hurdle((("accuracy", True),), (), {}, ((-2.0,),))


def search_on(ranks):
    divided = RankJudging(judge(halving=0.5), ranks)
    if not ranks.first:
        return divided.serve()
    found = [divided(list(space().enumerate())[:num]) for num in (1, 3)]
    found.append(divided(list(space().enumerate())[:3], [None, OUT_OF_REACH, None]))
    divided.done()
    return found


def test_ranks_give_the_verdicts_of_one(pair):
    found, nothing = pair(search_on)
    assert nothing is None
    assert found[:2] == [judge(halving=0.5)(list(space().enumerate())[:num]) for num in (1, 3)]
    assert [verdict.examples for verdict in found[2]] == [None, 20, None]
