"""Growth: trained small networks become a large one."""

from hypernas.growth.checks import deviation, recalibrate
from hypernas.growth.grow import grow
from hypernas.growth.growth import Growth, untrained
from hypernas.growth.member import member
from hypernas.growth.net2net import Net2Net, net2net
from hypernas.growth.random_growth import RandomGrowth, grow_randomly
from hypernas.growth.recombine import Recombine
from hypernas.growth.scratch import Scratch
from hypernas.growth.single import single

__all__ = [
    "Growth",
    "Net2Net",
    "RandomGrowth",
    "Recombine",
    "Scratch",
    "deviation",
    "grow",
    "grow_randomly",
    "member",
    "net2net",
    "recalibrate",
    "single",
    "untrained",
]
