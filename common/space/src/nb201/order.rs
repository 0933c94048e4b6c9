//! The official index of every cell.
//!
//! The benchmark lists its cells in the order of `itertools.product` over the
//! operations, the last edge fastest, and then shuffles the list after
//! `random.seed(88)`. The order is computed, not stored.

use std::sync::OnceLock;

use crate::nb201::{Cell, EDGES, Op};
use crate::python_random::PythonRandom;

/// How many cells there are.
pub const CELLS: usize = Op::ALL.len().pow(EDGES.len() as u32);

/// The order and its inverse, as places in the unshuffled list.
struct Order {
    place_of_index: Vec<u16>,
    index_of_place: Vec<u16>,
}

fn order() -> &'static Order {
    static ORDER: OnceLock<Order> = OnceLock::new();
    ORDER.get_or_init(|| {
        let mut place_of_index: Vec<u16> = (0..CELLS as u16).collect();
        PythonRandom::new(88).shuffle(&mut place_of_index);
        let mut index_of_place = vec![0; CELLS];
        for (index, &place) in (0..).zip(&place_of_index) {
            index_of_place[usize::from(place)] = index;
        }
        Order {
            place_of_index,
            index_of_place,
        }
    })
}

impl Cell {
    /// The cell at `index` of the official order; none from [`CELLS`] on.
    #[must_use]
    pub fn from_index(index: usize) -> Option<Self> {
        let mut place = usize::from(*order().place_of_index.get(index)?);
        let mut ops = [Op::None; 6];
        for op in ops.iter_mut().rev() {
            *op = Op::ALL[place % Op::ALL.len()];
            place /= Op::ALL.len();
        }
        Some(Self::new(ops))
    }

    /// Its index in the official order.
    #[must_use]
    pub fn index(&self) -> usize {
        let digits = self.ops().iter().map(|&op| op as usize);
        let place = digits.fold(0, |place, digit| place * Op::ALL.len() + digit);
        usize::from(order().index_of_place[place])
    }

    /// Every cell, in the official order.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..CELLS).filter_map(Self::from_index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_and_cell_are_inverse() {
        for (index, cell) in Cell::all().enumerate() {
            assert_eq!(cell.index(), index);
            assert_eq!(cell.to_string().parse(), Ok(cell));
        }
        assert_eq!(Cell::all().count(), 15_625);
        assert_eq!(Cell::from_index(CELLS), None);
    }

    #[test]
    fn operations_are_numbered_in_their_order() {
        for (number, op) in Op::ALL.into_iter().enumerate() {
            assert_eq!(op as usize, number);
        }
    }
}
