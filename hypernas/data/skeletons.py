"""Synthetic skeletons: 25 joints that move by forward kinematics."""

import math

import torch
from torch import Tensor

from hypernas.data.data import Data
from hypernas.data.series import padded
from hypernas.data.split import split_tensors

# The 25 joints in the order of a walk over the body, each with its parent and the length of the bone
# between. Bodies of so many joints are recorded by depth cameras; ours are made up.
_TRUNK = ((-1, 0.0), (0, 0.3), (1, 0.3), (2, 0.2), (3, 0.15))  # hip, spine, chest, neck, head


def _arm(first: int) -> tuple[tuple[int, float], ...]:
    """Shoulder, elbow, wrist, hand, its tip and thumb."""
    lengths = (0.2, 0.3, 0.25, 0.1, 0.08, 0.05)
    parents = (2, first, first + 1, first + 2, first + 3, first + 3)
    return tuple(zip(parents, lengths, strict=True))


def _leg(first: int) -> tuple[tuple[int, float], ...]:
    """Hip, knee, ankle, foot."""
    return tuple(zip((0, first, first + 1, first + 2), (0.15, 0.45, 0.45, 0.15), strict=True))


_BONES = (*_TRUNK, *_arm(5), *_arm(11), *_leg(17), *_leg(21))
LIMBS = (range(5), range(5, 11), range(11, 17), range(17, 21), range(21, 25))  # in that order
_ACTIONS = (  # which limbs move, times a series, and how far (radians)
    ((1,), 3.0, 0.9),  # wave with the left arm
    ((2,), 3.0, 0.9),  # with the right one
    ((1, 2), 2.0, 0.7),  # clap
    ((3, 4), 2.0, 0.6),  # march
    ((4,), 1.0, 1.1),  # kick
    ((0,), 1.0, 0.5),  # bow
)
_TURNED = (  # how a limb's first bone turns in its action: right ones mirror left ones, legs step in turn
    *((1.0, 0.5), (1.0, 0.5), (-1.0, 0.5)),
    *((1.0, 0.5), (-1.0, -0.5)),
)
REST = torch.zeros(
    len(_BONES), 2
)  # angles of a body that stands: arms and legs hang, aside by a little
for _limb, _angle in ((1, 0.8), (2, -0.8), (3, 0.9), (4, -0.9)):
    REST[LIMBS[_limb][0], 0] = _angle * math.pi

# Legend: N series of T frames of 25 joints at 3 coordinates.


def skeletons(
    *,
    num_train: int = 300,
    num_validation: int = 100,
    num_test: int = 300,
    length: int = 60,
    noise: float = 0.05,
    seed: int = 0,
) -> Data:
    """Synthetic series of 25 joints, 6 actions; no recording of a person.

    Joints stand in the order of a walk over the body: trunk, left and right arm, left and right leg
    (5, 6, 6, 4, 4). Each bone keeps its length and turns, in an action by a sine of random phase and speed, so joints
    are sums of turned bones along the chain from the hip. Bodies differ in size, direction and place,
    and series in length: they are padded, as `time_series` does, with a mask as their last channel.

    Args:
        num_train, num_validation, num_test: series of each split.
        length: frames of the longest series; the shortest has half as many.
        noise: standard deviation of what is added to every coordinate, in metres.
        seed: of all draws.

    Raises:
        ValueError: if a number is too small.
    """
    sizes = (num_train, num_validation, num_test)
    if min(sizes) < 1 or length < 8 or noise < 0:
        raise ValueError(
            f"expected a series or more of each split, 8 frames or more and noise of 0 or more, got "
            f"{sizes}, {length} and {noise}."
        )
    rng = torch.Generator().manual_seed(seed)
    labels = torch.arange(sum(sizes)) % len(_ACTIONS)
    values = [_series(int(label), length, noise, rng) for label in labels]
    parts = split_tensors(padded(values, length), labels, sizes, seed=seed)
    shape = (3 * len(_BONES) + 1, length)
    return Data("skeletons", *parts, input_shape=shape, num_classes=len(_ACTIONS))


def pose(
    angles: Tensor,  # shape: (T, 25, 2): how far each bone is turned against its parent's, two ways
    scale: float = 1.0,
) -> Tensor:  # shape: (T, 25, 3)
    """The places of the joints: along each chain bones are added up, each turned by all before it."""
    places: dict[int, Tensor] = {}
    turned: dict[int, Tensor] = {-1: torch.zeros(len(angles), 2)}
    for joint, (parent, bone) in enumerate(_BONES):
        turned[joint] = turned[parent] + angles[:, joint]
        x, z = turned[joint].unbind(-1)
        way = torch.stack([x.sin(), x.cos() * z.cos(), x.cos() * z.sin()], dim=-1)
        start = places.get(parent, torch.zeros(len(angles), 3))
        places[joint] = start + scale * bone * way
    return torch.stack(list(places.values()), dim=1)


def _series(label: int, longest: int, noise: float, rng: torch.Generator) -> Tensor:
    """One series of an action, shape (75, T)."""

    def uniform(low: float, high: float) -> float:
        return low + (high - low) * float(torch.rand((), generator=rng))

    limbs, times, reach = _ACTIONS[label]
    frames = round(uniform(longest / 2, longest))
    rest = 0.15 * torch.randn(len(_BONES), 2, generator=rng)
    rest = rest + REST
    clock = torch.linspace(0, 1, frames) * times * uniform(0.8, 1.2) + uniform(0, 1)
    swing = (2 * math.pi * clock).sin()[:, None] * reach * uniform(0.7, 1.3)
    angles = rest.expand(frames, -1, -1).clone()
    for limb in limbs:
        first = LIMBS[limb][0 if limb else 1]
        angles[:, first] += swing * torch.tensor(_TURNED[limb])
    places = pose(angles, scale=uniform(0.8, 1.2))
    places = places + 0.3 * torch.randn(3, generator=rng)
    places = places + noise * torch.randn(places.shape, generator=rng)
    return places.flatten(1).T
