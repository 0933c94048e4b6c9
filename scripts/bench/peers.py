"""Scores as other tools compute them with PyTorch, for comparison with knas-score.

peers.py DUMP MEASURE[,MEASURE…] < RECORDS

For each record a line: its id, the seconds that its measures took, their
values. Weights, images and labels are those of `knas-score --dump DUMP`.

What zero-cost-nas (Abdelfattah et al., ICLR 2021) and NASLib do for one network:
each measure gets a copy of it, and makes its own passes over the whole batch
with batch norm in train mode. What the code released with KNAS does: a forward
and a backward pass for each single image, the gradients kept, and entries of
them multiplied one by one.
"""

import copy
import gc
import json
import sys
import time
from types import MethodType

import numpy as np
import torch
from nb201 import TinyNetwork
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional

MEASURES = {}


def measure(function):
    MEASURES[function.__name__.replace("_", "-")] = function
    return function


def layers(network):
    return [m for m in network.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]


def loss_backward(network, images, labels):
    network.zero_grad()
    functional.cross_entropy(network(images), labels).backward()


def masked_convolution(self, x):
    weight = self.weight * self.mask
    return functional.conv2d(x, weight, self.bias, self.stride, self.padding)


def masked_linear(self, x):
    return functional.linear(x, self.weight * self.mask, self.bias)


@measure
def snip(network, images, labels):
    """The gradients of masks of ones over the weights."""
    for layer in layers(network):
        layer.mask = nn.Parameter(torch.ones_like(layer.weight))
        layer.weight.requires_grad_(False)
        masked = masked_convolution if isinstance(layer, nn.Conv2d) else masked_linear
        layer.forward = MethodType(masked, layer)
    loss_backward(network, images, labels)
    found = [layer.mask.grad for layer in layers(network)]
    return sum(gradient.abs().sum().item() for gradient in found if gradient is not None)


@measure
def grad_norm(network, images, labels):
    """Of convolutions and the classifier alone."""
    loss_backward(network, images, labels)
    found = [layer.weight.grad for layer in layers(network)]
    return sum(gradient.norm().item() for gradient in found if gradient is not None)


@measure
def synflow(network, images, labels):
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.forward = MethodType(lambda self, x: x, layer)
    with torch.no_grad():
        for value in network.state_dict().values():
            value.abs_()
    network.double().zero_grad()
    network(torch.ones_like(images[:1], dtype=torch.float64)).sum().backward()
    pairs = [(layer.weight, layer.weight.grad) for layer in layers(network)]
    flow = sum((w * g).abs().sum().item() for w, g in pairs if g is not None)
    return np.log(flow) if flow else -np.inf


@measure
def jacob_cov(network, images, labels):
    images = images.clone().requires_grad_()
    logits = network(images)
    logits.backward(torch.ones_like(logits))
    correlations = np.corrcoef(images.grad.flatten(1).numpy())
    if not np.isfinite(correlations).all():
        return np.nan  # the images do not matter
    values = np.linalg.eig(correlations)[0].real + 1e-5
    return -np.sum(np.log(values) + 1 / values)


@measure
def naswot(network, images, labels):
    """As NASLib has it: one forward pass, which keeps its graph."""
    kernel = np.zeros((len(images), len(images)))

    def count(layer, inputs, output):
        on = (inputs[0].flatten(1) > 0).float()
        off = 1 - on
        kernel.__iadd__((on @ on.T).numpy())
        kernel.__iadd__((off @ off.T).numpy())

    for layer in network.modules():
        if isinstance(layer, nn.ReLU):
            layer.register_forward_hook(count)
    network(images)
    return np.linalg.slogdet(kernel)[1]


@measure
def mgm_released(network, images, labels):
    """Of the first 11 parameter tensors with 50 entries or more, products of
    entries between the first and the second half of 50 images."""
    kept = {}
    for image, label in zip(images.split(1), labels.split(1)):
        loss_backward(network, image, label)
        named = ((name, p.grad) for name, p in network.named_parameters() if p.grad is not None)
        long = [(name, gradient) for name, gradient in named if gradient.numel() >= 50]
        for name, gradient in long[:11]:
            kept.setdefault(name, []).append(gradient.flatten()[:100].clone())
    total = 0.0
    for rows in kept.values():
        for entry in range(50):
            first = torch.tensor([row[entry] for row in rows[:25]])
            second = torch.tensor([row[entry] for row in rows[25:50]])
            total += torch.dot(first - first.mean(), second - second.mean()) / 2500
    return float(total)


folder, names = sys.argv[1:]
for line in sys.stdin:
    record = json.loads(line)
    tensors = load_file(f"{folder}/{record['id']}.safetensors")
    images, labels = tensors.pop("input"), tensors.pop("target")
    start = time.perf_counter()
    network = TinyNetwork(record["arch"])
    network.load_state_dict(tensors, strict=False)
    values = []
    for name in names.split(","):
        taken = copy.deepcopy(network)
        values.append(MEASURES[name](taken, images, labels))
        del taken
        gc.collect()
    seconds = time.perf_counter() - start
    print(record["id"], seconds, *values, flush=True)
