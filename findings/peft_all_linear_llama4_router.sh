#!/bin/sh
# PEFT: target_modules="all-linear" makes Llama 4 of transformers fail in its first forward pass.
#
# Guess: "all-linear" targets "all linear/Conv1D modules (if the model is a PreTrainedModel, the output layer excluded)"
#   (https://huggingface.co/docs/peft/package_reference/lora), so that a model that computes goes on computing, as
#   LoRA's second factor begins with zeros.
# What happens (peft 0.21.0, transformers 5.24.0, torch 2.13.0, CPU, Python 3.11): AttributeError "'tuple' object has no
#   attribute 'dtype'". The router of Llama 4 is a subclass of nn.Linear that returns a tuple (scores and logits); it
#   gets an adapter, which takes what it returns for a tensor. With the names of the other layers all works.
# Why it matters: the setting that is advised for QLoRA-style training cannot be used for a whole family.
#
# Exits with 0 while this is so, with another status once it changes. Needs python3.11 and the network.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --retries 1 --timeout 20 "torch==2.13.0" numpy "transformers==5.24.0" "peft==0.21.0" \
    --extra-index-url https://download.pytorch.org/whl/cpu
cat > "$folder/case.py" <<'PYTHON'
import sys

import torch
from peft import LoraConfig, get_peft_model
from transformers import Llama4ForCausalLM, Llama4TextConfig

config = Llama4TextConfig(
    vocab_size=32, hidden_size=16, intermediate_size=16, intermediate_size_mlp=16, num_hidden_layers=2,
    num_attention_heads=2, num_key_value_heads=2, head_dim=8, num_local_experts=2, pad_token_id=0,
    bos_token_id=1, eos_token_id=2,
)
ids = torch.arange(3, 9)[None]


def outcome(modules):
    torch.manual_seed(0)
    model = Llama4ForCausalLM(config).eval()
    expected = model(input_ids=ids).logits
    try:
        found = get_peft_model(model, LoraConfig(target_modules=modules)).eval()(input_ids=ids).logits
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "same outputs" if torch.allclose(found, expected) else "other outputs"


some, every = outcome(["q_proj", "k_proj", "v_proj", "o_proj"]), outcome("all-linear")
print("attention:", some)
print("all-linear:", every)
sys.exit(not (some == "same outputs" and "'tuple' object has no attribute 'dtype'" in every))
PYTHON
"$folder/venv/bin/python" -W ignore "$folder/case.py"
