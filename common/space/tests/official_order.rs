//! The computed order of NAS-Bench-201 against the benchmark's own list.

use knas_space::nb201::Cell;
use sha2::{Digest, Sha256};

// import hashlib, itertools, random
// ops = ['none', 'skip_connect', 'nor_conv_1x1', 'nor_conv_3x3', 'avg_pool_3x3']
// cells = list(itertools.product(ops, repeat=6))
// random.seed(88); random.shuffle(cells)
// lines = ['|{}~0|+|{}~0|{}~1|+|{}~0|{}~1|{}~2|\n'.format(*cell) for cell in cells]
// print(hashlib.sha256(''.join(lines).encode()).hexdigest())
#[test]
fn the_whole_list_has_the_hash_that_python_gives() {
    let mut hash = Sha256::new();
    for cell in Cell::all() {
        hash.update(format!("{cell}\n"));
    }
    let digest: String = hash
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(
        digest,
        "b24e2a8b6802be1326de041d81d564998ca8aa923055352f3a95c30d59ce7048"
    );
}

/// Where the benchmark's accuracies lie beside the repository, their 15,625
/// lines are checked one by one.
#[test]
fn every_line_of_the_benchmark_names_the_cell_at_its_index() {
    let Some(path) = knas_tests::shared("nb201/truth.csv") else {
        return;
    };
    let text = std::fs::read_to_string(path).unwrap();
    let lines = text.lines().skip(1);
    assert_eq!(lines.clone().count(), 15_625);
    for (expected, line) in lines.enumerate() {
        let mut fields = line.split(',');
        let index: usize = fields.next().unwrap().parse().unwrap();
        let cell: Cell = fields.next().unwrap().parse().unwrap();
        assert_eq!((index, cell.index()), (expected, expected));
    }
}
