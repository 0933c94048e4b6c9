//! Rectangles that are blanked in images that are learnt from.
//!
//! They are blanked after normalisation, with 0, which is the mean of a channel.

use knas_stats::random::Stream;

/// The shares of an image's area between which an erased one is drawn, and the ratios
/// of its height to its width: torchvision's defaults, and the paper's but for the
/// ratio (1/0.3 there).
const AREA: [f64; 2] = [0.02, 0.33];
const RATIO: [f64; 2] = [0.3, 3.3];
/// How often one is drawn until it is smaller than the image.
const TRIES: usize = 10;

/// A part of a square image, all of whose values become 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rectangle {
    top: usize,
    left: usize,
    height: usize,
    width: usize,
}

impl Rectangle {
    /// Random erasing (Zhong et al. 2020, algorithm 1), as torchvision's `RandomErasing`
    /// defines it: with this probability one whose area and logarithm of the ratio are
    /// uniform, at any place; none where ten are too large.
    pub fn erased(side: usize, probability: f64, random: &mut Stream) -> Option<Self> {
        if f64::from(random.uniform()) >= probability {
            return None;
        }
        for _ in 0..TRIES {
            let [area, ratio] = [(); 2].map(|()| f64::from(random.uniform()));
            let Some((height, width)) = extent(side, area, ratio) else {
                continue;
            };
            let [top, left] =
                [height, width].map(|extent| random.below((side - extent) as u64 + 1) as usize);
            return Some(Self {
                top,
                left,
                height,
                width,
            });
        }
        None
    }

    /// Cutout (DeVries & Taylor 2017): a square whose centre is any pixel, without what of
    /// it is beyond the border; of even length, as in the code of DARTS.
    pub fn cut_out(side: usize, length: usize, random: &mut Stream) -> Self {
        let [(top, height), (left, width)] = [(); 2].map(|()| {
            let centre = random.below(side as u64) as usize;
            let start = centre.saturating_sub(length / 2);
            (start, side.min(centre + length.div_ceil(2)) - start)
        });
        Self {
            top,
            left,
            height,
            width,
        }
    }

    /// Blanks it in every channel of one image (3 × side × side values).
    pub fn blank(self, side: usize, image: &mut [f32]) {
        for plane in image.chunks_exact_mut(side * side) {
            let rows = plane.chunks_exact_mut(side);
            for row in rows.skip(self.top).take(self.height) {
                row.iter_mut()
                    .skip(self.left)
                    .take(self.width)
                    .for_each(|value| *value = 0.0);
            }
        }
    }
}

/// Height and width of one whose area and ratio lie so far between the least and the
/// largest, 0 to 1; none where it is as high or as wide as the image.
fn extent(side: usize, area: f64, ratio: f64) -> Option<(usize, usize)> {
    let between = |[low, high]: [f64; 2], share: f64| low + (high - low) * share;
    let area = (side * side) as f64 * between(AREA, area);
    let ratio = libm::exp(between(RATIO.map(libm::log), ratio));
    let [height, width] =
        [area * ratio, area / ratio].map(|square| square.sqrt().round_ties_even() as usize);
    (height < side && width < side).then_some((height, width))
}

#[cfg(test)]
mod tests {
    use knas_stats::random::stream;

    use super::*;

    // What torchvision.transforms.RandomErasing.get_params does with two draws from 0 to 1:
    //
    // def extent(side, area, ratio):
    //     area = side * side * (0.02 + (0.33 - 0.02) * area)
    //     low, high = torch.log(torch.tensor((0.3, 3.3)))
    //     ratio = torch.exp(low + (high - low) * ratio).item()
    //     h, w = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
    //     return (h, w) if h < side and w < side else None
    // for side in (32, 8):
    //     print([extent(side, a / 4, r / 4) for a in range(5) for r in range(5)])
    #[test]
    fn extents_are_those_of_torchvision() {
        let none = (0, 0);
        let expected = [
            [(2, 8), (3, 6), (5, 5), (6, 3), (8, 2)],
            [(5, 18), (7, 14), (10, 10), (13, 7), (18, 6)],
            [(7, 24), (10, 18), (13, 13), (18, 10), (24, 7)],
            [(9, 29), (12, 22), (16, 16), (22, 12), (29, 9)],
            [none, (14, 25), (18, 18), (25, 14), none],
            [(1, 2), (1, 2), (1, 1), (2, 1), (2, 1)],
            [(1, 5), (2, 3), (2, 3), (3, 2), (5, 1)],
            [(2, 6), (2, 5), (3, 3), (5, 2), (6, 2)],
            [(2, 7), (3, 5), (4, 4), (5, 3), (7, 2)],
            [none, (3, 6), (5, 5), (6, 3), none],
        ];
        for (place, row) in expected.iter().enumerate() {
            let (side, area) = ([32, 8][place / 5], (place % 5) as f64 / 4.0);
            for (ratio, &expected) in (0u8..).zip(row) {
                let found = extent(side, area, f64::from(ratio) / 4.0);
                assert_eq!(found.unwrap_or(none), expected, "{side} {area} {ratio}");
            }
        }
    }

