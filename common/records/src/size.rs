//! The flags that say how large networks are, alike in every tool that has them.

use clap::Args;

/// How large networks are.
#[derive(Args, Clone, Debug, Default)]
pub struct SizeFlags {
    /// How large networks are, such as side=224,classes=5,channels=8
    ///
    /// Sizes are those of the space (knas-sample --list-spaces=NAME tells them), `classes`,
    /// and the `side` of images. What is not told here is what the record's `size` and the
    /// data tell, or else usual in the space; who contradicts another is told.
    #[arg(long, value_name = "NAME=N[,…]", value_delimiter = ',', value_parser = size)]
    pub size: Vec<(String, u64)>,

    /// The same as --size channels=C: channels of the first stage
    #[arg(long, value_name = "C", hide_short_help = true)]
    pub channels: Option<u64>,

    /// The same as --size cells=N: cells in each stage of nb201, or all those of darts
    #[arg(long, value_name = "N", hide_short_help = true)]
    pub cells: Option<u64>,
}

impl SizeFlags {
    /// What they say, by name.
    ///
    /// # Errors
    /// When they say two things of one name.
    pub fn told(&self) -> Result<Vec<(String, u64)>, String> {
        let short = [("channels", self.channels), ("cells", self.cells)];
        let short = short.into_iter();
        let short = short.filter_map(|(name, size)| Some((name.to_owned(), size?)));
        let mut told: Vec<(String, u64)> = Vec::new();
        for (name, size) in self.size.iter().cloned().chain(short) {
            match told.iter().find(|(other, _)| *other == name) {
                Some((_, other)) if *other != size => {
                    return Err(format!("the flags say {name}={other} and {name}={size}"));
                }
                Some(_) => {}
                None => told.push((name, size)),
            }
        }
        Ok(told)
    }

    /// The first of the flags that is given.
    #[must_use]
    pub fn first(&self) -> Option<&'static str> {
        let given = [
            ("--size", !self.size.is_empty()),
            ("--channels", self.channels.is_some()),
            ("--cells", self.cells.is_some()),
        ];
        let first = given.into_iter().find(|(_, given)| *given);
        first.map(|(flag, _)| flag)
    }
}

fn size(text: &str) -> Result<(String, u64), String> {
    let parts = text.trim().split_once('=');
    let parts = parts.and_then(|(name, number)| {
        let name = name.trim_end();
        let number = number.trim_start().parse().ok()?;
        (!name.is_empty()).then(|| (name.to_owned(), number))
    });
    parts.ok_or_else(|| "it is NAME=N, such as channels=8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_a_name_and_a_whole_number() {
        assert_eq!(size(" side = 64"), Ok(("side".to_owned(), 64)));
        for wrong in ["", "side", "side=", "=4", "side=4.5", "side=-4", "side=4=4"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn flags_agree_or_are_refused() {
        let side = ("side".to_owned(), 64);
        let channels = ("channels".to_owned(), 8);
        let flags = |channels| SizeFlags {
            size: vec![side.clone(), ("channels".to_owned(), 8)],
            channels,
            cells: None,
        };
        for short in [None, Some(8)] {
            assert_eq!(
                flags(short).told(),
                Ok(vec![side.clone(), channels.clone()])
            );
        }
        assert!(flags(Some(9)).told().is_err());
        assert_eq!(flags(None).first(), Some("--size"));
        assert_eq!(SizeFlags::default().first(), None);
    }
}
