"""NAS-Bench-201's network in plain PyTorch, with its official parameter names.

After AutoDL-Projects (Dong & Yang 2020): TinyNetwork, InferCell, ReLUConvBN,
ResNetBasicblock, POOLING. Every edge of the notation is evaluated.
"""

import torch
from torch import nn


class ReLUConvBN(nn.Module):
    def __init__(self, inputs, outputs, kernel, stride=1):
        super().__init__()
        self.op = nn.Sequential(
            nn.ReLU(inplace=False),
            nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
            nn.BatchNorm2d(outputs),
        )

    def forward(self, x):
        return self.op(x)


class Zero(nn.Module):
    def forward(self, x):
        return x.mul(0.0)


def operation(name, channels):
    return {
        "none": Zero,
        "skip_connect": nn.Identity,
        "nor_conv_1x1": lambda: ReLUConvBN(channels, channels, 1),
        "nor_conv_3x3": lambda: ReLUConvBN(channels, channels, 3),
        "avg_pool_3x3": lambda: nn.AvgPool2d(3, 1, 1, count_include_pad=False),
    }[name]()


class InferCell(nn.Module):
    def __init__(self, arch, channels):
        super().__init__()
        self.layers = nn.ModuleList()
        self.nodes = []
        for node in arch.split("+"):
            edges = []
            for edge in node.strip("|").split("|"):
                name, source = edge.split("~")
                edges.append((len(self.layers), int(source)))
                self.layers.append(operation(name, channels))
            self.nodes.append(edges)

    def forward(self, x):
        nodes = [x]
        for edges in self.nodes:
            nodes.append(sum(self.layers[layer](nodes[source]) for layer, source in edges))
        return nodes[-1]


class Reduction(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv_a = ReLUConvBN(inputs, outputs, 3, 2)
        self.conv_b = ReLUConvBN(outputs, outputs, 3)
        self.downsample = nn.Sequential(
            nn.AvgPool2d(2, 2, 0), nn.Conv2d(inputs, outputs, 1, bias=False)
        )

    def forward(self, x):
        return self.downsample(x) + self.conv_b(self.conv_a(x))


class TinyNetwork(nn.Module):
    """Logits of images, for the cell written as `|op~0|+|op~0|op~1|+|…|`."""

    def __init__(self, arch, channels=16, cells=5, classes=10):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)
        )
        self.cells = nn.ModuleList()
        for stage in range(3):
            width = channels << stage
            if stage:
                self.cells.append(Reduction(width // 2, width))
            self.cells.extend(InferCell(arch, width) for _ in range(cells))
        width = 4 * channels
        self.lastact = nn.Sequential(nn.BatchNorm2d(width), nn.ReLU(inplace=True))
        self.global_pooling = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(width, classes)

    def forward(self, x):
        x = self.stem(x)
        for cell in self.cells:
            x = cell(x)
        return self.classifier(self.global_pooling(self.lastact(x)).flatten(1))
