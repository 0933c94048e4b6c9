//! Text from outside: one rule for every reader of records, tables, texts and
//! settings.
//!
//! Text is UTF-8. A byte-order mark before it is skipped, a line may end in
//! `\r\n`, and an empty line says nothing. What is no text, or holds its records
//! in another form, is recognised by its beginning, so that it is named once and
//! not once a line.

use std::str;

/// What spreadsheets and editors of Windows put before UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// Names of columns that say which candidate a row is about.
pub const KEYS: [&str; 3] = ["id", "index", "arch"];

/// Something else than what was to be read, and what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Foreign {
    /// Two bytes a character.
    #[error("it is UTF-16 or UTF-32, not UTF-8: `iconv -f UTF-16 -t UTF-8` converts it")]
    Utf16,
    /// Compressed.
    #[error("it is compressed ({0}): unpack it first (`{1} FILE | …`)")]
    Compressed(&'static str, &'static str),
    /// One JSON array.
    #[error("it is a JSON array, not one object a line: `jq -c '.[]'` makes it so")]
    Array,
    /// Objects over several lines.
    #[error("its JSON is spread over several lines, not one object a line: `jq -c .` makes it so")]
    Pretty,
    /// Rows and columns.
    #[error(
        "it is a table, not one JSON object a line: knas tools write such with --format ndjson, \
         and knas-eval and knas-report take a table as --truth"
    )]
    Table,
}

/// The first bytes of what is no text, and what it is.
const MAGIC: [(&[u8], Foreign); 7] = [
    (b"\xff\xfe", Foreign::Utf16),
    (b"\xfe\xff", Foreign::Utf16),
    (b"\0\0\xfe\xff", Foreign::Utf16),
    (b"\x1f\x8b", Foreign::Compressed("gzip", "zcat")),
    (b"PK\x03\x04", Foreign::Compressed("zip", "unzip -p")),
    (b"\xfd7zXZ", Foreign::Compressed("xz", "xzcat")),
    (b"\x28\xb5\x2f\xfd", Foreign::Compressed("zstd", "zstdcat")),
];

/// What follows the byte-order mark, where there is one.
///
/// # Errors
/// When `bytes`, the beginning of a file or all of it, are no UTF-8 text.
pub fn body(bytes: &[u8]) -> Result<&[u8], Foreign> {
    if let Some((_, foreign)) = MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return Err(*foreign);
    }
    // ASCII in two bytes or four, without a mark.
    if let [a, b, c, d, ..] = bytes
        && (*a == 0) != (*b == 0)
        && (*c == 0 || *d == 0)
    {
        return Err(Foreign::Utf16);
    }
    Ok(bytes.strip_prefix(MARK).unwrap_or(bytes))
}

/// Whether the first line that is not empty begins something else than JSON
/// objects, one a line. A line that is merely wrong does not.
///
/// # Errors
/// What it begins.
pub fn begins_records(line: &str) -> Result<(), Foreign> {
    let line = line.trim();
    match line.strip_prefix('[').map(str::trim_start) {
        Some("") => return Err(Foreign::Array),
        Some(rest) if rest.starts_with(['{', ']']) => return Err(Foreign::Array),
        _ => {}
    }
    if line == "{" {
        return Err(Foreign::Pretty);
    }
    let is_key = |cell: &str| KEYS.contains(&cell.trim().trim_matches('"'));
    match line.contains([',', '\t', ';']) && line.split([',', '\t', ';']).any(is_key) {
        true => Err(Foreign::Table),
        false => Ok(()),
    }
}

/// The lines of a text that are not empty, each with its number from 1 and
/// without its end; or what keeps a line from being text.
///
/// # Errors
/// As [`body`].
pub fn lines(bytes: &[u8]) -> Result<impl Iterator<Item = (usize, Result<&str, String>)>, Foreign> {
    let lines = body(bytes)?.split(|&byte| byte == b'\n').enumerate();
    let filled = lines.filter(|(_, line)| !line.trim_ascii().is_empty());
    Ok(filled.map(|(place, line)| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let text = str::from_utf8(line).map_err(|e| {
            let (valid, byte) = (e.valid_up_to(), line[e.valid_up_to()]);
            format!("byte 0x{byte:02x} after {valid} bytes is not UTF-8")
        });
        (place + 1, text)
    }))
}

/// All of a small file's text, without its byte-order mark.
///
/// # Errors
/// What is wrong with it.
pub fn whole(bytes: &[u8]) -> Result<&str, String> {
    let body = body(bytes).map_err(|foreign| foreign.to_string())?;
    str::from_utf8(body).map_err(|error| format!("not UTF-8: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Vec<(usize, Result<&str, String>)> {
        lines(bytes).unwrap().collect()
    }

    #[test]
    fn marks_line_ends_and_empty_lines_are_passed_over() {
        let text = b"\xef\xbb\xbfa\r\n\r\n \t\nb \n\xe9\nc";
        let found = read(text);
        let places: Vec<usize> = found.iter().map(|(place, _)| *place).collect();
        assert_eq!(places, [1, 4, 5, 6]);
        assert_eq!((&found[0].1, &found[1].1), (&Ok("a"), &Ok("b ")));
        assert_eq!(
            found[2].1,
            Err("byte 0xe9 after 0 bytes is not UTF-8".to_owned())
        );
        assert!(read(b"").is_empty() && read(b"\xef\xbb\xbf\n\r\n").is_empty());
        assert_eq!(whole(b"\xef\xbb\xbf{}"), Ok("{}"));
    }

    #[test]
    fn what_is_no_text_is_named() {
        let wide = |text: &str, from: fn(u16) -> [u8; 2]| -> Vec<u8> {
            text.encode_utf16().flat_map(from).collect()
        };
        for bytes in [
            wide("\u{feff}{\"id\":1}", u16::to_le_bytes),
            wide("\u{feff}{\"id\":1}", u16::to_be_bytes),
            wide("{\"id\":1}", u16::to_le_bytes),
            wide("{\"id\":1}", u16::to_be_bytes),
        ] {
            assert_eq!(body(&bytes), Err(Foreign::Utf16), "{bytes:?}");
        }
        for (bytes, name) in [
            (&b"\x1f\x8b\x08\0\0"[..], "gzip"),
            (b"PK\x03\x04", "zip"),
            (b"\xfd7zXZ\0", "xz"),
            (b"\x28\xb5\x2f\xfd", "zstd"),
        ] {
            let said = body(bytes).unwrap_err().to_string();
            assert!(said.contains(name) && said.contains("unpack"), "{said}");
        }
        // Torn or odd, but no other encoding.
        for bytes in [&b"\0\0\0\0"[..], b"", b"a", b"\0", b"{\"id\0\":1}"] {
            assert_eq!(body(bytes), Ok(bytes));
        }
    }

    #[test]
    fn other_forms_of_records_are_named_by_their_first_line() {
        for (line, foreign) in [
            ("[", Foreign::Array),
            ("[{\"id\":\"a\"},", Foreign::Array),
            (" [ {\"id\":\"a\"}]", Foreign::Array),
            ("[]", Foreign::Array),
            ("{", Foreign::Pretty),
            ("id,arch,score", Foreign::Table),
            ("rank\tid\tscore", Foreign::Table),
            ("\"score\";\"id\"", Foreign::Table),
        ] {
            assert_eq!(begins_records(line), Err(foreign), "{line}");
        }
        for line in [
            "{\"id\":\"a\"}",
            "{\"id\":\"a\",\"sc",
            "id",
            "oops, a message",
            "[1,2",
            "",
        ] {
            assert_eq!(begins_records(line), Ok(()), "{line}");
        }
    }
}
