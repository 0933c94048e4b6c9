#!/usr/bin/env python3
"""Every score of knas-score, written out in plain PyTorch.

    knas-sample -n 1 | knas-score --proxy all --dump D
    scripts/reference/scores.py ARCH D/ID.safetensors --seed 0

prints one JSON object of names and values. The definitions are the published
ones, as literally as they can be written: loops over samples where knas makes
one pass. Needs torch, numpy and safetensors.

Weights, images (`input`) and labels (`target`) come from the file. What a score
draws for itself, noise or weights of another distribution, is drawn here again
from the seed; `--file-weights` uses the file's weights for every score, as
`knas-score --weights` does. `--example` needs no file: it is the network whose
values stand in the tests of common/proxy.
"""

import argparse
import json
import math

import numpy as np
import torch
from network import (
    Cell,
    InferCell,
    Network,
    Norm,
    Pooling,
    Reduction,
    Thin,
    draw,
    example_values,
    signs,
)
from run import SCORES, Run, gradients, score
from torch import nn
from torch.nn import functional as F

# --- gradient kernels: every sample in a batch of its own -----------------------


def sample_gradients(run, tensors):
    """For each tensor, N × its entries, in double precision."""
    rows = [gradients(run.loss([i]), tensors) for i in range(len(run.x))]
    return [torch.stack([g.double().flatten() for g in column]) for column in zip(*rows)]


def kernel_means(run, keep=lambda name, tensor: True):
    """For each tensor, the mean of the Gram matrix of its gradients."""
    names, tensors = zip(*run.net.named_parameters())
    columns = zip(names, tensors, sample_gradients(run, tensors))
    return [(g @ g.T).mean().item() for n, t, g in columns if keep(n, t)]


score("mgm")(lambda run: sum(kernel_means(run)))
score("mgm-conv")(lambda run: sum(kernel_means(run, lambda name, tensor: tensor.dim() == 4)))
score("mgm-layer")(lambda run: float(np.mean(kernel_means(run))))


@score("mgm-log")
def mgm_log(run):
    counted = lambda name, tensor: not name.endswith("bias") or name.startswith("classifier")
    return float(np.mean(np.log(kernel_means(run, counted))))


@score("grad-norm")
def grad_norm(run):
    tensors = list(run.net.parameters())
    return sum(g.mean(0).norm().item() for g in sample_gradients(run, tensors))


@score("mgm-offdiag")
def mgm_offdiag(run):
    g = torch.cat(sample_gradients(run, list(run.net.parameters())), 1)
    gram = g @ g.T
    n = len(g)
    return ((gram.sum() - gram.trace()) / (n * (n - 1))).item()


@score("gram-entropy")
def gram_entropy(run):
    weights = [t for name, t in run.net.named_parameters() if not name.endswith("bias")]
    entropies = []
    for g in sample_gradients(run, weights):
        g = F.normalize(g, dim=1)
        p = torch.linalg.eigvalsh(g @ g.T).clamp(min=1e-300) / g.norm() ** 2
        entropies.append(-(p * p.log()).sum().item())
    return float(np.mean(entropies))


@score("gradsign")
def gradsign(run):
    columns = sample_gradients(run, run.net.weights())
    return sum(g.sign().sum(0).abs().sum().item() for g in columns)


# --- gradients of the batch -----------------------------------------------------


@score("snip")
def snip(run):
    weights = run.net.weights()
    found = zip(weights, gradients(run.loss(), weights))
    return sum((w * g).abs().sum().item() for w, g in found)


@score("grasp")
def grasp(run):
    weights = run.net.weights()
    fixed = [g.detach() for g in gradients(run.loss(), weights)]
    free = gradients(run.loss(), weights, create_graph=True)
    product = sum((a * b).sum() for a, b in zip(fixed, free))
    curved = gradients(product, weights)
    return -sum((w * h).sum().item() for w, h in zip(weights, curved))


@score("fisher")
def fisher(run):
    outputs = []
    hooks = [l.register_forward_hook(lambda _, i, o: outputs.append(o)) for l in run.net.layers()]
    loss = run.loss()
    for hook in hooks:
        hook.remove()
    total = 0
    for a, g in zip(outputs, gradients(loss, outputs)):
        product = (a * g).double()
        product = product.sum((2, 3)) if product.dim() == 4 else product
        total += product.pow(2).mean(0).mul(0.5).sum().item()
    return total


@score("zico")
def zico(run):
    half = len(run.x) // 2
    weights = run.net.weights()
    batches = [gradients(run.loss(part), weights) for part in (slice(half), slice(half, None))]
    total = 0
    for layer in zip(*batches):
        g = np.stack([part.double().flatten().numpy() for part in layer])
        deviation = g.std(0)
        kept = deviation != 0
        ratio = (np.abs(g).mean(0)[kept] / deviation[kept]).sum()
        total += math.log(ratio) if ratio else 0
    return total


