#!/usr/bin/env python3
"""How many digits scores keep: those of knas-score and of plain PyTorch in single
precision, each by its distance from PyTorch in double precision.

    scripts/reference/digits.py [--cells 8] [--sizes 2,5] [--only NAMES]
    scripts/reference/digits.py --expected

The first runs the knas-score that PATH finds, on CIFAR-10 from the cache that
scripts/setup.sh --data fills, or from `--data`. Cells are those whose gradients
explode (many convolutions one after another) and calm ones, in turn. PyTorch
keeps its usual layout; weights and images are the same for all three. The
table has a row for each score, the largest and the median distance over all
cells; `--each` adds a row for each cell. Exits with 1 where knas-score is more
than `--times` as far away as PyTorch.

The second prints what the test of common/proxy expects, where weights and images
follow from formulas: for each cell and score the value in double precision, and
how far away PyTorch is in single precision.

Needs torch, numpy and safetensors. Eight cells at both sizes take half an hour.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import scores  # noqa: F401 (registers the definitions)
import torch
from network import Cell, Network, draw, example_values
from run import SCORES, Run, gradients
from safetensors.torch import load_file

CELLS = """
|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_1x1~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|
|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|
|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|none~0|none~1|nor_conv_3x3~2|
|skip_connect~0|+|skip_connect~0|skip_connect~1|+|skip_connect~0|skip_connect~1|nor_conv_3x3~2|
|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|
|none~0|+|avg_pool_3x3~0|nor_conv_3x3~1|+|nor_conv_1x1~0|none~1|avg_pool_3x3~2|
|nor_conv_1x1~0|+|none~0|nor_conv_3x3~1|+|avg_pool_3x3~0|none~1|nor_conv_1x1~2|
|nor_conv_3x3~0|+|nor_conv_1x1~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|
""".split()

# What goes through batch norm and back, and so depends on its sums.
NAMES = "fisher,grasp,epe,ntk-cond,jacob-cov,snip,grad-norm,zico,zen,az-trainability,naswot,meco"


KINDS = (torch.float64, torch.float32)


def of_a_batch(run):
    """`grad-norm --norm batch`"""
    return sum(g.norm().item() for g in gradients(run.loss(), list(run.net.parameters())))


SCORES["grad-norm"] = (of_a_batch, "default")


def ours(args, size, names, folder):
    """For each cell its values, and the file with what they were computed from."""
    cells = CELLS[: args.cells]
    lines = [json.dumps({"id": f"c{i}", "space": "nb201", "arch": cell}) + "\n" for i, cell in enumerate(cells)]
    found = [{} for _ in cells]
    for norm in (None, "batch"):
        asked = [name for name in names if (name == "grad-norm") == (norm == "batch")]
        if not asked:
            continue
        dump = Path(folder, f"{size}-{norm}")
        command = ["knas-score", "--quiet", "--data", args.data, "--samples", str(args.samples)]
        command += ["--cells", str(size), "--proxy", ",".join(asked), "--dump", str(dump)]
        command += ["--norm", norm] if norm else []
        done = subprocess.run(command, input="".join(lines), capture_output=True, text=True)
        if done.returncode not in (0, 1):
            sys.exit(done.stderr)
        for place, line in enumerate(done.stdout.splitlines()):
            record = json.loads(line)
            found[place].update({n: record["scores"].get(n) for n in asked})
            found[place]["file"] = dump / f"{record['id']}.safetensors"
    return found


def theirs(arch, state, name, kind):
    """PyTorch's value with these weights, images (`input`) and labels (`target`)."""
    definition, init = SCORES[name]
    blocks = 1 + max(int(key.split(".")[1]) for key in state if key.startswith("cells."))
    size = (len(state["stem.0.weight"]), (blocks - 2) // 3, len(state["classifier.bias"]))
    cell = Cell(arch)
    net = Network(cell, *size).train()
    net.load_state_dict(state, strict=False)
    if init != "default":
        draw(net, cell, init, 0)
    run = Run(net.to(kind), cell, state["input"].to(kind), state["target"], 0)
    return float(definition(run))


def expected(names):
    """Lines of common/proxy/src/tests/digits.rs."""
    for arch in CELLS:
        shapes = Network(Cell(arch), 16, 5, 10).named_parameters()
        state = {name: example_values(name, tensor.shape) for name, tensor in shapes}
        state["input"] = example_values("input", (64, 3, 32, 32))
        state["target"] = torch.arange(64) ** 2 % 10
        print(f'    ("{arch}", &[', flush=True)
        for name in names:
            exact, usual = (theirs(arch, state, name, kind) for kind in KINDS)
            print(f'        ("{name}", {exact!r}, {abs(usual / exact - 1):.1e}),', flush=True)
        print("    ]),", flush=True)


def main():
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "knas/cifar10")
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cells", type=int, default=len(CELLS), help="how many of the cells")
    parser.add_argument("--sizes", default="2,5", help="cells in a stage")
    parser.add_argument("--samples", type=int, default=64)
    parser.add_argument("--only", default=NAMES, help="scores, separated by commas")
    parser.add_argument("--data", default=f"cifar10:{cache}")
    parser.add_argument("--times", type=float, default=3)
    parser.add_argument("--each", action="store_true", help="rows for single cells, too")
    parser.add_argument("--expected", action="store_true", help="for the test of common/proxy")
    args = parser.parse_args()
    names = args.only.split(",")
    if args.expected:
        return expected(names)
    far = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as folder:
        for size in map(int, args.sizes.split(",")):
            for arch, values in zip(CELLS, ours(args, size, names, folder)):
                state = load_file(values["file"])
                for name in names:
                    exact, usual = (theirs(arch, state, name, kind) for kind in KINDS)
                    pair = [abs(value / exact - 1) for value in (values[name], usual)]
                    far[name].append(pair)
                    if args.each:
                        print(f"{name:16} {size} {arch} {exact:.6g} {pair[0]:.1e} {pair[1]:.1e}", flush=True)
    print("                 knas-score          PyTorch             ratio")
    print("                 largest   median    largest   median    largest   median")
    wrong = False
    for name, pairs in far.items():
        knas, torch_ = zip(*pairs)
        marks = [max(knas), median(knas), max(torch_), median(torch_)]
        ratios = [a / max(b, 1e-16) for a, b in zip(marks[:2], marks[2:])]
        wrong |= max(ratios) > args.times
        row = " ".join(f"{value:<9.1e}" for value in marks)
        print(f"{name:16} {row} {ratios[0]:<9.2f} {ratios[1]:.2f}")
    sys.exit(wrong)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
