"""The official network of NAS-Bench-201 in plain PyTorch, and the random streams
from which knas draws its weights and noise.

Edges that reach nothing are left out: they change what no output depends on.
"""

import hashlib
import math
import struct

import numpy as np
import torch
from torch import nn

KERNEL = {"nor_conv_1x1": 1, "nor_conv_3x3": 3}

# --- random streams: ChaCha8 under the SHA-256 of a seed, a purpose and labels ---


def words(count, seed, purpose, *parts):
    """The first `count` 32-bit words of a stream."""
    text = lambda s: struct.pack("<Q", len(s.encode())) + s.encode()
    data = b"knas-stream-1" + struct.pack("<Q", seed) + text(purpose)
    for part in parts:
        data += b"\1" + text(part) if isinstance(part, str) else b"\0" + struct.pack("<Q", part)
    key = struct.unpack("<8I", hashlib.sha256(data).digest())
    blocks = -(-count // 16)
    constant = [0x61707865, 0x3320646E, 0x79622D32, 0x6B206574, *key, 0, 0, 0, 0]
    start = [np.full(blocks, word, np.uint32) for word in constant]
    start[12] = np.arange(blocks, dtype=np.uint32)
    x = [row.copy() for row in start]
    turn = lambda v, n: (v << np.uint32(n)) | (v >> np.uint32(32 - n))

    def quarter(a, b, c, d):
        for p, q, r, n in (a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7):
            x[p] = x[p] + x[q]
            x[r] = turn(x[r] ^ x[p], n)

    for _ in range(4):
        for i in range(4):
            quarter(i, 4 + i, 8 + i, 12 + i)
        for i in range(4):
            quarter(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
    return np.stack([a + b for a, b in zip(x, start)], 1).reshape(-1)[:count]


def normal(shape, *stream):
    """Standard normal numbers, by Box and Muller."""
    count = math.prod(shape)
    pairs = words(count + count % 2, *stream).reshape(-1, 2).astype(np.float64)
    radius = np.sqrt(-2 * np.log((pairs[:, 0] + 1) / 2**32))
    angle = 2 * np.pi * (pairs[:, 1] / 2**32)
    values = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1).reshape(-1)
    return torch.from_numpy(values[:count].astype(np.float32)).reshape(shape)


def signs(shape, *stream):
    """Ones and minus ones, 64 from each two words, lowest bit first."""
    count = math.prod(shape)
    bits = words(2 * -(-count // 64), *stream).astype("<u4").view(np.uint8)
    bits = np.unpackbits(bits, bitorder="little")[:count]
    return torch.from_numpy(bits.astype(np.float32) * 2 - 1).reshape(shape)


# --- the network -----------------------------------------------------------------


class Cell:
    """Which edges are live, and what each convolution computes."""

    def __init__(self, arch):
        nodes = [node.strip("|").split("|") for node in arch.split("+")]
        self.edges = []  # (target, source, op), in the order of `layers`
        for target, node in enumerate(nodes, 1):
            for edge in node:
                op, source = edge.split("~")
                self.edges.append((target, int(source), op))
        values = [["0"], [], [], []]
        self.functions = {}
        for target in (1, 2, 3):
            for number, (to, source, op) in enumerate(self.edges):
                if to != target or op == "none" or not values[source]:
                    continue
                if op == "skip_connect":
                    values[target] += values[source]
                else:
                    function = f"({'+'.join(sorted(values[source]))})@{op}"
                    self.functions[number] = function
                    values[target].append(function)
        reached = {3}
        for target, source, op in reversed(self.edges):
            if target in reached and op != "none":
                reached.add(source)
        self.live = [
            op != "none" and target in reached and bool(values[source])
            for target, source, op in self.edges
        ]

    def places(self):
        """For each live convolution, what keys its initial weights."""
        seen, places = {}, {}
        for number, function in self.functions.items():
            if self.live[number] and self.edges[number][2] in KERNEL:
                places[number] = f"{function}#{seen.setdefault(function, 0)}"
                seen[function] += 1
        return places


class Norm(nn.BatchNorm2d):
    """Batch norm in train mode, or none."""

    off = False

    def forward(self, x):
        return x if Norm.off else super().forward(x)


class ReLUConvBN(nn.Module):
    def __init__(self, inputs, outputs, kernel, stride):
        super().__init__()
        conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        self.op = nn.Sequential(nn.ReLU(), conv, Norm(outputs))

    def forward(self, x):
        return self.op(x)


class Pooling(nn.Module):
    def __init__(self):
        super().__init__()
        self.op = nn.AvgPool2d(3, 1, 1, count_include_pad=False)

    def forward(self, x):
        return self.op(x)


class InferCell(nn.Module):
    def __init__(self, cell, channels):
        super().__init__()
        self.cell = cell
        make = lambda op: (
            ReLUConvBN(channels, channels, KERNEL[op], 1)
            if op in KERNEL
            else Pooling() if op == "avg_pool_3x3" else nn.Identity()
        )
        pairs = zip(cell.edges, cell.live)
        self.layers = nn.ModuleList(make(edge[2]) if live else nn.Identity() for edge, live in pairs)

    def forward(self, x):
        nodes = [x, 0, 0, 0]
        for layer, (target, source, _), live in zip(self.layers, self.cell.edges, self.cell.live):
            if live:
                nodes[target] = nodes[target] + layer(nodes[source])
        return nodes[3] if torch.is_tensor(nodes[3]) else torch.zeros_like(x)


class Reduction(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv_a = ReLUConvBN(inputs, outputs, 3, 2)
        self.conv_b = ReLUConvBN(outputs, outputs, 3, 1)
        self.downsample = nn.Sequential(
            nn.AvgPool2d(2, 2), nn.Conv2d(inputs, outputs, 1, bias=False)
        )

    def forward(self, x):
        return self.downsample(x) + self.conv_b(self.conv_a(x))


class Network(nn.Module):
    def __init__(self, cell, channels, cells, classes):
        super().__init__()
        self.size = (channels, cells, classes)
        self.stem = nn.Sequential(nn.Conv2d(3, channels, 3, padding=1, bias=False), Norm(channels))
        blocks = [InferCell(cell, channels) for _ in range(cells)]
        for width in (2 * channels, 4 * channels):
            blocks.append(Reduction(width // 2, width))
            blocks += [InferCell(cell, width) for _ in range(cells)]
        self.cells = nn.ModuleList(blocks)
        self.lastact = nn.Sequential(Norm(4 * channels), nn.ReLU())
        self.classifier = nn.Linear(4 * channels, classes)

    def blocks(self, x):
        outputs = [self.stem(x)]
        for block in self.cells:
            outputs.append(block(outputs[-1]))
        return outputs

    def features(self, x):
        return self.lastact(self.blocks(x)[-1])

    def forward(self, x):
        return self.classifier(self.features(x).mean((2, 3)))

    def layers(self):
        """Convolutions and classifier, without those that are not there."""
        return [m for m in self.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]

    def weights(self):
        return [layer.weight for layer in self.layers()]


class Thin(nn.Module):
    """A cell of one channel, then batch norm and ReLU."""

    def __init__(self, cell):
        super().__init__()
        self.cells = nn.ModuleList([InferCell(cell, 1)])
        self.lastact = nn.Sequential(Norm(1), nn.ReLU())

    def forward(self, x):
        return self.lastact(self.cells[0](x))


def place(name, cell, thin=False):
    """What keys a tensor's initial values, from its official name."""
    parts = name.split(".")
    if parts[0] == "stem":
        return "stem"
    if parts[0] == "classifier":
        return name
    if parts[2] == "layers":
        block = "thin" if thin else f"cells.{parts[1]}"
        return f"{block}.{cell.places()[int(parts[3])]}"
    return ".".join(parts[:3])


def draw(network, cell, init, seed, thin=False):
    """Initial weights: `kaiming` or `normal`."""
    for name, tensor in network.named_parameters():
        if tensor.dim() == 1:
            tensor.data.fill_(0.0 if name.endswith("bias") else 1.0)
            continue
        scale = math.sqrt(2 / tensor[0].numel()) if init == "kaiming" else 1.0
        key = (seed, "weights", init, place(name, cell, thin))
        tensor.data.copy_(normal(tensor.shape, *key) * scale)
    return network


def example_values(name, shape):
    """Numbers without a pattern that anything computes alike."""
    j = np.arange(math.prod(shape), dtype=np.float64)
    values = np.sin(sum(name.encode()) + 0.37 * j + 0.011 * j * j)
    if "input" not in name and len(shape) == 1:
        values = 0.2 * values + (0.0 if name.endswith("bias") else 1.0)
    elif "input" not in name:
        values = values * 1.5 / math.sqrt(math.prod(shape[1:]))
    return torch.from_numpy(values.astype(np.float32)).reshape(shape)
