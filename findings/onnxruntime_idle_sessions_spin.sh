#!/bin/sh
# onnxruntime: sessions that wait for their turn slow down the one that runs, if they have two threads or more.
#
# Guess: networks that take turns in one process, each in a session of its own, cost what each costs alone: a session that is not run
#   needs no processor.
# What happens (onnxruntime 1.32.0, CPU, Python 3.11, two cores): its threads go on spinning for a while after each run, so that sixteen
#   sessions of as many threads as there are cores, run one after the other, take twice what each takes when it is run again and
#   again by itself (networks of more layers, in three spaces of subnets: 3 to 7 times; 32 sessions: 17 times). On one thread, or with the session option session.force_spinning_stop (1: spin within a run only), turns cost the
#   same as alone. The documentation tells of spinning within and between operators and of the processor time it takes
#   (onnxruntime.ai/docs/performance/tune-performance/threading.html), and not of other sessions.
# Why it matters: latencies of subnets are measured in turns, so that whatever slows the machine falls on all alike; hypernas sets the
#   option since its latencies on two threads were found to be those of the neighbours' threads. A service that keeps several models,
#   each with a pool of its own, pays the same.
#
# Exits with 0 while this is so, with another status once it changes. Needs python3.11, two cores or more that are idle, and the network.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --retries 1 --timeout 20 numpy "onnx==1.23.2" "onnxruntime==1.32.0"
cat > "$folder/case.py" <<'PYTHON'
import os
import statistics
import sys
import time

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

SESSIONS, ROUNDS, REPEATS = 16, 15, 5
THREADS = max(2, os.cpu_count() or 2)


def model():
    """Eight convolutions of 32 channels over 24 x 24 positions."""
    rng = np.random.default_rng(0)
    nodes, held, last = [], [], "x"
    for i in range(8):
        weight = (rng.standard_normal((32, 32, 3, 3)) / 17).astype(np.float32)
        held.append(numpy_helper.from_array(weight, f"w{i}"))
        nodes.append(helper.make_node("Conv", [last, f"w{i}"], [f"c{i}"], pads=[1, 1, 1, 1]))
        nodes.append(helper.make_node("Relu", [f"c{i}"], [f"r{i}"]))
        last = f"r{i}"
    shape = [4, 32, 24, 24]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("x", last)]
    graph = helper.make_graph(nodes, "net", ends[:1], ends[1:], held)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(made)
    return made.SerializeToString()


NET, X = model(), np.ones((4, 32, 24, 24), np.float32)


def session(threads, stop):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    if stop:
        options.add_session_config_entry("session.force_spinning_stop", "1")
    return onnxruntime.InferenceSession(NET, options, providers=["CPUExecutionProvider"])


def seconds(one):
    start = time.perf_counter()
    one.run(None, {"x": X})
    return time.perf_counter() - start


def ratio(threads, stop):
    """Time of a run in turns over its time alone."""
    one = session(threads, stop)
    alone = statistics.median([seconds(one) for _ in range(3 * ROUNDS)][ROUNDS:])
    del one
    every = [session(threads, stop) for _ in range(SESSIONS)]
    turns = [seconds(one) for _ in range(ROUNDS) for one in every][SESSIONS:]
    return statistics.median(turns) / alone


cases = ((THREADS, False), (THREADS, True), (1, False))
found = [[ratio(*case) for case in cases] for _ in range(REPEATS)]
default, stopped, single = (statistics.median(own) for own in zip(*found))
print(f"turns / alone: {THREADS} threads {default:.2f}, the same without spinning after runs {stopped:.2f}, one thread {single:.2f}")
sys.exit(not (default > 1.5 and stopped < 1.5 and single < 1.5))
PYTHON
"$folder/venv/bin/python" "$folder/case.py"
