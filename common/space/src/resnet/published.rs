//! Networks that have names.

use super::formula::{Formula, Rounding};
use super::stages::{Stages, StagesError};

/// ResNets (He et al. 2016), wide ones (Zagoruyko & Komodakis 2016) and ResNeXts (Xie
/// et al. 2017), by torchvision's names.
const RESNETS: [(&str, &str); 10] = [
    ("resnet18", "basic:64x2,128x2,256x2,512x2"),
    ("resnet34", "basic:64x3,128x4,256x6,512x3"),
    ("resnet50", "bottleneck:256x3,512x4,1024x6,2048x3"),
    ("resnet101", "bottleneck:256x3,512x4,1024x23,2048x3"),
    ("resnet152", "bottleneck:256x3,512x8,1024x36,2048x3"),
    ("wide_resnet50_2", "bottleneck:256x3,512x4,1024x6,2048x3;b2"),
    (
        "wide_resnet101_2",
        "bottleneck:256x3,512x4,1024x23,2048x3;b2",
    ),
    (
        "resnext50_32x4d",
        "bottleneck:256x3,512x4,1024x6,2048x3;b2;c32",
    ),
    (
        "resnext101_32x8d",
        "bottleneck:256x3,512x4,1024x23,2048x3;b1;c32",
    ),
    (
        "resnext101_64x4d",
        "bottleneck:256x3,512x4,1024x23,2048x3;b1;c64",
    ),
];

/// A RegNet's names, its authors' and torchvision's, where it has them, and the
/// formula: w_a, w_0, w_m, d and g.
type Row = (&'static str, &'static str, [f64; 5]);

/// Radosavovic et al. 2020, figures 15 and 16, to the digits of their code; and one
/// that torchvision has beside them (Singh et al. 2022).
#[rustfmt::skip]
const REGNETS: [Row; 25] = [
    ("RegNetX-200MF", "", [36.44, 24., 2.49, 13., 8.]),
    ("RegNetX-400MF", "regnet_x_400mf", [24.48, 24., 2.54, 22., 16.]),
    ("RegNetX-600MF", "", [36.97, 48., 2.24, 16., 24.]),
    ("RegNetX-800MF", "regnet_x_800mf", [35.73, 56., 2.28, 16., 16.]),
    ("RegNetX-1.6GF", "regnet_x_1_6gf", [34.01, 80., 2.25, 18., 24.]),
    ("RegNetX-3.2GF", "regnet_x_3_2gf", [26.31, 88., 2.25, 25., 48.]),
    ("RegNetX-4.0GF", "", [38.65, 96., 2.43, 23., 40.]),
    ("RegNetX-6.4GF", "", [60.83, 184., 2.07, 17., 56.]),
    ("RegNetX-8.0GF", "regnet_x_8gf", [49.56, 80., 2.88, 23., 120.]),
    ("RegNetX-12GF", "", [73.36, 168., 2.37, 19., 112.]),
    ("RegNetX-16GF", "regnet_x_16gf", [55.59, 216., 2.1, 22., 128.]),
    ("RegNetX-32GF", "regnet_x_32gf", [69.86, 320., 2.0, 23., 168.]),
    ("RegNetY-200MF", "", [36.44, 24., 2.49, 13., 8.]),
    ("RegNetY-400MF", "regnet_y_400mf", [27.89, 48., 2.09, 16., 8.]),
    ("RegNetY-600MF", "", [32.54, 48., 2.32, 15., 16.]),
    ("RegNetY-800MF", "regnet_y_800mf", [38.84, 56., 2.4, 14., 16.]),
    ("RegNetY-1.6GF", "regnet_y_1_6gf", [20.71, 48., 2.65, 27., 24.]),
    ("RegNetY-3.2GF", "regnet_y_3_2gf", [42.63, 80., 2.66, 21., 24.]),
    ("RegNetY-4.0GF", "", [31.41, 96., 2.24, 22., 64.]),
    ("RegNetY-6.4GF", "", [33.22, 112., 2.27, 25., 72.]),
    ("RegNetY-8.0GF", "regnet_y_8gf", [76.82, 192., 2.19, 17., 56.]),
    ("RegNetY-12GF", "", [73.36, 168., 2.37, 19., 112.]),
    ("RegNetY-16GF", "regnet_y_16gf", [106.23, 200., 2.48, 18., 112.]),
    ("RegNetY-32GF", "regnet_y_32gf", [115.89, 232., 2.53, 20., 232.]),
    ("", "regnet_y_128gf", [160.83, 456., 2.52, 27., 264.]),
];

/// All names, for tests.
#[cfg(test)]
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    let resnets = RESNETS.iter().map(|(name, _)| *name);
    let regnets = REGNETS
        .iter()
        .flat_map(|(authors, torchvision, _)| [*authors, *torchvision]);
    resnets.chain(regnets).filter(|name| !name.is_empty())
}

/// The network of this name. Three of torchvision's RegNets (`regnet_x_400mf`,
/// `regnet_y_800mf` and `regnet_y_8gf`) are a little wider than the authors': it
/// rounds channels up that lie between two multiples of a group's.
pub(super) fn named(name: &str) -> Option<Result<Stages, StagesError>> {
    if let Some((_, notation)) = RESNETS.iter().find(|(known, _)| *known == name) {
        return Some(notation.parse());
    }
    let known = |(authors, torchvision, _): &&Row| [*authors, *torchvision].contains(&name);
    let (authors, _, numbers) = REGNETS.iter().filter(|_| !name.is_empty()).find(known)?;
    let [slope, initial, multiplier, depth, group] = *numbers;
    let formula = Formula {
        slope,
        initial: initial as usize,
        multiplier,
        depth: depth as usize,
        group: group as usize,
    };
    let rounding = match *authors == name {
        true => Rounding::Even,
        false => Rounding::Up,
    };
    let squeezes = name.starts_with("RegNetY") || name.starts_with("regnet_y");
    Some(formula.rounded(squeezes, rounding))
}
