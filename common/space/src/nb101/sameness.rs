//! When two modules are the same.

use std::collections::BTreeSet;

use md5::{Digest, Md5};

use super::module::Module;

impl Module {
    /// The benchmark's name for the module: a hash that isomorphic modules share, and
    /// no others, which the official generator verifies.
    ///
    /// Every vertex begins with the MD5 of how many edges leave and enter it and of its
    /// label, and then as often as there are vertices takes up its neighbours'.
    #[must_use]
    pub fn hash(&self) -> String {
        let vertices = 0..=self.output();
        let from = |vertex| vertices.clone().filter(move |&w| self.edges.has(w, vertex));
        let to = |vertex| vertices.clone().filter(move |&w| self.edges.has(vertex, w));
        let label = |vertex: usize| match vertex {
            0 => -1,
            _ if vertex == self.output() => -2,
            _ => self.op(vertex) as i32,
        };
        let first = |vertex| {
            let (leave, enter) = (to(vertex).count(), from(vertex).count());
            md5(&format!("({leave}, {enter}, {})", label(vertex)))
        };
        let mut hashes: Vec<String> = vertices.clone().map(first).collect();
        for _ in vertices.clone() {
            let sorted = |neighbours: &mut dyn Iterator<Item = usize>| {
                let mut of: Vec<&str> = neighbours.map(|w| &*hashes[w]).collect();
                of.sort_unstable();
                of.concat()
            };
            let next = |vertex| {
                let [before, after] = [sorted(&mut from(vertex)), sorted(&mut to(vertex))];
                md5(&format!("{before}|{after}|{}", hashes[vertex]))
            };
            hashes = vertices.clone().map(next).collect();
        }
        hashes.sort_unstable();
        md5(&format!("['{}']", hashes.join("', '")))
    }

    /// All ways to write the module: itself and those that are isomorphic to it, in the
    /// order of the official generator, which finds the first one alone.
    pub(super) fn isomorphs(&self) -> BTreeSet<Self> {
        let orders = self.orders(false).into_iter();
        orders.map(|order| self.reordered(&order)).collect()
    }

    /// The vertices between input and output in the order in which the network is
    /// evaluated, whatever the order in which it is written. Those that the output
    /// reads keep theirs, which is that of its channels; of what is then possible it
    /// is the order of the smallest module.
    pub(super) fn canonical_order(&self) -> Vec<usize> {
        let smallest = self
            .orders(true)
            .into_iter()
            .min_by_key(|order| self.reordered(order));
        smallest.unwrap_or_default() // there is the order in which it is written
    }

    /// All orders of the vertices between input and output in which each stands after
    /// those that it reads, and with `kept` those that the output reads stand as they do.
    pub(super) fn orders(&self, kept: bool) -> Vec<Vec<usize>> {
        let mut orders = Vec::new();
        self.extend(&mut Vec::new(), kept, &mut orders);
        orders
    }

    /// Finds all such orders that begin with `order`.
    fn extend(&self, order: &mut Vec<usize>, kept: bool, found: &mut Vec<Vec<usize>>) {
        if order.len() == self.ops.len() {
            found.push(order.clone());
        }
        let output = self.output();
        for vertex in 1..output {
            let is_read = |vertex| self.edges.has(vertex, output);
            let before = |&other: &usize| {
                self.edges.has(other, vertex) || kept && is_read(other) && is_read(vertex)
            };
            let ready = (1..vertex)
                .filter(before)
                .all(|other| order.contains(&other));
            if ready && !order.contains(&vertex) {
                order.push(vertex);
                self.extend(order, kept, found);
                order.pop();
            }
        }
    }

    /// What modules share that are the same network.
    #[must_use]
    pub fn network_key(&self) -> String {
        self.reordered(&self.canonical_order()).to_string()
    }
}

fn md5(text: &str) -> String {
    format!("{:032x}", u128::from_be_bytes(Md5::digest(text).into()))
}
