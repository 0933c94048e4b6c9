//! Which columns of a table a terminal has room for, and how wide they are.

use comfy_table::CellAlignment;

/// Blanks between two columns.
const GAP: usize = 3;

/// No text is shortened to less than that.
const SHORTEST: usize = 12;

/// The columns that are shown, by their places, with the widths they have.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fit {
    pub shown: Vec<(usize, usize)>,
    pub left_out: Vec<usize>,
}

/// Fits columns with these alignments and natural widths into `width`: first
/// texts are shortened, the longest first, and then columns are left out, the
/// last ones first. The first column always stays.
pub(super) fn fit(columns: &[(CellAlignment, usize)], width: usize) -> Fit {
    let mut shown: Vec<(usize, usize)> = columns
        .iter()
        .map(|(_, natural)| *natural)
        .enumerate()
        .collect();
    let mut left_out = Vec::new();
    loop {
        let excess = total(&shown).saturating_sub(width);
        if excess == 0 {
            break;
        }
        let is_long = |at: &usize| {
            let (place, own) = shown[*at];
            columns[place].0 == CellAlignment::Left && own > SHORTEST
        };
        match (0..shown.len())
            .filter(is_long)
            .max_by_key(|at| shown[*at].1)
        {
            Some(at) => shown[at].1 = shown[at].1.saturating_sub(excess).max(SHORTEST),
            None if shown.len() > 1 => left_out.extend(shown.pop().map(|(place, _)| place)),
            None => break,
        }
    }
    // What was shortened for columns that are gone has room again.
    for at in 0..shown.len() {
        let room = width.saturating_sub(total(&shown));
        let (place, own) = shown[at];
        shown[at].1 = (own + room).min(columns[place].1);
    }
    left_out.reverse();
    Fit { shown, left_out }
}

fn total(shown: &[(usize, usize)]) -> usize {
    let widths: usize = shown.iter().map(|(_, own)| own).sum();
    widths + GAP * shown.len().saturating_sub(1)
}

/// The first characters of a text that is too long, and a sign that there are more.
pub(super) fn shortened(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let head: String = text.chars().take(width.saturating_sub(1)).collect();
    head + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [(CellAlignment, usize); 4] = [
        (CellAlignment::Right, 4),
        (CellAlignment::Left, 10),
        (CellAlignment::Right, 8),
        (CellAlignment::Left, 90),
    ];

    #[test]
    fn texts_are_shortened_before_columns_are_left_out() {
        let fitted = |width| fit(&COLUMNS, width);
        assert_eq!(fitted(200).shown, [(0, 4), (1, 10), (2, 8), (3, 90)]);
        assert_eq!(fitted(80).shown, [(0, 4), (1, 10), (2, 8), (3, 49)]);
        assert_eq!(fitted(39).shown, [(0, 4), (1, 10), (2, 8)]);
        assert_eq!(fitted(39).left_out, [3]);
        assert_eq!(fitted(20).left_out, [2, 3]);
        assert_eq!(fitted(3).shown, [(0, 4)]);
        for width in 16..200 {
            assert!(total(&fitted(width).shown) <= width, "{width}");
        }
    }

    #[test]
    fn what_is_shortened_says_so() {
        assert_eq!(shortened("abcdef", 6), "abcdef");
        assert_eq!(shortened("abcdef", 4), "abc…");
    }
}
