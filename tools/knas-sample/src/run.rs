//! What knas-sample does.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use knas_files::{Capped, model, text};
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
    let mut output = context.output(&args.common, |record| match space.lacks() {
        Some(_) => same_as_own(record, space, &flags),
        None => same(record, space, &size),
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

/// Whether files are named only where a space is made of them, and whether there is
/// something to draw from.
fn check_files(args: &Args, space: &dyn SearchSpace) -> Result<()> {
    let name = space.name();
    match args.files.first() {
        Some(file) if !space.is_of_files() => bail!(
            "{}: {name} is not made of files (networks in files are --space onnx; records become \
             parents with --mutate COUNT --parents FILE)",
            file.display()
        ),
        _ => {}
    }
    let named = !(args.files.is_empty() && args.arch.is_empty()) || args.mutate.is_some();
    match space.lacks().filter(|_| !named) {
        Some(lacks) => bail!("{name} has nothing to draw from before it is told {lacks}"),
        None => Ok(()),
    }
}

/// The space that the flags ask for.
fn space(args: &Args) -> Result<Box<dyn SearchSpace>> {
    let space = named(&args.space).context("--space")?;
    Ok(space.with(options(args)?)?)
}

/// What the flags ask of a space.
pub fn options(args: &Args) -> Result<Options> {
    let backbone = args.preset.as_deref().map(backbone).transpose();
    let base = args.base.as_deref().map(base).transpose();
    Ok(Options {
        backbone: backbone.context("--preset")?,
        links: args.links,
        left_out: args.drop,
        base: base.context("--base")?,
    })
}

/// `SPACE:ARCH` of the network that `--base` names: as such a text, as a file of ONNX,
/// or as a file whose first line is its record.
fn base(text: &str) -> Result<String> {
    const LARGEST: u64 = 1 << 20;
    let path = Path::new(text);
    if !path.exists() && text.contains(':') {
        return Ok(text.to_owned());
    }
    let mut line = Vec::new();
    let file = BufReader::new(Capped::open_regular(path, u64::MAX).context(text.to_owned())?);
    let read = file.take(LARGEST).read_until(b'\n', &mut line);
    let _ = read.with_context(|| text.to_owned())?;
    if line.trim_ascii_start().first() != Some(&b'{') {
        return Ok(format!("onnx:{text}"));
    }
    let line = knas_files::text::whole(&line).map_err(anyhow::Error::msg)?;
    let record = Record::parse(line.trim()).with_context(|| text.to_owned())?;
    let (space, arch): (String, String) = (record.need("space")?, record.need("arch")?);
    let size: Option<BTreeMap<String, u64>> = record.get("size")?;
    let size = size.filter(|size| !size.is_empty());
    let size = size.map_or(String::new(), |size| format!("[{}]", in_words(&size)));
    Ok(format!("{space}{size}:{arch}"))
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

/// What is wrong with a record that `--resume` would keep, of a space whose
/// architectures say themselves what is usual.
fn same_as_own(
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
