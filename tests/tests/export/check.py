"""Compares what knas-export wrote with the logits that knas has.

check.py FOLDER ID: FOLDER/ID.onnx, perhaps FOLDER/raw/ID.onnx, ID.py and
ID.safetensors, and FOLDER/expected.safetensors: for each batch, its inputs and logits.
"""

import runpy
import sys

import numpy
import onnx
import onnxruntime
import torch
from safetensors.numpy import load_file

folder, id = sys.argv[1:]
expected = load_file(f"{folder}/expected.safetensors")
names = ["input", "input_ids", "token_type_ids", "attention_mask"]


def compare(what, logits, wanted):
    difference = abs(logits - wanted).max() / abs(wanted).max()
    assert logits.shape == wanted.shape, (what, logits.shape, wanted.shape)
    assert difference < 1e-5, (what, difference)


def batches(kind):
    for batch in sorted({name.rsplit(".", 1)[1] for name in expected}):
        inputs = {name: expected.get(f"{name}.{batch}") for name in names}
        inputs = {name: value for name, value in inputs.items() if value is not None}
        if kind == "raw":
            inputs = {"input": expected[f"raw.{batch}"]}
        yield batch, inputs, expected[f"logits.{batch}"]


def runtime(path, kind):
    onnx.checker.check_model(path, full_check=True)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for batch, inputs, wanted in batches(kind):
        (logits,) = session.run(["logits"], inputs)
        compare(f"{path} {batch}", logits, wanted)


runtime(f"{folder}/{id}.onnx", "plain")
if any(name.startswith("raw.") for name in expected):
    runtime(f"{folder}/raw/{id}.onnx", "raw")
network = runpy.run_path(f"{folder}/{id}.py")["load"](f"{folder}/{id}.safetensors")
with torch.no_grad():
    for batch, inputs, wanted in batches("plain"):
        logits = network(*(torch.from_numpy(value) for value in inputs.values()))
        compare(f"{id}.py {batch}", numpy.asarray(logits), wanted)
