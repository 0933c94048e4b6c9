//! Images for networks, of the side and the number of classes that each takes.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use knas_data::{DataError, ImageSource};

use crate::shown::Drawn;

/// For how many sides and numbers of classes images are held.
const MOST: usize = 4;

/// Images by their side and their number of classes.
pub struct Images {
    source: ImageSource,
    count: usize,
    seeds: Range<u64>,
    /// Those that were last drawn.
    drawn: Mutex<VecDeque<(Shape, Arc<Drawn>)>>,
}

/// A side, and a number of classes.
type Shape = (usize, usize);

impl Images {
    /// `count` of them for each of the seeds.
    pub fn new(source: ImageSource, count: usize, seeds: Range<u64>) -> Self {
        Self {
            source,
            count,
            seeds,
            drawn: Mutex::default(),
        }
    }

    /// The data set.
    pub fn source(&self) -> &ImageSource {
        &self.source
    }

    /// Images of a side and a number of classes.
    ///
    /// # Errors
    /// When they cannot be read, or there are none such.
    pub fn of(&self, (side, classes): Shape) -> Result<Arc<Drawn>, DataError> {
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        let known = drawn.iter().find(|(shape, _)| *shape == (side, classes));
        if let Some((_, found)) = known {
            return Ok(Arc::clone(found));
        }
        let source = self.source.with(side, classes)?;
        let draw = |seed| Ok((seed, source.sample(self.count, seed, true)?));
        let samples = self.seeds.clone().map(draw);
        let new = Arc::new(Drawn::images(samples.collect::<Result<_, DataError>>()?));
        drawn.truncate(MOST - 1);
        drawn.push_front(((side, classes), Arc::clone(&new)));
        Ok(new)
    }
}
