"""What was said of other libraries, without hypernas."""

import os
import signal
import subprocess
import sys
import time

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset
from verdicts import answer, words


def router():
    from peft import LoraConfig, get_peft_model
    from transformers import Llama4ForCausalLM, Llama4TextConfig

    config = Llama4TextConfig(
        vocab_size=32, hidden_size=16, intermediate_size=16, intermediate_size_mlp=16, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=2, head_dim=8, num_local_experts=2, pad_token_id=0,
        bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    model = Llama4ForCausalLM(config)
    ids = torch.arange(3, 9)[None]
    model(input_ids=ids)
    try:
        get_peft_model(model, LoraConfig(target_modules="all-linear"))(input_ids=ids)
    except Exception as error:
        return "tuple" in str(error), words(error)
    return False, "computes"


class Positions(nn.Module):
    """A branch that compares twice a length with a number."""

    def forward(self, x):
        return x[:, -4:] if 2 * x.shape[1] >= 4 else x


def lengths():
    told = []
    for name, dim in (("Dim.DYNAMIC", torch.export.Dim.DYNAMIC), ("Dim(min=1)", torch.export.Dim("n", min=1))):  # fmt: skip
        try:
            program = torch.export.export(Positions(), (torch.ones(2, 6),), dynamic_shapes=({1: dim},)).module()  # fmt: skip
        except Exception as error:
            told.append(f"{name} not exported: {words(error, 120)}")
            continue
        try:
            program(torch.ones(2, 1))
            told.append(f"{name} takes 1")
        except Exception as error:
            told.append(f"{name} refuses 1: {words(error, 120)}")
    return told[0].startswith("Dim.DYNAMIC refuses") and told[1] == "Dim(min=1) takes 1", "; ".join(told)  # fmt: skip


class Ids(Dataset):
    def __len__(self):
        return 64

    def __getitem__(self, i):
        time.sleep(0.01)
        return os.getpid()


def interrupted(end: int) -> str:
    """What comes up in a loop that never asks for data, when a worker ends by a signal."""
    batches = iter(DataLoader(Ids(), num_workers=1, batch_size=4))
    worker = int(next(batches)[0])
    try:
        os.kill(worker, end)
        for _ in range(30):
            time.sleep(0.1)
    except RuntimeError as error:
        return words(error)
    return "nothing"


def killed():
    found = interrupted(signal.SIGKILL)
    return "killed" in found.lower(), found


def ended():
    batches = DataLoader(Ids(), num_workers=1, batch_size=32)
    try:
        for _ in batches:
            pass
        time.sleep(0.5)
    except RuntimeError as error:
        return False, words(error)
    return True, "nothing"


def background():
    """A Python of a shell's & is sent SIGINT."""
    code = "import time\ntry:\n    time.sleep(3)\n    print('slept')\nexcept KeyboardInterrupt:\n    print('interrupted')"
    script = f'"{sys.executable}" -c "{code}" & p=$!; sleep 1.5; kill -INT $p; wait $p'
    found = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False).stdout
    return "slept" in found, found.strip() or "nothing"


if __name__ == "__main__":
    answer(
        {94: router, 95: lengths, 96: killed, 97: ended, 98: background}, "torch transformers peft"
    )
