//! Accuracies in a table: comma-, tab- or semicolon-separated values.
//!
//! A row or cell that is wrong is what a line is that is no record: it is named,
//! and the others are used.

use std::fmt;
use std::io::Read;

use knas_files::text::{self, KEYS};

use super::{Row, Truth, TruthError};

/// The largest table that is read.
const LARGEST: u64 = 1 << 30;

/// A row, or one cell of a row, that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusable {
    /// The line's number, from 1.
    pub line: u64,
    /// What is wrong there.
    pub reason: String,
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

/// What a table holds beside the truth.
#[derive(Debug, Default)]
pub struct Rest {
    /// Rows and cells that cannot be used.
    pub unusable: Vec<Unusable>,
    /// Columns that nobody asked for and that hold no number.
    pub columns: Vec<String>,
}

/// Reads a table. Without `wanted`, all columns that hold numbers are taken.
///
/// # Errors
/// It is no table, lacks a column, names one twice, or has no number in one that
/// is wanted; a candidate comes twice.
pub fn read(reader: impl Read, wanted: &[String]) -> Result<(Truth, Rest), TruthError> {
    let mut bytes = Vec::new();
    reader.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(TruthError::TooLarge(LARGEST));
    }
    let body = text::body(&bytes)?;
    let mut lines = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .flexible(true)
        .delimiter(delimiter(body))
        .from_reader(body);
    let header = Header::new(lines.headers()?)?;
    let [id, index, arch] = KEYS.map(|name| header.place(name));
    if id.or(index).or(arch).is_none() {
        return Err(TruthError::NoKey(header.line()));
    }
    let columns = header.columns(wanted)?;
    let mut rest = Rest::default();
    let mut truth = Truth {
        columns: columns.iter().map(|&at| header.0[at].clone()).collect(),
        ..Truth::default()
    };
    // Of each column, the cells that are no numbers; all may be texts.
    let mut odd: Vec<Vec<Unusable>> = vec![Vec::new(); columns.len()];
    let mut numbers = Numbers {
        body,
        at: 0,
        line: 1,
    };
    for line in lines.records() {
        let line = match line {
            Ok(line) => line,
            Err(error) => {
                rest.unusable.push(unreadable(error, &mut numbers)?);
                continue;
            }
        };
        let number = numbers.of(line.position());
        let mut unusable = |reason| {
            let line = number;
            rest.unusable.push(Unusable { line, reason });
        };
        if line.iter().all(str::is_empty) {
            continue; // as an empty line
        }
        let width = header.0.len();
        let beyond = line.iter().skip(width).any(|cell| !cell.is_empty());
        if line.len() < width || beyond {
            unusable(format!("{} cells, not {width}", line.len()));
            continue;
        }
        let cell = |place| line.get(place).filter(|cell| !cell.is_empty());
        let key = |place: Option<usize>| place.and_then(cell).map(str::to_owned);
        let id = key(id).or_else(|| key(index).map(|index| format!("nb201-{index}")));
        let arch = key(arch);
        if id.is_none() && arch.is_none() {
            unusable("nothing says which candidate it is about".to_owned());
            continue;
        }
        let mut values = Vec::with_capacity(columns.len());
        for (place, odd) in columns.iter().zip(&mut odd) {
            let value = cell(*place).map_or(Ok(None), value);
            if let Err(text) = value {
                let name = &header.0[*place];
                let reason = format!("{name} is {text:?}, not a number");
                odd.push(Unusable {
                    line: number,
                    reason,
                });
            }
            values.push(value.unwrap_or(None));
        }
        let row = Row { id, arch, values };
        truth.add(row).map_err(|error| error.at(number))?;
    }
    settle(&mut truth, odd, wanted, &mut rest)?;
    Ok((truth, rest))
}

