//! What knas-sample does.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use knas_files::{model, text};
use knas_records::{Context, Named, Output, Record};
use knas_space::roberta_skip::{Backbone, PRESETS};
use knas_space::{Options, SearchSpace, named};

use crate::cli::Args;
use crate::files;
use crate::listing;
use crate::select::Selection;

/// Writes the records that the flags select.
pub fn run(args: Args, context: &Context) -> Result<()> {
    if let Some(name) = &args.list_spaces {
        return listing::write(name, &args, context);
    }
    let space = &*space(&args)?;
    let flags = args.size.told().map_err(anyhow::Error::msg)?;
    check_files(&args, space)?;
    let mut reads: Vec<Named<'_>> = args
        .files
        .iter()
        .map(|file| Named::read("", file))
        .collect();
    reads.extend(Named::given("--parents", &args.parents));
    context.keep_apart(&args.common, &reads, &[])?;
    let mut selection = Selection::new(&args, space, &flags, context)?;
    let size = selection.size().clone();
    let mut output = context.output(&args.common, |record| match space.is_of_files() {
        true => same_file(record, space, &flags),
        false => same(record, space, &size),
    })?;
    let files = (!args.files.is_empty()).then_some(args.files.len() as u64);
    context.start_known_progress(selection.wanted().or(files), "architectures");
    write(&mut selection, &mut output, context)?;
    if selection.is_empty() {
        match &args.filter {
            Some(filter) => match selection.given_up() {
                Some(tried) => bail!("--where {filter}: of {tried} architectures, none passes"),
                None => bail!("--where {filter}: of all architectures, none passes"),
            },
            None if files.is_some() => bail!("no FILE is a candidate"),
            None => bail!("the flags select no architecture"),
        }
    }
    if let Some(id) = output.stranger().map(str::to_owned) {
        output.discard()?;
        bail!(
            "the file has {id}, which these flags do not give: it was made with others, such as \
             another --seed (remove it, or leave out --resume)"
        );
    }
    output.finish()?;
    if args.parents.is_none() {
        context.reads_nothing("records become parents with --mutate COUNT --parents -");
    }

    let missing = selection.missing();
    if let (1.., Some(wanted)) = (missing, selection.wanted()) {
        let why = match selection.given_up() {
            Some(tried) => format!("--where lets none of the next {tried} through"),
            None => "there are no others".to_owned(),
        };
        let found = wanted - missing;
        context.error(format_args!(
            "only {found} of the {wanted} records asked for: {why}"
        ));
        context.count_failure()?;
    }
    Ok(())
}

/// Whether files are named where, and only where, a space is made of them.
fn check_files(args: &Args, space: &dyn SearchSpace) -> Result<()> {
    let name = space.name();
    match args.files.first() {
        Some(file) if !space.is_of_files() => bail!(
            "{}: {name} is not made of files (networks in files are --space onnx; records become \
             parents with --mutate COUNT --parents FILE)",
            file.display()
        ),
        None if space.is_of_files() && args.arch.is_empty() => {
            bail!(
                "{name} is made of files, of which none is named: knas-sample --space {name} FILE…"
            )
        }
        _ => Ok(()),
    }
}

/// The space that the flags ask for.
fn space(args: &Args) -> Result<Box<dyn SearchSpace>> {
    let space = named(&args.space).context("--space")?;
    let backbone = args.preset.as_deref().map(backbone).transpose();
    let options = Options {
        backbone: backbone.context("--preset")?,
        links: args.links,
        left_out: args.drop,
    };
    Ok(space.with(options)?)
}

/// The preset of that name, or what the `config.json` of that folder describes.
fn backbone(preset: &str) -> Result<Backbone> {
    const LARGEST: u64 = 1 << 20;
    if let Some(found) = Backbone::preset(preset) {
        return Ok(found);
    }
    let path = model::config(Path::new(preset)).with_context(|| {
        let names: Vec<&str> = PRESETS.iter().map(|(name, _)| *name).collect();
        let names = names.join(", ");
        format!("{preset:?} is neither {names} nor a folder with a config.json")
    })?;
    let file = File::open(&path).with_context(|| path.display().to_string())?;
    let mut bytes = Vec::new();
    let read = file.take(LARGEST).read_to_end(&mut bytes);
    let found = read.map_err(anyhow::Error::from).and_then(|_| {
        let text = text::whole(&bytes).map_err(anyhow::Error::msg)?;
        Ok(Backbone::from_config(text)?)
    });
    found.with_context(|| path.display().to_string())
}

fn write(selection: &mut Selection<'_>, output: &mut Output, context: &Context) -> Result<()> {
    let (resumes, kept) = (output.resumes(), output.kept());
    for row in selection {
        let mut line = serde_json::to_string(&row?)?;
        if resumes {
            let record = Record::parse(&line)?;
            match kept.has(&record)? {
                true => output.keep(record.id()),
                false => output.write(&record)?,
            }
        } else {
            line.push('\n');
            output.write_text(&line)?;
        }
        context.advance();
    }
    Ok(())
}

/// What is wrong with a record that `--resume` would keep.
fn same(
    record: &Record<'_>,
    space: &dyn SearchSpace,
    size: &BTreeMap<String, u64>,
) -> Result<(), String> {
    match record.get::<String>("space") {
        Ok(Some(name)) if name == space.name() => {}
        _ => return Err(format!("its space is not {:?}", space.name())),
    }
    let found: Option<BTreeMap<String, u64>> = record.get("size").map_err(|e| e.to_string())?;
    let found = found.unwrap_or_default();
    match found == *size {
        true => Ok(()),
        false => Err(format!(
            "its size is {}, not {}",
            in_words(&found),
            in_words(size)
        )),
    }
}

/// What is wrong with the record of a file that `--resume` would keep.
fn same_file(
    record: &Record<'_>,
    space: &dyn SearchSpace,
    told: &[(String, u64)],
) -> Result<(), String> {
    let arch: String = record.need("arch").map_err(|error| error.to_string())?;
    let one = space.parse(&arch).map_err(|error| error.to_string())?;
    let setting = files::sized(&*one, told).map_err(|error| error.to_string())?;
    same(record, space, &setting.unusual(&one.usual()))
}

/// A size as --size takes it.
pub fn in_words(size: &BTreeMap<String, u64>) -> String {
    let sizes = size.iter().map(|(name, size)| format!("{name}={size}"));
    let sizes: Vec<String> = sizes.collect();
    match sizes.is_empty() {
        true => "the usual one".to_owned(),
        false => sizes.join(","),
    }
}
