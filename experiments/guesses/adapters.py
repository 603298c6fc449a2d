"""PEFT's `target_modules="all-linear"` on families of transformers, and adapters as what a generator makes.

Writes `adapters.csv` too: of each family the share of weights under adapters, whether experts and routers have any,
and what the law says of the rank as a choice.
"""

import csv
import sys
from functools import cache
from pathlib import Path

import torch
import transformers as hf
from verdicts import answer, words

from hypernas import SearchSpace, generators
from hypernas.subnet.law import examine, few

sys.path.insert(0, str(Path(__file__).parents[1] / "public_models"))
TABLE = Path(__file__).parent / "adapters.csv"
DENSE = (
    "GPT2LMHeadModel",
    "LlamaForCausalLM",
    "BertModel",
    "T5ForConditionalGeneration",
    "BloomForCausalLM",
)
MIXTURES = (
    "MixtralForCausalLM", "Qwen3MoeForCausalLM", "GptOssForCausalLM", "DeepseekV3ForCausalLM", "OlmoeForCausalLM",
    "GraniteMoeForCausalLM", "Llama4ForCausalLM",
)  # fmt: skip


@cache
def rows() -> list[dict[str, str]]:
    found = []
    for kind in (*DENSE, *MIXTURES):
        try:
            found.append({"family": kind, **row(kind)})
        except Exception as error:
            found.append({"family": kind, "rank": words(error, 120)})
        print(found[-1], flush=True)
    fields = ["family", "share", "experts", "routers", "of_experts", "generated", "rank", "because"]
    with TABLE.open("w", newline="") as file:
        writer = csv.DictWriter(file, fields, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(found)
    return found


def row(kind: str) -> dict[str, str]:
    from classes import small
    from peft import LoraConfig, get_peft_model

    model = getattr(hf, kind)
    given, _, inputs = small(model)

    def build(architecture):
        torch.manual_seed(0)
        own = model(model.config_class(**given))
        chosen = LoraConfig(r=architecture["rank"], lora_alpha=8, target_modules="all-linear")
        adapted = get_peft_model(own, chosen)
        with torch.no_grad():
            for name, parameter in adapted.named_parameters():
                if "lora_B" in name:
                    parameter.normal_(std=0.1)  # zeros would hide everything
        return adapted

    module = build({"rank": 8})
    names = [n for n, p in module.named_parameters() if p.requires_grad]
    base = {n: p.numel() for n, p in module.named_parameters() if not p.requires_grad}
    adapted = {n.partition(".lora_")[0] for n in names}
    under = sum(m for n, m in base.items() if any(n.startswith(f"{a}.") for a in adapted))
    experts = [n for n in base if "expert" in n and "shared" not in n]
    space = SearchSpace({"rank": [4, 8]}, build, "auto", inputs=inputs)
    law = examine(space, few(space))
    doubts = [v.because for v in law.verdicts if v.state == "undecided"]
    generator = generators.shared(space)
    made = set(
        generator.supernet.shapes if hasattr(generator, "supernet") else generator("largest")
    )
    return {
        "share": f"{under / sum(base.values()):.3f}",
        "experts": str(any(_over(n, adapted) for n in experts)) if experts else "",
        "routers": str(any("gate." in f"{a}." or "router" in a for a in adapted))
        if experts
        else "",
        "of_experts": f"{sum(base[n] for n in experts) / sum(base.values()):.3f}"
        if experts
        else "",
        "generated": f"{len(set(names))} of {len(names)}" if set(names) <= made else "not all",
        "rank": "undecided" if doubts else "cured" if law.layouts else "holds",
        "because": doubts[0][:160] if doubts else "",
    }


def _over(name: str, adapted: set[str]) -> bool:
    return any(name.startswith(f"{a}.") for a in adapted)


def experts():
    own = [r for r in rows() if r.get("experts")]
    on = [r["family"] for r in own if r["experts"] == "True"]
    shares = ", ".join(f"{r['family']} {r['share']}" for r in rows() if "share" in r)
    return len(
        on
    ) <= 6, f"{len(on)} of {len(own)} mixtures ({', '.join(on)}); share of weights: {shares}"


def alone():
    wrong = [
        f"{r['family']}: {r.get('generated') or r['rank']}"
        for r in rows()
        if "of" not in r.get("generated", "")
    ]
    return not wrong, "; ".join(wrong) or f"{len(rows())} families"


def rank():
    states = [f"{r['family']} {r['rank']}" for r in rows() if r["rank"] != "holds"]
    return not states, "; ".join(states)[:600] or f"holds in {len(rows())} families"


if __name__ == "__main__":
    answer({58: experts, 59: alone, 60: rank}, "torch transformers peft")