/// Tells columns of numbers with a wrong cell from columns that are none.
fn settle(
    truth: &mut Truth,
    odd: Vec<Vec<Unusable>>,
    wanted: &[String],
    rest: &mut Rest,
) -> Result<(), TruthError> {
    let mut keep = Vec::with_capacity(odd.len());
    for (place, odd) in odd.into_iter().enumerate() {
        let has_numbers = truth.rows.iter().any(|row| row.values[place].is_some());
        keep.push(has_numbers);
        let name = &truth.columns[place];
        match (has_numbers, wanted.is_empty()) {
            (true, _) => rest.unusable.extend(odd),
            (false, true) => rest.columns.push(name.clone()),
            (false, false) => {
                let (column, first) = (name.clone(), odd.into_iter().next());
                return Err(TruthError::Nothing { column, first });
            }
        }
    }
    rest.unusable.sort_by_key(|unusable| unusable.line);
    truth.keep_columns(&keep);
    match truth.columns.is_empty() {
        true => Err(TruthError::NoNumbers),
        false => Ok(()),
    }
}

/// A row that is no text; any other error ends the reading.
fn unreadable(error: csv::Error, numbers: &mut Numbers<'_>) -> Result<Unusable, TruthError> {
    match error.kind() {
        csv::ErrorKind::Utf8 { pos, err } => Ok(Unusable {
            line: numbers.of(pos.as_ref()),
            reason: format!("not UTF-8 ({err})"),
        }),
        _ => Err(error.into()),
    }
}

/// The numbers of lines, from 1. The library counts a `\r\n` to the row that follows.
struct Numbers<'b> {
    body: &'b [u8],
    at: usize,
    line: u64,
}

impl Numbers<'_> {
    /// That of a row, which comes after those that were asked for before.
    fn of(&mut self, position: Option<&csv::Position>) -> u64 {
        let start = position.map_or(0, csv::Position::byte);
        while let Some(byte) = self.body.get(self.at) {
            if self.at as u64 >= start && !matches!(byte, b'\r' | b'\n') {
                break;
            }
            self.line += u64::from(*byte == b'\n');
            self.at += 1;
        }
        self.line
    }
}

/// What separates the cells of the first line.
fn delimiter(body: &[u8]) -> u8 {
    let filled = body.split(|&byte| byte == b'\n');
    let first = filled.map(<[u8]>::trim_ascii).find(|line| !line.is_empty());
    let count = |delimiter| {
        let of = |line: &[u8]| line.iter().filter(|&&byte| byte == delimiter).count();
        first.map_or(0, of)
    };
    match (count(b','), count(b'\t'), count(b';')) {
        (commas, tabs, _) if commas == 0 && tabs > 0 => b'\t',
        (0, _, 1..) => b';',
        _ => b',',
    }
}

/// The names in the first line of a table.
struct Header(Vec<String>);

impl Header {
    fn new(line: &csv::StringRecord) -> Result<Self, TruthError> {
        let names: Vec<String> = line.iter().map(str::to_owned).collect();
        for (place, name) in names.iter().enumerate() {
            if !name.is_empty() && names[..place].contains(name) {
                return Err(TruthError::ColumnTwice(name.clone()));
            }
        }
        Ok(Self(names))
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|column| column == name)
    }

    fn line(&self) -> String {
        self.0.join(",")
    }

    /// The places of the columns that are wanted; without any, of all that may
    /// be accuracies. One without a name is what numbers rows.
    fn columns(&self, wanted: &[String]) -> Result<Vec<usize>, TruthError> {
        if wanted.is_empty() {
            let may_be = |name: &str| !name.is_empty() && !KEYS.contains(&name);
            let others = (0..self.0.len()).filter(|&at| may_be(&self.0[at]));
            return Ok(others.collect());
        }
        let place = |name: &String| {
            self.place(name).ok_or_else(|| TruthError::NoColumn {
                name: name.clone(),
                header: self.line(),
            })
        };
        wanted.iter().map(place).collect()
    }
}

/// A cell's number; none where it is not known; the text where it is neither.
fn value(text: &str) -> Result<Option<f64>, &str> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(Some(value)),
        Ok(value) if value.is_nan() => Ok(None),
        _ => Err(text),
    }
}
