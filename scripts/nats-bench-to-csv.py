#!/usr/bin/env python3
"""Write the accuracies of NAS-Bench-201 as the CSV file that knas-eval reads.

    pip install nats_bench
    python3 scripts/nats-bench-to-csv.py NATS-tss-v1_0-3ffb9-simple > truth.csv
    knas-eval --truth truth.csv:cifar10_test scored.ndjson

Takes the benchmark file (or folder, for the "-simple" archive) of NATS-Bench's
topology search space, which is NAS-Bench-201 with the same 15,625 cells in the
same order: https://github.com/D-X-Y/NATS-Bench has the links. The columns are

    index, arch                     official index and notation
    {cifar10,cifar100,imagenet16}_test, _val
                                    accuracy in percent after 200 epochs
    {...}_val_ep12                  validation accuracy in percent after the
                                    12-epoch training (hp=12)

averaged over the seeds that the benchmark has. CIFAR-10 is trained twice there:
`cifar10` on all training images, which has the test accuracy, and
`cifar10-valid` on half of them, which has the validation accuracy.

No test of knas runs this script, since the benchmark file of several gigabytes
does not come with knas. It uses two documented calls of the API, `arch` and
`get_more_info`.
"""

import argparse
import csv
import sys

DATA_SETS = {
    # name of the column: (data set with the test, data set with the validation)
    "cifar10": ("cifar10", "cifar10-valid"),
    "cifar100": ("cifar100", "cifar100"),
    "imagenet16": ("ImageNet16-120", "ImageNet16-120"),
}


def accuracies(api, index):
    """The accuracies of one cell, by column."""

    def info(data, hp):
        # is_random=False: the mean over seeds, not one of them at random.
        return api.get_more_info(index, data, hp=hp, is_random=False)

    row = {}
    for name, (test, valid) in DATA_SETS.items():
        row[f"{name}_test"] = info(test, "200")["test-accuracy"]
        row[f"{name}_val"] = info(valid, "200")["valid-accuracy"]
        row[f"{name}_val_ep12"] = info(valid, "12")["valid-accuracy"]
    return {column: f"{value:.3f}" for column, value in row.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("benchmark", help="NATS-tss file, or folder of the -simple archive")
    path = parser.parse_args().benchmark
    try:
        from nats_bench import create
    except ImportError:
        sys.exit("nats-bench-to-csv: no module nats_bench: run `pip install nats_bench`")
    api = create(path, "tss", fast_mode=path.rstrip("/").endswith("simple"), verbose=False)

    columns = ["index", "arch"]
    columns += [f"{name}_{kind}" for name in DATA_SETS for kind in ("test", "val")]
    columns += [f"{name}_val_ep12" for name in DATA_SETS]
    table = csv.DictWriter(sys.stdout, columns, lineterminator="\n")
    table.writeheader()
    for index in range(len(api)):
        table.writerow({"index": index, "arch": api.arch(index), **accuracies(api, index)})
        if index % 1000 == 0:
            print(f"nats-bench-to-csv: {index} of {len(api)} cells", file=sys.stderr)


if __name__ == "__main__":
    main()
