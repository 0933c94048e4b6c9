//! Genotypes as papers have them: by name, and as Python prints them.

use super::genotype::{Cell, Entry, Genotype, GenotypeError};
use crate::python_text::Literal;

/// Names of genotypes, and their notation, in the order in which they are printed in
/// the repositories of DARTS (Liu et al. 2019), PC-DARTS (Xu et al. 2020) and P-DARTS
/// (Chen et al. 2019).
static PUBLISHED: [(&str, &str); 5] = [
    (
        "DARTS_V1",
        "sep_conv_3x3~1|sep_conv_3x3~0|skip_connect~0|sep_conv_3x3~1|\
         skip_connect~0|sep_conv_3x3~1|sep_conv_3x3~0|skip_connect~2/\
         max_pool_3x3~0|max_pool_3x3~1|skip_connect~2|max_pool_3x3~0|\
         max_pool_3x3~0|skip_connect~2|skip_connect~2|avg_pool_3x3~0",
    ),
    (
        "DARTS_V2",
        "sep_conv_3x3~0|sep_conv_3x3~1|sep_conv_3x3~0|sep_conv_3x3~1|\
         sep_conv_3x3~1|skip_connect~0|skip_connect~0|dil_conv_3x3~2/\
         max_pool_3x3~0|max_pool_3x3~1|skip_connect~2|max_pool_3x3~1|\
         max_pool_3x3~0|skip_connect~2|skip_connect~2|max_pool_3x3~1",
    ),
    (
        "PC_DARTS_cifar",
        "sep_conv_3x3~1|skip_connect~0|sep_conv_3x3~0|dil_conv_3x3~1|\
         sep_conv_5x5~0|sep_conv_3x3~1|avg_pool_3x3~0|dil_conv_3x3~1/\
         sep_conv_5x5~1|max_pool_3x3~0|sep_conv_5x5~1|sep_conv_5x5~2|\
         sep_conv_3x3~0|sep_conv_3x3~3|sep_conv_3x3~1|sep_conv_3x3~2",
    ),
    (
        "PC_DARTS_image",
        "skip_connect~1|sep_conv_3x3~0|sep_conv_3x3~0|skip_connect~1|\
         sep_conv_3x3~1|sep_conv_3x3~3|sep_conv_3x3~1|dil_conv_5x5~4/\
         sep_conv_3x3~0|skip_connect~1|dil_conv_5x5~2|max_pool_3x3~1|\
         sep_conv_3x3~2|sep_conv_3x3~1|sep_conv_5x5~0|sep_conv_3x3~3",
    ),
    (
        "PDARTS",
        "skip_connect~0|dil_conv_3x3~1|skip_connect~0|sep_conv_3x3~1|\
         sep_conv_3x3~1|sep_conv_3x3~3|sep_conv_3x3~0|dil_conv_5x5~4/\
         avg_pool_3x3~0|sep_conv_5x5~1|sep_conv_3x3~0|dil_conv_5x5~2|\
         max_pool_3x3~0|dil_conv_3x3~1|dil_conv_3x3~1|dil_conv_5x5~3",
    ),
];

/// Their names, for messages.
pub(super) const NAMES: &str = "DARTS_V1, DARTS_V2, PC_DARTS_cifar, PC_DARTS_image, PDARTS";

/// The notation of the genotype of this name.
pub(super) fn notation(name: &str) -> Option<&'static str> {
    let found = PUBLISHED.iter().find(|(known, _)| *known == name);
    found.map(|(_, notation)| *notation)
}

/// Reads `Genotype(normal=[('sep_conv_3x3', 1), …], normal_concat=range(2, 6), …)`,
/// also with `NAME =` before it. A concat that is left out is all four nodes.
pub(super) fn from_python(text: &str) -> Result<Genotype, GenotypeError> {
    let value = Literal::read(text)?;
    let known = |name: &Option<String>| {
        let fields = ["normal", "normal_concat", "reduce", "reduce_concat"];
        name.as_deref().is_some_and(|name| fields.contains(&name))
    };
    match &value {
        Literal::Call(name, fields)
            if name.ends_with("Genotype") && fields.iter().all(|(name, _)| known(name)) => {}
        _ => return Err(GenotypeError::Call),
    }
    Ok(Genotype {
        normal: cell(
            "normal",
            value.argument("normal"),
            value.argument("normal_concat"),
        )?,
        reduce: cell(
            "reduce",
            value.argument("reduce"),
            value.argument("reduce_concat"),
        )?,
    })
}

fn cell(
    name: &'static str,
    entries: Option<&Literal>,
    concat: Option<&Literal>,
) -> Result<Cell, GenotypeError> {
    let pairs = entries.and_then(Literal::list).ok_or(GenotypeError::Call)?;
    if !concat.is_none_or(takes_all_nodes) {
        return Err(GenotypeError::Concat { cell: name });
    }
    let entry = |(place, pair): (usize, &Literal)| {
        let (op, input) = match pair.list() {
            Some([op, input]) => (op.word(), input.number()),
            _ => (None, None),
        };
        Entry::new((name, place), "('op', input)", (op, input))
    };
    let entries = pairs.iter().enumerate().map(entry);
    Cell::of(name, &entries.collect::<Result<Vec<Entry>, _>>()?)
}

/// `range(2, 6)`, `[2, 3, 4, 5]`, or a list of that range.
fn takes_all_nodes(concat: &Literal) -> bool {
    let numbers = |literals: &[&Literal], wanted: &[usize]| {
        let found = literals.iter().map(|literal| literal.number());
        found.eq(wanted.iter().map(|&number| Some(number)))
    };
    match concat {
        Literal::List(items) => numbers(&items.iter().collect::<Vec<_>>(), &[2, 3, 4, 5]),
        Literal::Call(name, arguments) => {
            let values: Vec<&Literal> = arguments.iter().map(|(_, value)| value).collect();
            match (name.as_str(), &values[..]) {
                ("range", values) => numbers(values, &[2, 6]),
                ("list", [range]) => takes_all_nodes(range),
                _ => false,
            }
        }
        _ => false,
    }
}
