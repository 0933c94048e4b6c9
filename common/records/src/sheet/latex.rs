//! A table for a paper: `tabular` with the rules of booktabs.

use comfy_table::CellAlignment;

use super::{Column, printable};

pub(super) fn write(columns: &[Column], rows: &[Vec<String>]) -> String {
    let letters = columns.iter().map(|column| match column.alignment {
        CellAlignment::Right => 'r',
        _ => 'l',
    });
    let letters: String = letters.collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let cells: Vec<String> = cells.map(escaped).collect();
        format!("{} \\\\\n", cells.join(" & "))
    };
    let header = line(&mut columns.iter().map(|column| column.name.as_str()));
    let rows = rows
        .iter()
        .map(|row| line(&mut row.iter().map(String::as_str)));
    format!(
        "% \\usepackage{{booktabs}}\n\\begin{{tabular}}{{{letters}}}\n\\toprule\n{header}\\midrule\n{}\\bottomrule\n\\end{{tabular}}\n",
        rows.collect::<String>()
    )
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in printable(text).chars() {
        match character {
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => escaped.extend(['\\', character]),
            '~' => escaped.push_str("\\textasciitilde{}"),
            '^' => escaped.push_str("\\textasciicircum{}"),
            '\\' => escaped.push_str("\\textbackslash{}"),
            '|' => escaped.push_str("\\textbar{}"),
            '<' => escaped.push_str("\\textless{}"),
            '>' => escaped.push_str("\\textgreater{}"),
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn no_cell_is_taken_for_a_command() {
        let cell = escaped("|skip_connect~0| 5% \\input{x} a^2");
        assert_eq!(
            cell,
            "\\textbar{}skip\\_connect\\textasciitilde{}0\\textbar{} 5\\% \
             \\textbackslash{}input\\{x\\} a\\textasciicircum{}2"
        );
    }
}