@score("synflow")
def synflow(run):
    net = Network(run.cell, *run.net.size).double().train()
    net.load_state_dict(run.net.state_dict())
    for tensor in net.parameters():
        tensor.data.abs_()
    Norm.off = True
    flow = net(torch.ones_like(run.x[:1]).double()).sum()
    Norm.off = False
    weights = net.weights()
    found = zip(weights, gradients(flow, weights))
    return math.log(sum((w * g).abs().sum().item() for w, g in found))


# --- gradients of the images ----------------------------------------------------


def image_gradients(run):
    x = run.x.clone().requires_grad_(True)
    y = run.net(x)
    y.backward(torch.ones_like(y))
    return x.grad.flatten(1).double().numpy()


@score("jacob-cov")
def jacob_cov(run):
    v = np.linalg.eigvalsh(np.corrcoef(image_gradients(run)))
    return -np.sum(np.log(v + 1e-5) + 1 / (v + 1e-5))


@score("epe")
def epe(run):
    jacobian, total = image_gradients(run), 0
    for label in set(run.y.tolist()):
        correlations = np.corrcoef(jacobian[(run.y == label).numpy()])
        total += abs(np.sum(np.log(np.abs(correlations) + 1e-5)))
    return total


# --- what ReLUs see -------------------------------------------------------------


@score("naswot")
def naswot(run):
    kernel = 0
    for seen in run.relus(run.x):
        code = (seen > 0).double()
        kernel = kernel + code @ code.T + (1 - code) @ (1 - code).T
    return np.linalg.slogdet(kernel.numpy())[1]


@score("swap")
def swap(run):
    codes = torch.cat([(seen > 0).double() for seen in run.relus(run.x)], 1)
    return len(torch.unique(codes[:16].T, dim=0))


@score("swap-reg")
def swap_reg(run):
    nodes = [[f"nor_conv_3x3~{source}" for source in range(node)] for node in (1, 2, 3)]
    cell = Cell("+".join(f"|{'|'.join(node)}|" for node in nodes))
    largest = Network(cell, *run.net.size)
    count = lambda net: sum(t.numel() for t in net.parameters())
    return swap(run) * math.exp(-((count(run.net) / count(largest) - 1) ** 2))


@score("linear-regions")
def linear_regions(run):
    net = Thin(run.cell).train()
    draw(net, run.cell, "kaiming", run.seed, thin=True)
    images = run.noise("linear regions images", 3000, 1, 3, 3)
    thin = Run(net, run.cell, None, None, run.seed)
    rows = torch.cat([torch.cat([s > 0 for s in thin.relus(b)], 1) for b in images.split(1000)])
    counts = torch.unique(rows, dim=0, return_counts=True)[1]
    return sum(count.item() * (1 / count.item()) for count in counts)


# --- the tangent kernel ---------------------------------------------------------


def tangent(run, classifier=True):
    """N × N, one backward pass for each sample."""
    weights = [t for n, t in run.net.named_parameters() if n.endswith("weight")]
    weights = weights if classifier else weights[:-1]
    logits = run.net(run.x)
    rows = []
    for i in range(len(run.x)):
        row = gradients(logits[i].sum(), weights, retain_graph=True)
        rows.append(torch.cat([g.double().flatten() for g in row]))
    rows = torch.stack(rows)
    return rows @ rows.T


@score("ntk-cond")
def ntk_cond(run):
    values = torch.linalg.eigvalsh(tangent(run))
    return -(values[-1] / values[0]).item()


score("ntk-mean")(lambda run: tangent(run).mean().item())
score("ntk-norm")(lambda run: tangent(run).norm().item())


@score("lga")
def lga(run):
    kernel = tangent(run, classifier=False)
    labels = (run.y[:, None] == run.y[None]).double() * 2 - 1
    kernel, labels = kernel - kernel.mean(), labels - labels.mean()
    return ((kernel * labels).sum() / (kernel.norm() * labels.norm())).item()


# --- noise instead of samples ---------------------------------------------------


@score("zen", init="normal")
def zen(run):
    side = run.x.shape[-1]
    images = run.noise("zen images", 64, 3, side, side)
    moves = run.noise("zen moves", 64, 3, side, side)
    scales = []
    variance = lambda i: i.double().transpose(0, 1).flatten(1).var(1).mean().item()
    with torch.no_grad():
        moved = run.net.features(images + 0.01 * moves)
        hooks = [
            m.register_forward_hook(lambda _, i, o: scales.append(variance(i[0])))
            for m in run.net.modules()
            if isinstance(m, Norm)
        ]
        features = run.net.features(images)
    for hook in hooks:
        hook.remove()
    distance = (features - moved).double().abs().sum((1, 2, 3)).mean().item()
    return math.log(distance) + sum(math.log(math.sqrt(scale)) for scale in scales)


