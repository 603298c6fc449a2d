"""Translate lines by an exported translator: python exported_translator.py FOLDER < lines"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import sentencepiece

folder = Path(sys.argv[1])
about = json.loads((folder / "translator.json").read_text())
start, end = about["symbols"]["start"], about["symbols"]["end"]
words = sentencepiece.SentencePieceProcessor(model_file=str(folder / about["vocabulary"]))
files = [str(folder / about["onnx"][part]["file"]) for part in ("encoder", "decoder_step")]
encoder, step = (onnxruntime.InferenceSession(file) for file in files)
names = [given.name for given in step.get_inputs()]  # a symbol of each target, and the state
for line in sys.stdin:
    state = encoder.run(None, {"source": np.array([[*words.encode(line.rstrip("\n")), end]])})
    symbol, written = np.array([start]), []
    for _ in range(about["longest"]):
        logits, *state = step.run(None, dict(zip(names, [symbol, *state], strict=True)))
        symbol = logits.argmax(-1)
        if symbol[0] == end:
            break
        written.append(int(symbol[0]))
    print(words.decode([symbol for symbol in written if symbol > end]))
