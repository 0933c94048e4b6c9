//! The plots as files, for papers.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use knas_records::Output;

use crate::page::{Page, cost_picture, plots, trained};
use crate::plot::{Look, cell, confusion, curves, heat, histogram, scatter};
use crate::svg::Svg;
use crate::theme;

/// Writes every plot of the page into a folder, which is made where it is not
/// there; returns how many. Names are ours, never a candidate's.
///
/// # Errors
/// A folder or file that cannot be written.
pub fn write(page: &Page<'_>, folder: &Path, look: Look) -> anyhow::Result<usize> {
    fs::create_dir_all(folder).with_context(|| format!("--svg {}", folder.display()))?;
    let style = theme::file();
    let mut written = HashSet::new();
    let mut write = |name: &str, picture: &Svg| -> anyhow::Result<()> {
        // Columns whose names differ in what a file's name cannot hold.
        let mut file = name.to_owned();
        for number in 2.. {
            if written.insert(file.clone()) {
                break;
            }
            file = format!("{name}-{number}");
        }
        let mut output = Output::file(&folder.join(format!("{file}.svg")), false, |_| Ok(()))?;
        output.write_text(&picture.file(&style, look.size, look.titled))?;
        output.finish()?;
        Ok(())
    };

    let search = page.search;
    if let Some((x, y)) = search.first_axes() {
        let (x, y) = (&search.columns[x], &search.columns[y]);
        write("accuracy", &scatter::draw(x, y, page.winners, &[], look))?;
    }
    if let Some(picture) = plots::size(page, look)? {
        write("size", &picture)?;
    }
    if let Some(picture) = heat::draw(search) {
        write("agreement", &picture)?;
    }
    for column in &search.columns {
        let name = format!("distribution-{}", plain(&column.name));
        write(&name, &histogram::draw(column, page.winners, look))?;
    }
    for measure in page.measures {
        if let Some(picture) = curves::draw(measure, look) {
            let name = measure.name.trim_end_matches(", %");
            write(&plain(&name.to_lowercase()), &picture)?;
        }
    }
    if let Some(picture) = trained::against_test(page, look) {
        write("validation-test", &picture)?;
    }
    for (at, (_, matrix)) in trained::confusions(page).iter().enumerate() {
        write(
            &format!("confusion-{}", at + 1),
            &confusion::draw(matrix, "Confusion matrix"),
        )?;
    }
    for (at, cell) in search.cells.iter().take(page.winners).enumerate() {
        if let Some(cell) = cell {
            let rank = at + 1;
            write(
                &format!("cell-{rank}"),
                &cell::draw(cell, &format!("Cell of rank {rank}")),
            )?;
        }
    }
    if let Some(training) = page.training {
        write("cost", &cost_picture(page, training).0)?;
    }
    Ok(written.len())
}

/// Letters, digits, `_` and `-` alone: part of a file's name.
fn plain(name: &str) -> String {
    let keep = |character: char| match character {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | '-' => character,
        _ => '-',
    };
    name.chars().take(60).map(keep).collect()
}
