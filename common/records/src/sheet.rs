//! Rows and columns for people, spreadsheets and papers: CSV, TSV, an aligned
//! table, Markdown, LaTeX.
//!
//! Cells come from records, which come from anywhere: control characters never
//! reach a terminal, and no cell can end its row.

mod fit;
mod latex;

use std::borrow::Cow;

use clap::ValueEnum;
use comfy_table::{CellAlignment, LineStyle, Table, TableStyle};

use crate::output::{Output, OutputError};
use fit::{fit, shortened};

/// Output formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One JSON object per line; the only one that other knas tools read.
    Ndjson,
    /// Comma-separated values, with a header.
    Csv,
    /// Tab-separated values, with a header.
    Tsv,
    /// For a terminal.
    Table,
    /// For a README.
    Markdown,
    /// For a paper.
    Latex,
}

impl Format {
    /// Whether people read it, so that numbers are better short than exact.
    pub fn is_for_people(self) -> bool {
        matches!(self, Self::Table | Self::Markdown | Self::Latex)
    }
}

/// A header and rows of text; every row has as many cells as there are columns.
#[derive(Clone, Debug, Default)]
pub struct Sheet {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

#[derive(Clone, Debug)]
struct Column {
    name: String,
    alignment: CellAlignment,
}

impl Sheet {
    /// A sheet without columns.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a column of text.
    pub fn text(&mut self, name: impl Into<String>) {
        let (name, alignment) = (name.into(), CellAlignment::Left);
        self.columns.push(Column { name, alignment });
    }

    /// Adds a column of numbers, which stand to the right.
    pub fn number(&mut self, name: impl Into<String>) {
        let (name, alignment) = (name.into(), CellAlignment::Right);
        self.columns.push(Column { name, alignment });
    }

    /// Adds a row. What is missing stays empty, what is too much is left out.
    pub fn row(&mut self, mut cells: Vec<String>) {
        cells.resize(self.columns.len(), String::new());
        self.rows.push(cells);
    }

    /// Writes the sheet; as a table where the format is not one for sheets. On a
    /// terminal, a table is as wide as that.
    ///
    /// # Errors
    /// Those of the output.
    pub fn write(&self, format: Format, output: &mut Output) -> Result<(), OutputError> {
        match format {
            Format::Csv => output.write_text(&self.delimited(b',')),
            Format::Tsv => output.write_text(&self.delimited(b'\t')),
            Format::Markdown => output.write_text(&self.markdown()),
            Format::Latex => output.write_text(&latex::write(&self.columns, &self.rows)),
            Format::Table | Format::Ndjson => {
                let width = output.width().unwrap_or(usize::MAX);
                output.write_text(&self.table(width))
            }
        }
    }

    fn delimited(&self, delimiter: u8) -> String {
        let mut lines = csv::WriterBuilder::new()
            .delimiter(delimiter)
            .from_writer(Vec::new());
        let header = self.columns.iter().map(|column| column.name.clone());
        for row in std::iter::once(&header.collect()).chain(&self.rows) {
            // Rows are all of one length, and a Vec takes every byte.
            let _ = lines.write_record(row);
        }
        let bytes = lines.into_inner().unwrap_or_default();
        String::from_utf8(bytes).unwrap_or_default()
    }

    fn table(&self, width: usize) -> String {
        let natural = |(place, column): (usize, &Column)| {
            let cells = self.rows.iter().map(|row| row[place].chars().count());
            let widest = cells.chain([column.name.chars().count()]).max();
            (column.alignment, widest.unwrap_or(0))
        };
        let natural: Vec<_> = self.columns.iter().enumerate().map(natural).collect();
        // The rule below the header goes on behind the last column.
        let fitted = fit(&natural, width.saturating_sub(2));
        let mut table = Table::new();
        let rule = LineStyle::none().fill('─').junction('─');
        table.load_style(TableStyle::new().header_separator(rule));
        let cells = |of: &dyn Fn(usize) -> String| -> Vec<String> {
            let shown = fitted.shown.iter();
            shown
                .map(|(place, own)| shortened(&printable(&of(*place)), *own))
                .collect()
        };
        table.set_header(cells(&|place| self.columns[place].name.clone()));
        for row in &self.rows {
            table.add_row(cells(&|place| row[place].clone()));
        }
        for ((place, _), layout) in fitted.shown.iter().zip(table.column_iter_mut()) {
            layout.set_cell_alignment(self.columns[*place].alignment);
            layout.set_padding((0, 2));
        }
        let mut text = table.trim_fmt() + "\n";
        if !fitted.left_out.is_empty() {
            let names = fitted
                .left_out
                .iter()
                .map(|place| &*self.columns[*place].name);
            let names: Vec<&str> = names.collect();
            let note = format!("no room for {} (--format csv has all)", names.join(", "));
            text += &shortened(&printable(&note), width);
            text.push('\n');
        }
        text
    }

