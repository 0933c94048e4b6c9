//! What a score says of itself is what it does.

use super::texts;
use super::*;

/// The value of every score for such networks under these settings.
fn values(
    texts: bool,
    overrides: impl Fn(&Info) -> Overrides,
) -> Vec<(&'static Info, Result<u64, ScoreError>, Passes)> {
    let (cell, layout) = (Cell::from_index(6111).unwrap(), texts::layout());
    let (images, words) = (samples(50, 16), texts::texts(2));
    let of_kind = |proxy: &&dyn Proxy| proxy.info().scope.holds(texts);
    let one = |proxy: &'static dyn Proxy| {
        let (subject, samples) = match texts {
            true => (texts::subject(&*layout, None), &words),
            false => (subject(&cell), &images),
        };
        let mut evaluation = Evaluation::new(subject, samples, overrides(proxy.info()));
        let value = score(proxy, &mut evaluation).map(f64::to_bits);
        (proxy.info(), value, evaluation.passes())
    };
    group("all").into_iter().filter(of_kind).map(one).collect()
}

/// What its record says of a score is enough to have it again, to the bit.
#[test]
fn every_score_is_what_it_is_under_the_settings_that_it_tells() {
    for texts in [false, true] {
        let own = values(texts, |_| Overrides::default());
        let told = values(texts, |info| Overrides {
            norm: info.norm,
            init: info.init,
        });
        assert!(!own.is_empty());
        for ((info, own, _), (_, told, _)) in own.iter().zip(&told) {
            let (own, told) = (own.as_ref().unwrap(), told.as_ref().unwrap());
            assert_eq!(own, told, "{}", info.name);
        }
    }
}

/// Other settings are another score, or are refused: none goes its own way. A
/// score that tells none makes no pass, and knows no settings.
#[test]
fn a_score_obeys_the_settings_that_it_tells() {
    let own = values(false, |_| Overrides::default());
    let norms = values(false, |info| Overrides {
        norm: Some(match info.norm {
            Some(Norm::Batch) => Norm::Sample,
            _ => Norm::Batch,
        }),
        init: None,
    });
    let inits = values(false, |info| Overrides {
        norm: None,
        init: Some(match info.init {
            Some(Init::Default) => Init::Kaiming,
            _ => Init::Default,
        }),
    });
    for (i, (info, own, passes)) in own.iter().enumerate() {
        let own = own.as_ref().unwrap();
        assert_eq!(info.norm.is_some(), info.init.is_some(), "{}", info.name);
        if info.norm.is_none() {
            assert_eq!(*passes, Passes::default(), "{}", info.name);
        }
        for (what, other) in [("norm", &norms[i].1), ("init", &inits[i].1)] {
            match other {
                Ok(other) => {
                    let same = own == other;
                    assert_eq!(same, info.norm.is_none(), "{} {what}", info.name);
                }
                Err(error) => assert_eq!(error.kind(), "samples", "{error}"),
            }
        }
    }
}

/// Two things of one type and mode are two.
#[test]
fn what_is_shared_goes_by_its_name() {
    let (cell, samples) = (Cell::from_index(1).unwrap(), samples(2, 16));
    let mut evaluation = Evaluation::new(subject(&cell), &samples, Overrides::default());
    let mode = evaluation.mode(by_name("mgm").unwrap().info());
    let mut number = |what, value| *evaluation.share(what, mode, |_| Ok(value)).unwrap();
    assert_eq!((number("a", 1), number("b", 2)), (1, 2));
    assert_eq!((number("a", 3), number("b", 4)), (1, 2));
}