@score("az-expressivity", init="kaiming")
def expressivity(run):
    return sum(entropies(run))


@score("az-progressivity", init="kaiming")
def progressivity(run):
    return float(np.diff(entropies(run)).min())


def az_blocks(run):
    side = run.x.shape[-1]
    return run.net.blocks(run.noise("az images", 64, 3, side, side))


def entropies(run):
    found = []
    for features in az_blocks(run):
        rows = features.detach().permute(0, 2, 3, 1).flatten(0, 2).double()
        rows = rows - rows.mean(0, keepdim=True)
        values = torch.linalg.eigvalsh(rows.T @ rows / len(rows))
        share = values / values.sum()
        found.append((-share * torch.log(share + 1e-8)).sum().item())
    return found


@score("az-trainability", init="kaiming")
def trainability(run):
    blocks, terms = az_blocks(run), []
    for i, (start, end) in enumerate(zip(blocks, blocks[1:])):
        given = signs(end.shape, run.seed, "az signs", i).to(end.dtype)
        pulled = torch.autograd.grad(end, start, given, retain_graph=True)[0]
        pulled = F.pixel_unshuffle(pulled, start.shape[2] // end.shape[2])
        rows = lambda t: t.permute(0, 2, 3, 1).flatten(0, 2).double()
        outer = torch.einsum("ni,nj->ij", rows(pulled), rows(given)) / len(rows(given))
        sigma = torch.linalg.svdvals(outer).max().item()
        terms.append(-sigma - 1 / (sigma + 1e-6) + 2)
    return float(np.mean(terms))


def least_eigenvalues(run, counted):
    image, total = run.noise("meco image", 1, 3, 64, 64), []

    def add(module, _, output):
        if output.dim() == 4:
            c = np.corrcoef(output[0].detach().flatten(1).double().numpy())
            total.append(np.linalg.eigvalsh(np.nan_to_num(c)).min())

    for module in run.net.modules():
        if isinstance(module, counted):
            module.register_forward_hook(add)
    if nn.Conv2d in counted:  # and so all blocks, of which the stem is one
        run.net.stem.register_forward_hook(add)
    with np.errstate(all="ignore"), torch.no_grad():
        run.net(image)
    return float(sum(total))


BLOCKS = (InferCell, Reduction)
score("meco")(lambda run: least_eigenvalues(run, (nn.Conv2d, Norm, nn.ReLU, Pooling, *BLOCKS)))
score("meco-relu")(lambda run: least_eigenvalues(run, (nn.ReLU,)))


@score("rwe")
def rwe(run):
    with torch.no_grad():
        features = torch.cat([run.net.features(x).mean((2, 3)) for x in run.x.split(64)])
    x, half = features.double(), len(features) // 2
    y = F.one_hot(run.y, run.net.classifier.out_features).double()
    centre, base = x[:half].mean(0), y[:half].mean(0)
    fit = x[:half] - centre
    covariance = fit.T @ fit
    ridge = 1e-3 * covariance.trace() / len(covariance)
    regular = covariance + ridge * torch.eye(len(covariance))
    weights = torch.linalg.solve(regular, fit.T @ (y[:half] - base))
    predicted = ((x[half:] - centre) @ weights + base).argmax(1)
    return (predicted == run.y[half:]).double().mean().item()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("arch")
    parser.add_argument("file", nargs="?")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--file-weights", action="store_true", help="for every score")
    parser.add_argument("--example", action="store_true", help="the network of the tests")
    parser.add_argument("--only", help="names, separated by commas")
    args = parser.parse_args()
    cell = Cell(args.arch)
    if args.example:
        size = (4, 1, 10)
        names = Network(cell, *size).named_parameters()
        state = {name: example_values(name, tensor.shape) for name, tensor in names}
        x, y = example_values("input", (12, 3, 8, 8)), torch.arange(12) ** 2 % 10
    else:
        from safetensors.torch import load_file

        state = load_file(args.file)
        x, y = state.pop("input"), state.pop("target")
        blocks = 1 + max(int(name.split(".")[1]) for name in state if name.startswith("cells."))
        size = (len(state["stem.0.weight"]), (blocks - 2) // 3, len(state["classifier.bias"]))
    values = {}
    for name in args.only.split(",") if args.only else SCORES:
        definition, init = SCORES[name]
        net = Network(cell, *size).train()
        net.load_state_dict(state, strict=False)
        if init != "default" and not (args.file_weights or args.example):
            draw(net, cell, init, args.seed)
        values[name] = float(definition(Run(net, cell, x, y, args.seed)))
    print(json.dumps(values, indent=1))


if __name__ == "__main__":
    main()