    fn markdown(&self) -> String {
        let header = self.columns.iter().map(|column| markdown(&column.name));
        let rule = self.columns.iter().map(|column| match column.alignment {
            CellAlignment::Right => "---:".to_owned(),
            _ => "---".to_owned(),
        });
        let mut text = markdown_row(header) + &markdown_row(rule);
        for row in &self.rows {
            text += &markdown_row(row.iter().map(|cell| markdown(cell)));
        }
        text
    }
}

fn markdown_row(cells: impl Iterator<Item = String>) -> String {
    let mut row = String::from("|");
    for cell in cells {
        row.push(' ');
        row.push_str(&cell);
        row.push_str(" |");
    }
    row.push('\n');
    row
}

fn printable(text: &str) -> Cow<'_, str> {
    if text.contains(char::is_control) {
        text.replace(char::is_control, "\u{fffd}").into()
    } else {
        text.into()
    }
}

fn markdown(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in printable(text).chars() {
        if r"\|~*`<[".contains(character) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

/// A number for people, with five significant digits: `0.81234`, `-1.2346e-7`.
pub fn short(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-4..1e6).contains(&size) {
        return format!("{value:.4e}");
    }
    let whole = if size < 1.0 {
        0
    } else {
        size.log10() as usize + 1
    };
    let text = format!("{value:.*}", 5usize.saturating_sub(whole));
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// A count for people, in millions: `1.532 M`, `220.12 M`.
pub fn millions(value: f64) -> String {
    let millions = value / 1e6;
    let digits = if millions.abs() < 10.0 { 3 } else { 2 };
    format!("{millions:.digits$} M")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet() -> Sheet {
        let mut sheet = Sheet::new();
        sheet.number("rank");
        sheet.text("arch");
        sheet.row(vec!["1".into(), "|skip~0|+".into()]);
        sheet.row(vec![
            "10".into(),
            "a,\"b\"\x1b[31m\n".into(),
            "too much".into(),
        ]);
        sheet.row(vec![]);
        sheet
    }

    #[test]
    fn delimited_text_quotes_what_it_must() {
        let expected = "rank,arch\n1,|skip~0|+\n10,\"a,\"\"b\"\"\x1b[31m\n\"\n,\n";
        assert_eq!(sheet().delimited(b','), expected);
        assert!(sheet().delimited(b'\t').starts_with("rank\tarch\n1\t"));
    }

    #[test]
    fn tables_hold_no_control_characters() {
        let table = sheet().table(usize::MAX);
        assert!(
            table.contains("  10   a,\"b\"\u{fffd}[31m\u{fffd}"),
            "{table}"
        );
        assert!(!table.contains('\x1b'));
        assert_eq!(table.lines().count(), 5);
    }

    #[test]
    fn a_narrow_table_says_what_it_leaves_out() {
        let mut sheet = Sheet::new();
        sheet.number("rank");
        sheet.text("id");
        sheet.number("score");
        sheet.text("arch");
        let arch = "|nor_conv_3x3~0|+|skip_connect~0|nor_conv_1x1~1|".repeat(2);
        sheet.row(vec!["1".into(), "nb201-6111".into(), "0.93".into(), arch]);
        for width in [20, 30, 60, 80, 200] {
            let table = sheet.table(width);
            let widest = table.lines().map(|line| line.chars().count()).max();
            assert!(widest.unwrap() <= width, "{width}:\n{table}");
            assert!(table.contains("nb201-6111"), "{table}");
        }
        assert!(sheet.table(60).contains("|nor_conv_3x3~0|"));
        assert!(sheet.table(30).contains("no room for arch"));
    }

    #[test]
    fn markdown_cells_stay_in_their_cells() {
        let expected = "| rank | arch |\n| ---: | --- |\n| 1 | \\|skip\\~0\\|+ |\n\
                        | 10 | a,\"b\"\u{fffd}\\[31m\u{fffd} |\n|  |  |\n";
        assert_eq!(sheet().markdown(), expected);
    }

    #[test]
    fn numbers_are_short() {
        let shown = [
            (0.0, "0"),
            (0.812_345_6, "0.81235"),
            (-12.5, "-12.5"),
            (1_234.567_8, "1234.6"),
            (123_456.7, "123457"),
            (1e6, "1.0000e6"),
            (-1.234_56e-7, "-1.2346e-7"),
        ];
        for (value, text) in shown {
            assert_eq!(short(value), text);
        }
        assert_eq!(millions(1_531_546.0), "1.532 M");
        assert_eq!(millions(220_119_680.0), "220.12 M");
    }
}
