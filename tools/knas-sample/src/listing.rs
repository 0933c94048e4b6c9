//! `--list-spaces`.

use anyhow::Result;
use knas_records::Context;
use knas_space::{SearchSpace, all_sizes, by_name, spaces};

use crate::cli::Args;
use crate::run::options;

/// Writes what there is to know of the space of this name, or of each a line.
///
/// # Errors
/// When it cannot be written.
pub fn write(name: &str, args: &Args, context: &Context) -> Result<()> {
    let mut output = context.output(&args.common, |_| Ok(()))?;
    let text = match by_name(name) {
        Some(space) => whole(&*space.with(options(args)?)?),
        None => spaces().iter().map(|space| line(*space)).collect(),
    };
    output.write_text(&text)?;
    Ok(output.finish()?)
}

/// Name, number of architectures, description.
fn line(space: &dyn SearchSpace) -> String {
    let (name, description) = (space.name(), space.description());
    format!("{name:<16}{:>12}  {description}\n", count(space))
}

fn count(space: &dyn SearchSpace) -> String {
    let count = space.count().map(|count| count.to_string());
    count.unwrap_or("-".to_owned())
}

/// All of one space: with an example, the senses of sameness, and the sizes.
fn whole(space: &dyn SearchSpace) -> String {
    let mut text = format!("{}\n{}\n\n", space.name(), space.description());
    let senses = space.equivalences().iter().map(|sense| sense.name());
    let example = match (space.lacks(), space.is_of_files()) {
        (_, true) => Some("PATH@sha256:HASH".to_owned()),
        (Some(_), _) => Some("drop3,width2=0.75,kernel7=5,link1-4@resnet:resnet18".to_owned()),
        (None, _) => space.sample(0).next().map(|one| one.to_string()),
    };
    let facts = [
        ("architectures", count(space)),
        ("such as", example.unwrap_or_default()),
        ("the same by", senses.collect::<Vec<_>>().join(", ")),
    ];
    for (name, fact) in facts {
        text.push_str(&format!("{name:<16}{fact}\n"));
    }
    text.push_str("\nsize            usual   range           what it is\n");
    let usual: Vec<_> = match space.lacks() {
        Some(_) => Vec::new(), // each architecture says its own
        None => space.usual().named().collect(),
    };
    for size in all_sizes(space) {
        let found = usual.iter().find(|(name, _)| *name == size.name);
        let usual = found.map_or("-".to_owned(), |(_, size)| size.to_string());
        let (low, high) = size.range;
        let range = format!("{low}..{high}");
        let (name, about) = (size.name, size.about);
        text.push_str(&format!("{name:<16}{usual:<8}{range:<16}{about}\n"));
    }
    if !space.details().is_empty() {
        text.push('\n');
    }
    for line in space.details() {
        text.push_str(&line);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use knas_space::Setting;

    use super::*;

    #[test]
    fn every_size_can_be_given_as_it_is_listed() {
        for space in spaces() {
            let text = whole(*space);
            for size in all_sizes(*space) {
                assert!(text.contains(&format!("\n{} ", size.name)), "{text}");
                assert!(Setting::of(*space, [(size.name, size.range.1)]).is_ok());
            }
        }
    }
}
