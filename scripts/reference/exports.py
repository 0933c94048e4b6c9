"""Networks with published definitions, as exporters write them.

exports.py FOLDER: for each network and each way to export it, FOLDER/NAME.onnx, and
FOLDER/NAME.safetensors with images ("input") and what onnxruntime makes of them
("logits"). A line for each: its name, the definition's parameters, side, classes.

ResNet-18 (He et al. 2016), MobileNetV3-small (Howard et al. 2019) and ShuffleNetV2 ×0.5
(Ma et al. 2018) have the layers' names of torchvision. Three more have what else
exporters meet. PyTorch writes the first four, with its newer exporter too where
onnxscript is there. Six are those that the onnx package ships, of several makers, with
other numbers than theirs, which are all alike.
"""

import contextlib
import importlib.util
import logging
import math
import pathlib
import sys
import warnings

import numpy
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save_file
from torch import nn
from torch.nn import functional as F

# --- ResNet-18 -------------------------------------------------------------------


class BasicBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(outputs))

    def forward(self, x):
        shortcut = x if self.downsample is None else self.downsample(x)
        y = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(y)) + shortcut)


class ResNet18(nn.Module):
    def __init__(self, classes=1000):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        inputs = 64
        for number, width in enumerate([64, 128, 256, 512], 1):
            first = BasicBlock(inputs, width, 1 if number == 1 else 2)
            setattr(self, f"layer{number}", nn.Sequential(first, BasicBlock(width, width, 1)))
            inputs = width
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(512, classes)

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(self.avgpool(x), 1))


# --- MobileNetV3-small -----------------------------------------------------------


def conv_norm(inputs, outputs, kernel, stride=1, groups=1, activation=None):
    layers = [
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs, eps=0.001, momentum=0.01),
    ]
    return nn.Sequential(*layers, *([activation(inplace=True)] if activation else []))


class SqueezeExcitation(nn.Module):
    def __init__(self, channels, squeezed):
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(channels, squeezed, 1)
        self.fc2 = nn.Conv2d(squeezed, channels, 1)
        self.activation, self.scale_activation = nn.ReLU(), nn.Hardsigmoid()

    def forward(self, x):
        scale = self.fc2(self.activation(self.fc1(self.avgpool(x))))
        return self.scale_activation(scale) * x