    // image = torch.arange(48.).reshape(3, 4, 4) + 1
    // print(torchvision.transforms.functional.erase(image, 1, 2, 3, 1, 0).flatten())
    #[test]
    fn all_channels_are_blanked_in_the_rectangle_alone() {
        let mut image: Vec<f32> = (1..=48u8).map(f32::from).collect();
        let rectangle = Rectangle {
            top: 1,
            left: 2,
            height: 3,
            width: 1,
        };
        rectangle.blank(4, &mut image);
        let expected = [
            1, 2, 3, 4, 5, 6, 0, 8, 9, 10, 0, 12, 13, 14, 0, 16, 17, 18, 19, 20, 21, 22, 0, 24, 25,
            26, 0, 28, 29, 30, 0, 32, 33, 34, 35, 36, 37, 38, 0, 40, 41, 42, 0, 44, 45, 46, 0, 48,
        ];
        assert_eq!(image, expected.map(|value: u8| f32::from(value)));
    }

    #[test]
    fn squares_are_those_of_darts() {
        // y, x = 1, 5
        // y1, y2 = np.clip(y - 4 // 2, 0, 6), np.clip(y + 4 // 2, 0, 6)
        // x1, x2 = np.clip(x - 4 // 2, 0, 6), np.clip(x + 4 // 2, 0, 6)
        let drawn: Vec<Rectangle> = (0..200)
            .map(|seed| Rectangle::cut_out(6, 4, &mut stream(seed, "cut", &[])))
            .collect();
        let at_border = Rectangle {
            top: 0,
            left: 3,
            height: 3,
            width: 3,
        };
        assert!(drawn.contains(&at_border));
        let side = |centre: usize| [2, 3, 4, 4, 4, 3][centre];
        for (seed, found) in (0..).zip(&drawn) {
            let mut random = stream(seed, "cut", &[]);
            let [y, x] = [(); 2].map(|()| random.below(6) as usize);
            assert_eq!((found.height, found.width), (side(y), side(x)), "{y} {x}");
        }
        // Of odd length, the centre is its middle.
        let one = Rectangle::cut_out(6, 1, &mut stream(0, "cut", &[]));
        assert_eq!((one.height, one.width), (1, 1));
        // A square that is larger than the image leaves nothing of it.
        let mut image = [1.0; 12];
        let all = Rectangle::cut_out(2, 100, &mut stream(0, "cut", &[]));
        all.blank(2, &mut image);
        assert_eq!(image, [0.0; 12]);
    }

    #[test]
    fn as_many_are_erased_as_are_meant_and_at_any_place() {
        let mut random = stream(0, "erase", &[]);
        let drawn: Vec<Rectangle> = (0..20_000)
            .filter_map(|_| Rectangle::erased(32, 0.25, &mut random))
            .collect();
        // 5,000 are expected, less those of which ten in a row are too large; five
        // deviations are 306.
        assert!(drawn.len().abs_diff(5_000) < 306, "{}", drawn.len());
        let area = |one: &Rectangle| (one.height * one.width) as f64 / 1024.0;
        assert!(drawn.iter().all(|one| one.top + one.height <= 32));
        assert!(drawn.iter().all(|one| one.left + one.width <= 32));
        assert!(drawn.iter().all(|one| (0.015..0.345).contains(&area(one))));
        for corner in [(0, 0), (31, 31)] {
            let covers = |one: &&Rectangle| {
                (one.top..one.top + one.height).contains(&corner.0)
                    && (one.left..one.left + one.width).contains(&corner.1)
            };
            assert!(drawn.iter().any(|one| covers(&one)));
        }
        assert_eq!(Rectangle::erased(32, 0.0, &mut random), None);
    }
}
