"""Examples that a model of transformers may take, whatever its class, by the names that its forward knows."""

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

FEW, MORE = (4, 6), (12, 48)  # examples and their lengths


def examples(module: nn.Module, *, size: tuple[int, int] = FEW) -> Iterator[dict[str, Any]]:
    """Mappings of keywords, the likeliest first."""
    names = set(inspect.signature(module.forward).parameters)
    config: Any = module.config
    rng = torch.Generator().manual_seed(size[0])
    ids = torch.randint(4, 50, size, generator=rng)
    common: dict[str, Any] = {"use_cache": False} if "use_cache" in names else {}
    decoder = {"decoder_input_ids": ids.flip(1)} if "decoder_input_ids" in names else {}
    main = getattr(module, "main_input_name", "input_ids")
    texts = [{"input_ids": ids}] if "input_ids" in names else []
    if "bbox" in names:
        box = torch.tensor([1, 2, 8, 9]).expand(*size, 4)
        texts = [{**text, "bbox": box} for text in texts]
    sights = list(_sights(names, config, rng, size[0]))
    order = [texts, sights] if main == "input_ids" else [sights, texts]
    for kind in order:
        for found in kind:
            yield {**found, **common}
            yield {**found, **common, **decoder}
    for text in texts:
        for sight in sights:
            yield {**text, **sight, **common}
            yield {**text, **sight, **common, **decoder}


def _sights(
    names: set[str], config: Any, rng: torch.Generator, num: int
) -> Iterator[Mapping[str, Tensor]]:
    """Images, videos, sounds and series of likely shapes."""

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=rng)

    num = min(num, 6)
    images = _number(config, "image_size", 32), 32, 64, 224
    if "pixel_values" in names:
        for channels in (_number(config, "num_channels", 3), 3):
            for side in dict.fromkeys(images):
                yield {"pixel_values": draw(num, channels, side, side)}
        frames = _number(config, "num_frames", 4)
        yield {"pixel_values": draw(num, frames, 3, images[0], images[0])}
        if "pixel_mask" in names:
            yield {
                "pixel_values": draw(num, 3, 64, 64),
                "pixel_mask": torch.ones(num, 64, 64).long(),
            }
    if "pixel_values_videos" in names:
        frames = _number(config, "frames_per_clip", 4)
        yield {"pixel_values_videos": draw(num, frames, 3, images[0], images[0])}
    if "input_values" in names:
        bins = _number(config, "num_mel_bins", 16)
        yield from ({"input_values": draw(num, n)} for n in (1600, 8000))
        yield {"input_values": draw(num, 1, 1600)}
        yield {"input_values": draw(num, _number(config, "max_length", 64), bins)}
    if "input_features" in names:
        bins = next(
            (
                n
                for key in (
                    "num_mel_bins",
                    "feature_size",
                    "feature_projection_input_dim",
                    "input_dim",
                    "input_feat_per_channel",
                )
                if (n := _number(config, key, 0))
            ),
            80,
        )
        length = 2 * _number(config, "max_source_positions", 32)
        yield {"input_features": draw(num, bins, length)}
        yield {"input_features": draw(num, length, bins)}
        yield {"input_features": draw(num, 1, 64, bins)}
    if "past_values" in names:
        length = _number(config, "context_length", 16)
        channels = _number(config, "num_input_channels", 1)
        yield {"past_values": draw(num, length, channels)}
        yield {"past_values": draw(num, length)}
        lags = max(getattr(config, "lags_sequence", None) or [7])
        past = {
            "past_values": draw(num, length + lags).abs(),
            "past_observed_mask": torch.ones(num, length + lags),
        }
        time = max(1, _number(config, "num_time_features", 0))
        yield {
            **past,
            "past_time_features": draw(num, length + lags, time),
            "static_categorical_features": None,
        }  # type: ignore[dict-item]
    if "inputs_embeds" in names and "input_ids" not in names:
        yield {"inputs_embeds": draw(num, 6, _number(config, "hidden_size", 32))}
    if "inputs" in names:  # of any kind
        yield {"inputs": torch.randint(4, 50, (num, 32), generator=rng)}
        yield {"inputs": draw(num, 16, _number(config, "d_model", 32))}
    if "states" in names:
        yield {
            "states": draw(num, 4, _number(config, "state_dim", 17)),
            "actions": draw(num, 4, _number(config, "act_dim", 4)),
            "rewards": draw(num, 4, 1),
            "returns_to_go": draw(num, 4, 1),
            "timesteps": torch.arange(4).expand(num, 4),
            "attention_mask": torch.ones(num, 4),
        }


def _number(config: Any, key: str, default: int) -> int:
    """A number of a configuration, or of one inside it."""
    inside = [v for v in vars(config).values() if hasattr(v, "to_dict")]
    for own in (config, *inside):
        value = getattr(own, key, None)
        if isinstance(value, list | tuple) and value and isinstance(value[0], int):
            value = value[0]
        if isinstance(value, int) and value > 0:
            return value
    return default