class InvertedResidual(nn.Module):
    def __init__(self, inputs, kernel, middle, outputs, squeezes, activation, stride):
        super().__init__()
        layers = []
        if middle != inputs:
            layers.append(conv_norm(inputs, middle, 1, activation=activation))
        layers.append(conv_norm(middle, middle, kernel, stride, middle, activation))
        if squeezes:
            quarter = max(8, int(middle // 4 + 4) // 8 * 8)
            layers.append(SqueezeExcitation(middle, quarter + 8 * (quarter < 0.9 * (middle // 4))))
        layers.append(conv_norm(middle, outputs, 1))
        self.block = nn.Sequential(*layers)
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x):
        return x + self.block(x) if self.adds else self.block(x)


class MobileNetV3Small(nn.Module):
    def __init__(self, classes=1000):
        super().__init__()
        re, hs = nn.ReLU, nn.Hardswish
        blocks = [
            (16, 3, 16, 16, True, re, 2),
            (16, 3, 72, 24, False, re, 2),
            (24, 3, 88, 24, False, re, 1),
            (24, 5, 96, 40, True, hs, 2),
            (40, 5, 240, 40, True, hs, 1),
            (40, 5, 240, 40, True, hs, 1),
            (40, 5, 120, 48, True, hs, 1),
            (48, 5, 144, 48, True, hs, 1),
            (48, 5, 288, 96, True, hs, 2),
            (96, 5, 576, 96, True, hs, 1),
            (96, 5, 576, 96, True, hs, 1),
        ]
        self.features = nn.Sequential(
            conv_norm(3, 16, 3, 2, activation=hs),
            *(InvertedResidual(*block) for block in blocks),
            conv_norm(96, 576, 1, activation=hs),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        head = [nn.Linear(576, 1024), nn.Hardswish(), nn.Dropout(0.2), nn.Linear(1024, classes)]
        self.classifier = nn.Sequential(*head)

    def forward(self, x):
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


# --- ShuffleNetV2 ×0.5 -----------------------------------------------------------


def shuffled(x, groups):
    count, channels, height, width = x.size()
    x = x.view(count, groups, channels // groups, height, width)
    return torch.transpose(x, 1, 2).contiguous().view(count, channels, height, width)


class ShuffleUnit(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        half, self.stride = outputs // 2, stride
        depthwise = lambda n: nn.Conv2d(n, n, 3, stride, 1, bias=False, groups=n)
        pointwise = lambda n: nn.Conv2d(n, half, 1, bias=False)
        norm, relu = nn.BatchNorm2d, lambda: nn.ReLU(inplace=True)
        first = [depthwise(inputs), norm(inputs), pointwise(inputs), norm(half), relu()]
        self.branch1 = nn.Sequential(*(first if stride > 1 else []))
        self.branch2 = nn.Sequential(
            *(pointwise(inputs if stride > 1 else half), norm(half), relu()),
            *(depthwise(half), norm(half)),
            *(pointwise(half), norm(half), relu()),
        )

    def forward(self, x):
        if self.stride == 1:
            kept, x = x.chunk(2, dim=1)
        else:
            kept = self.branch1(x)
        return shuffled(torch.cat((kept, self.branch2(x)), dim=1), 2)


class ShuffleNetV2(nn.Module):
    def __init__(self, classes=1000):
        super().__init__()
        head = lambda a, b, *window: nn.Sequential(
            nn.Conv2d(a, b, *window, bias=False), nn.BatchNorm2d(b), nn.ReLU(inplace=True)
        )
        self.conv1 = head(3, 24, 3, 2, 1)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        inputs = 24
        for number, (units, outputs) in enumerate([(4, 48), (8, 96), (4, 192)], 2):
            first = ShuffleUnit(inputs, outputs, 2)
            rest = [ShuffleUnit(outputs, outputs, 1) for _ in range(units - 1)]
            setattr(self, f"stage{number}", nn.Sequential(first, *rest))
            inputs = outputs
        self.conv5 = head(192, 1024, 1, 1, 0)
        self.fc = nn.Linear(1024, classes)

    def forward(self, x):
        x = self.stage4(self.stage3(self.stage2(self.maxpool(self.conv1(x)))))
        return self.fc(self.conv5(x).mean([2, 3]))


# --- what else exporters meet ----------------------------------------------------


class Medley(nn.Module):
    """Notations and layers that the others do without."""

    def __init__(self, classes=7):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, 2)
        self.pool = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.conv2 = nn.Conv2d(8, 16, 3, 1, 2, dilation=2, groups=4)
        self.bn2 = nn.BatchNorm2d(16)
        self.narrow = nn.Linear(16, 4)
        self.wide = nn.Linear(4, 16, bias=False)
        self.conv3 = nn.Conv2d(16, 16, 3, 2)
        self.mean = nn.AvgPool2d(3, 1, 1)
        self.hidden = nn.Linear(16 * 6 * 6, 24, bias=False)
        self.last = nn.Linear(24, classes)

    def forward(self, x):
        x = self.pool(F.relu6(self.conv1(x)))
        x = F.silu(self.bn2(self.conv2(x)))
        gate = torch.sigmoid(self.wide(F.gelu(self.narrow(x.mean((2, 3))))))
        x = x * gate[:, :, None, None]
        y = F.hardswish(self.conv3(F.pad(x, (0, 1, 0, 1))))
        x = torch.cat((self.mean(y), torch.tanh(y)), 1)
        x = x[:, :16] + x[:, 16:] + y * 0.5
        x = F.dropout(self.hidden(x.flatten(1)), 0.3, self.training)
        return F.log_softmax(self.last(x), 1)


NETWORKS = [
    ("resnet18", ResNet18, 64),
    ("mobilenet_v3_small", MobileNetV3Small, 64),
    ("shufflenet_v2_x0_5", ShuffleNetV2, 64),
    ("medley", Medley, 50),
]


# --- what other exporters write ----------------------------------------------------


def by_hand(name, shape, nodes, tensors, classes):
    """A model of these nodes: operator, inputs, output, settings."""
    nodes = [helper.make_node(op, ins, [out], out, **more) for op, ins, out, more in nodes]
    value = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    random = numpy.random.default_rng(2)

    def numbers(shape):
        if isinstance(shape, numpy.ndarray):
            return shape
        fan_in = math.prod(shape[1:]) if len(shape) > 1 else 4
        return (random.standard_normal(shape) / math.sqrt(fan_in)).astype("f")

    tensors = [numpy_helper.from_array(numbers(shape), name) for name, shape in tensors.items()]
    images, logits = value("input", ["N", *shape]), value("logits", ["N", classes])
    graph = helper.make_graph(nodes, name, [images], [logits], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model


def caffe():
    """As Caffe2's exporter writes AlexNet's norm, and norms whose scale stands alone."""
    row = numpy.array([1, 2], "q")
    nodes = [
        ("Conv", ["input", "conv1_w", "conv1_b"], "conv1", dict(strides=[2, 2])),
        ("Relu", ["conv1"], "relu1", {}),
        ("LRN", ["relu1"], "norm1", dict(size=5, alpha=0.5, beta=0.75, bias=2.0)),
        ("MaxPool", ["norm1"], "pool1", dict(kernel_shape=[3, 3], strides=[2, 2], pads=[0, 0, 1, 1])),
        ("Conv", ["pool1", "conv2_w"], "conv2", dict(pads=[1] * 4)),
        ("BatchNormalization", ["conv2", "one", "zero", "mean", "one"], "bn2", dict(epsilon=1e-3)),
        ("Unsqueeze", ["scale", "axes"], "scale_", {}),
        ("Mul", ["bn2", "scale_"], "scaled", {}),
        ("Unsqueeze", ["shift", "axes"], "shift_", {}),
        ("Add", ["scaled", "shift_"], "moved", {}),
        ("Sum", ["moved", "pool1"], "sum", {}),
        ("Relu", ["sum"], "relu2", {}),
        ("Reshape", ["relu2", "shape"], "flat", {}),
        ("Dropout", ["flat"], "dropped", {}),
        ("Gemm", ["dropped", "fc_w", "fc_b"], "fc", dict(transB=1)),
        ("Softmax", ["fc"], "logits", dict(axis=1)),
    ]
    eight = lambda number: numpy.full(8, number, "f")
    tensors = dict(conv1_w=(8, 3, 3, 3), conv1_b=(8,), conv2_w=(8, 8, 3, 3))
    tensors |= dict(one=eight(1), zero=eight(0), mean=(8,), scale=(8,), shift=(8,), axes=row)
    tensors |= dict(shape=numpy.array([0, -1], "q"), fc_w=(5, 8 * 8 * 8), fc_b=(5,))
    return by_hand("caffe", [3, 34, 34], nodes, tensors, 5)


def keras():
    """As tf2onnx writes networks whose channels come last."""
    turned = lambda *perm: dict(perm=list(perm))
    same = dict(strides=[2, 2], pads=[0, 0, 1, 1])
    nodes = [
        ("Mul", ["input", "part"], "part_", {}),
        ("Sub", ["part_", "middle"], "image", {}),
        ("Transpose", ["image"], "first", turned(0, 3, 1, 2)),
        ("Conv", ["first", "stem/w", "stem/b"], "stem", same),
        ("Clip", ["stem", "low", "high"], "stem6", {}),
        ("Conv", ["stem6", "dw/w", "dw/b"], "dw", dict(pads=[1] * 4, group=8)),
        ("Transpose", ["dw"], "dw_last", turned(0, 2, 3, 1)),
        ("ReduceMean", ["dw_last"], "mean", dict(axes=[1, 2])),
        ("Transpose", ["mean"], "mean_first", turned(0, 3, 1, 2)),
        ("Conv", ["mean_first", "se/w", "se/b"], "se", {}),
        ("Sigmoid", ["se"], "gate", {}),
        ("Transpose", ["gate"], "gate_last", turned(0, 2, 3, 1)),
        ("Mul", ["gate_last", "dw_last"], "scaled", {}),
        ("Transpose", ["scaled"], "scaled_first", turned(0, 3, 1, 2)),
        ("MaxPool", ["scaled_first"], "pool", dict(kernel_shape=[2, 2], strides=[2, 2])),
        ("Transpose", ["pool"], "pool_last", turned(0, 2, 3, 1)),
        ("Reshape", ["pool_last", "shape"], "flat", {}),
        ("MatMul", ["flat", "dense/w"], "product", {}),
        ("Add", ["product", "dense/b"], "logits", {}),
    ]
    one = lambda number: numpy.array(number, "f")
    tensors = {"part": one(1 / 127.5), "middle": one(1), "low": one(0), "high": one(6)}
    tensors |= {"stem/w": (8, 3, 3, 3), "stem/b": (8,), "dw/w": (8, 1, 3, 3), "dw/b": (8,)}
    tensors |= {"se/w": (8, 8, 1, 1), "se/b": (8,), "shape": numpy.array([-1, 8 * 4 * 4], "q")}
    tensors |= {"dense/w": (8 * 4 * 4, 5), "dense/b": (5,)}
    return by_hand("keras", [16, 16, 3], nodes, tensors, 5)


# --- what packages ship --------------------------------------------------------------

# With the published parameters of those whose definitions have not changed on the way.
PACKAGED = dict(squeezenet=1_235_496, densenet121=7_978_856, resnet50=25_557_032)
PACKAGED |= dict(shufflenet=0, inception_v1=0, inception_v2=0)


def packaged(name):
    """A model of the onnx package, whose tensors are made by nodes, with random ones."""
    folder = pathlib.Path(onnx.__file__).parent / "backend/test/data/light"
    model = onnx.load(folder / f"light_{name}.onnx")
    graph, random = model.graph, numpy.random.default_rng(4)
    shapes = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    read = {i: (node.op_type, k) for node in graph.node for k, i in enumerate(node.input)}

    def numbers(name, shape):
        draw = random.standard_normal(shape).astype("f")
        operator, place = read[name]
        if len(shape) > 1:
            return draw * numpy.float32(math.sqrt(2 / math.prod(shape[1:])))
        near_zero = place == 3 if operator == "BatchNormalization" else operator in ("Conv", "Gemm")
        return draw * numpy.float32(0.1) + numpy.float32(not near_zero)

    made = [node for node in graph.node if node.op_type == "ConstantOfShape"]
    for node in made:
        tensor = numbers(node.output[0], tuple(shapes[node.input[0]]))
        graph.initializer.append(numpy_helper.from_array(tensor, node.output[0]))
        graph.node.remove(node)
    for shape in {node.input[0] for node in made}:
        graph.initializer.remove(next(t for t in graph.initializer if t.name == shape))
        graph.input.remove(next(v for v in graph.input if v.name == shape))
    return model


# --- writing -----------------------------------------------------------------------


def moved(network):
    """The network with statistics and norms that training could have left."""
    generator = torch.Generator().manual_seed(1)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5, generator)
            nn.init.normal_(module.bias, 0, 0.1, generator)
            nn.init.normal_(module.running_mean, 0, 0.1, generator)
            nn.init.uniform_(module.running_var, 0.5, 1.5, generator)
    return network.eval()


def ways():
    """The ways to export, by name, and what torch.onnx.export is told."""
    modes = torch.onnx.TrainingMode
    script = dict(dynamo=False, dynamic_axes={"input": {0: "batch"}})
    for opset in 9, 13, 20:
        yield f"script{opset}", script | dict(opset_version=opset, training=modes.EVAL)
    kept = dict(opset_version=17, training=modes.PRESERVE, do_constant_folding=False)
    yield "kept", script | kept
    if importlib.util.find_spec("onnxscript"):
        batch = torch.export.Dim("batch")
        more = dict(dynamo=True, external_data=False, verbose=False)
        yield "dynamo", more | dict(opset_version=18, dynamic_shapes=({0: batch},))


def tell(folder, name, params, images, shown):
    """What onnxruntime makes of a model that was written."""
    path = f"{folder}/{name}.onnx"
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    value = session.get_inputs()[0]
    # What has a batch of one takes one after the other.
    batches = shown[:, None] if value.shape[0] == 1 else [shown]
    logits = numpy.concatenate([session.run(None, {value.name: batch})[0] for batch in batches])
    logits = logits.reshape(len(shown), -1)
    tensors = {"input": images, "logits": logits}
    tensors = {name: numpy.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    save_file(tensors, f"{folder}/{name}.safetensors")
    print(name, params, images.shape[2], logits.shape[1])


def main(folder):
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    for name, definition, side in NETWORKS:
        torch.manual_seed(0)
        network = moved(definition())
        params = sum(parameter.numel() for parameter in network.parameters())
        images = torch.randn(2, 3, side, side)
        for way, options in ways():
            path = f"{folder}/{name}-{way}.onnx"
            names = dict(input_names=["input"], output_names=["logits"])
            with contextlib.redirect_stdout(sys.stderr):
                torch.onnx.export(network, (images,), path, **names, **options)
            tell(folder, f"{name}-{way}", params, images.numpy(), images.numpy())
    random = numpy.random.default_rng(3)
    for name, params in PACKAGED.items():
        onnx.save(packaged(name), f"{folder}/{name}-packaged.onnx")
        images = random.standard_normal((2, 3, 224, 224)).astype("f")
        tell(folder, f"{name}-packaged", params, images, images)
    for model in caffe(), keras():
        name = model.graph.name
        onnx.save(model, f"{folder}/{name}.onnx")
        side = model.graph.input[0].type.tensor_type.shape.dim[2].dim_value
        images = random.standard_normal((2, 3, side, side)).astype("f")
        # What it is shown here is prepared; Keras's network does that itself.
        pixels = (images + 1) * numpy.float32(127.5)
        shown = images if name == "caffe" else pixels.transpose(0, 2, 3, 1)
        tell(folder, name, 0, images, shown)


main(sys.argv[1])
