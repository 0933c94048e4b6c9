"""Loads a checkpoint into the official network and tests it on CIFAR-10 images.

load.py FOLDER_OF_NB201 ARCH WEIGHTS TEST_BATCH
"""

import json
import sys

import torch

sys.path.insert(0, sys.argv[1])
from nb201 import TinyNetwork

arch, weights, images = sys.argv[2:]
kinds = {"F32": torch.float32, "I64": torch.int64}

# A safetensors file: the header's length, the header, the numbers.
with open(weights, "rb") as file:
    data = file.read()
length = int.from_bytes(data[:8], "little")
header, data = json.loads(data[8 : 8 + length]), bytearray(data[8 + length :])
header.pop("__metadata__", None)
state = {}
for name, entry in header.items():
    start, end = entry["data_offsets"]
    flat = torch.frombuffer(data[start:end], dtype=kinds[entry["dtype"]])
    state[name] = flat.reshape(entry["shape"])

channels, classes = state["stem.0.weight"].shape[0], state["classifier.weight"].shape[0]
cells = (len({name.split(".")[1] for name in state if name.startswith("cells.")}) - 2) // 3
network = TinyNetwork(arch, channels, max(cells, 1), classes)
network.load_state_dict(state, strict=True)
network.eval()

with open(images, "rb") as file:
    rows = torch.frombuffer(bytearray(file.read()), dtype=torch.uint8).reshape(-1, 3073)
targets = rows[:, 0].long()
mean = torch.tensor([0.4914, 0.4822, 0.4465]).reshape(3, 1, 1)
std = torch.tensor([0.2470, 0.2435, 0.2616]).reshape(3, 1, 1)
inputs = (rows[:, 1:].reshape(-1, 3, 32, 32).float() / 255 - mean) / std
with torch.no_grad():
    logits = network(inputs)
correct = (logits.argmax(1) == targets).sum().item()
loss = torch.nn.functional.cross_entropy(logits, targets).item()
print(json.dumps({"accuracy": correct / len(targets), "loss": loss}))
