//! What knas-sample does.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use knas_files::{model, text};
use knas_records::{Context, Named, Output, Record};
use knas_space::roberta_skip::{Backbone, PRESETS};
use knas_space::{Options, SearchSpace, Setting, named};

use crate::cli::Args;
use crate::listing;
use crate::select::Selection;

/// Writes the records that the flags select.
pub fn run(args: Args, context: &Context) -> Result<()> {
    if let Some(name) = &args.list_spaces {
        return listing::write(name, &args, context);
    }
    let space = &*space(&args)?;
    let flags = args.size.told().map_err(anyhow::Error::msg)?;
    let told = flags.iter().map(|(name, size)| (&**name, *size));
    let setting = Setting::of(space, told).context("--size")?;
    let parents = Named::given("--parents", &args.parents);
    context.keep_apart(&args.common, parents.as_slice(), &[])?;
    let mut selection = Selection::new(&args, space, &setting, context)?;
    let size = setting.unusual(space);
    let mut output = context.output(&args.common, |record| same(record, space, &size))?;
    context.start_known_progress(selection.wanted(), "architectures");
    write(&mut selection, &mut output, context)?;
    if selection.is_empty() {
        match &args.filter {
            Some(filter) => match selection.given_up() {
                Some(tried) => bail!("--where {filter}: of {tried} architectures, none passes"),
                None => bail!("--where {filter}: of all architectures, none passes"),
            },
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

/// A size as --size takes it.
pub fn in_words(size: &BTreeMap<String, u64>) -> String {
    let sizes = size.iter().map(|(name, size)| format!("{name}={size}"));
    let sizes: Vec<String> = sizes.collect();
    match sizes.is_empty() {
        true => "the usual one".to_owned(),
        false => sizes.join(","),
    }
}
