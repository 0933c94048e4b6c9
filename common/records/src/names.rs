//! Values of flags that come from a list: the shell completes them, and one
//! that is misspelt gets a suggestion.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command, Error};

/// Parses a name. Blanks beside it say nothing, so that lists may be written
/// `mgm, params`.
#[derive(Clone, Debug)]
pub struct Names {
    known: Vec<&'static str>,
    open: bool,
}

impl Names {
    /// One of these, and nothing else.
    pub fn closed(known: impl IntoIterator<Item = &'static str>) -> Self {
        Self {
            known: known.into_iter().collect(),
            open: false,
        }
    }

    /// One of these, which the shell completes, or anything else, such as a
    /// name with a folder.
    pub fn open(known: impl IntoIterator<Item = &'static str>) -> Self {
        Self {
            open: true,
            ..Self::closed(known)
        }
    }
}

impl TypedValueParser for Names {
    type Value = String;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &OsStr,
    ) -> Result<String, Error> {
        let text = value.to_string_lossy();
        let name = text.trim();
        if self.known.contains(&name) || self.open && !name.is_empty() {
            return Ok(name.to_owned());
        }
        if name.is_empty() {
            let empty = "an entry of the list is empty\n";
            return Err(Error::raw(ErrorKind::InvalidValue, empty).with_cmd(command));
        }
        let mut error = Error::new(ErrorKind::InvalidValue).with_cmd(command);
        let flag = arg.map_or_else(String::new, ToString::to_string);
        error.insert(ContextKind::InvalidArg, ContextValue::String(flag));
        error.insert(
            ContextKind::InvalidValue,
            ContextValue::String(name.to_owned()),
        );
        // The whole list where nothing is near, and where it is short.
        match nearest(name, &self.known) {
            Some(near) => error.insert(
                ContextKind::SuggestedValue,
                ContextValue::String(near.to_owned()),
            ),
            None => error.insert(
                ContextKind::ValidValue,
                ContextValue::Strings(self.known.iter().map(ToString::to_string).collect()),
            ),
        };
        Err(error)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.known.iter().map(PossibleValue::new)))
    }
}

/// The name that was probably meant, if one is near.
pub fn nearest<'n>(word: &str, names: &[&'n str]) -> Option<&'n str> {
    let near = |name: &&'n str| (strsim::normalized_damerau_levenshtein(word, name), *name);
    let best = names.iter().map(near).max_by(|a, b| a.0.total_cmp(&b.0));
    best.filter(|(near, _)| *near >= 0.5).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(names: Names, value: &str) -> Result<String, String> {
        let flag = Arg::new("proxy").long("proxy").value_parser(names);
        let command = Command::new("tool").arg(flag);
        let matches = command.try_get_matches_from(["tool", "--proxy", value]);
        let matches = matches.map_err(|error| error.to_string())?;
        Ok(matches
            .get_one::<String>("proxy")
            .cloned()
            .unwrap_or_default())
    }

    #[test]
    fn a_near_miss_is_suggested() {
        let known = || ["mgm", "grad-norm", "params"];
        assert_eq!(parse(Names::closed(known()), " mgm ").unwrap(), "mgm");
        let said = parse(Names::closed(known()), "mgn").unwrap_err();
        assert!(said.contains("'mgm'"), "{said}");
        let said = parse(Names::closed(known()), "gradnorm").unwrap_err();
        assert!(said.contains("'grad-norm'"), "{said}");
        let said = parse(Names::closed(known()), "xyz").unwrap_err();
        assert!(
            said.contains("possible values: mgm, grad-norm, params"),
            "{said}"
        );
    }

    #[test]
    fn an_open_list_takes_what_it_does_not_know() {
        let names = || Names::open(["cifar10"]);
        assert_eq!(parse(names(), "folder:x").unwrap(), "folder:x");
        assert!(parse(names(), " ").is_err());
    }
}
