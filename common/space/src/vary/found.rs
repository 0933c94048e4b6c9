//! What there is to change in a network: found in its graph, whoever wrote it.

use knas_graph::{Graph, Op, Shape};

use super::changes::Change;
use super::widths::Widths;

/// How wide stages can be, in hundredths of what they are.
pub(super) const FACTORS: [usize; 4] = [50, 75, 125, 150];

/// The windows that convolutions can have.
pub(super) const KERNELS: [usize; 2] = [3, 5];

/// Widths are multiples of this where they were.
const UNIT: usize = 8;

/// A block, by the places of what goes in and what comes out.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub input: usize,
    pub output: usize,
    name: String,
}

/// A convolution whose window can be another.
#[derive(Clone, Debug)]
struct Window {
    place: usize,
    window: usize,
    name: String,
}

/// All of it.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub blocks: Vec<Block>,
    windows: Vec<Window>,
    /// By how much images have been shrunk in each stage.
    stages: Vec<usize>,
    /// By node, of the channels that it makes: their stage, and what they have to be a
    /// multiple of; none where their number is fixed.
    channels: Vec<Option<(usize, usize)>>,
    shapes: Vec<Shape>,
}

impl Found {
    pub fn of(graph: &Graph) -> Self {
        let nodes = graph.nodes();
        let widths = Widths::of(graph);
        let names = |from: usize, to: usize| {
            let within = nodes.get(from + 1..=to).unwrap_or_default();
            let weights = within.iter().filter_map(|node| node.op.weight());
            prefix(weights.map(|place| &*graph.parameters()[place].name))
        };
        let blocks = graph.blocks().map(|(_, input, output)| Block {
            input: input.place(),
            output: output.place(),
            name: names(input.place(), output.place()),
        });
        let windows = nodes.iter().enumerate().filter_map(|(place, node)| {
            let Op::Convolution { weight, grid, .. } = node.op else {
                return None;
            };
            let weight = &graph.parameters()[weight];
            let window = *weight.shape.last()?;
            let centred = grid.padding == grid.dilation * (window / 2);
            let name = weight.name.trim_end_matches(".weight").to_owned();
            (KERNELS.contains(&window) && centred && !widths.pooled[place]).then_some(Window {
                place,
                window,
                name,
            })
        });
        let (stages, channels) = widths.stages();
        Self {
            blocks: blocks.collect(),
            windows: windows.collect(),
            stages,
            channels,
            shapes: nodes.iter().map(|node| node.shape).collect(),
        }
    }

    /// The block of this number, counted from 1.
    pub fn block(&self, number: usize) -> Option<&Block> {
        self.blocks.get(number.checked_sub(1)?)
    }

    /// The number of the convolution at a place, where it is one whose window can
    /// change.
    pub fn layer_at(&self, place: usize) -> Option<usize> {
        let found = self
            .windows
            .binary_search_by_key(&place, |window| window.place);
        Some(found.ok()? + 1)
    }

    /// How many channels a layer at this place gives, which gives `usual` ones, where
    /// `percent` tells of stages by how much they change.
    pub fn width(
        &self,
        place: usize,
        usual: usize,
        percent: impl Fn(usize) -> Option<usize>,
    ) -> usize {
        let Some((stage, multiple)) = self.channels[place] else {
            return usual;
        };
        percent(stage).map_or(usual, |percent| scaled(usual, percent, multiple))
    }

    /// Whether a convolution lies in a block.
    pub fn is_inside(&self, layer: usize, block: usize) -> bool {
        let window = layer
            .checked_sub(1)
            .and_then(|place| self.windows.get(place));
        let (Some(window), Some(block)) = (window, self.block(block)) else {
            return false;
        };
        (block.input + 1..=block.output).contains(&window.place)
    }

    /// What keeps one change from being one of this network.
    pub fn check(&self, change: Change) -> Result<(), String> {
        let within = |what: &str, number: usize, count: usize| match (1..=count).contains(&number) {
            true => Ok(()),
            false => Err(format!("there are {count} {what}, counted from 1")),
        };
        let block = |number| {
            within("blocks", number, self.blocks.len())?;
            let block = self.block(number).ok_or("there is no such block")?;
            Ok::<_, String>((self.shapes[block.input], self.shapes[block.output], block))
        };
        match change {
            Change::Drop(number) => match block(number)? {
                (.., block) if block.input == 0 => Err("the network needs its first block".into()),
                (read, given, _) if read != given => Err(format!(
                    "it reads {read} and gives {given}, and so cannot be left out"
                )),
                _ => Ok(()),
            },
            Change::Link { from, to } => {
                let ((_, given, source), (read, _, target)) = (block(from)?, block(to)?);
                if source.output >= target.input {
                    return Err(format!(
                        "what block {from} gives does not come before that, or goes there anyway"
                    ));
                }
                match given == read {
                    true => Ok(()),
                    false => Err(format!(
                        "block {from} gives {given}, and block {to} reads {read}"
                    )),
                }
            }
            Change::Kernel { layer, window } => {
                within(
                    "convolutions of 3×3 and 5×5 windows",
                    layer,
                    self.windows.len(),
                )?;
                match self.windows[layer - 1].window == window {
                    true => Err("that is its window".into()),
                    false => Ok(()),
                }
            }
            Change::Width { stage, percent } => {
                within("stages", stage, self.stages.len())?;
                let other = |(place, channels): (usize, &Option<(usize, usize)>)| {
                    let (_, multiple) = channels.filter(|(found, _)| *found == stage)?;
                    let usual = channels_of(self.shapes[place])?;
                    (scaled(usual, percent, multiple) != usual).then_some(())
                };
                match self.channels.iter().enumerate().find_map(other) {
                    Some(()) => Ok(()),
                    None => Err("its widths are too small for that".into()),
                }
            }
        }
    }

    /// Every change that could be made, by kind; no kind without any.
    pub fn kinds(&self) -> Vec<Vec<Change>> {
        let blocks = 1..=self.blocks.len();
        let drops = blocks.clone().map(Change::Drop);
        let links = blocks.clone().flat_map(|from| {
            let later = from + 1..=self.blocks.len();
            later.map(move |to| Change::Link { from, to })
        });
        let kernels = (1..=self.windows.len())
            .flat_map(|layer| KERNELS.map(|window| Change::Kernel { layer, window }));
        let widths = (1..=self.stages.len())
            .flat_map(|stage| FACTORS.map(|percent| Change::Width { stage, percent }));
        let kinds = [
            drops.collect::<Vec<_>>(),
            widths.collect(),
            kernels.collect(),
            links.collect(),
        ];
        let possible = |kind: Vec<Change>| {
            let possible = kind
                .into_iter()
                .filter(|change| self.check(*change).is_ok());
            Some(possible.collect::<Vec<_>>()).filter(|kind| !kind.is_empty())
        };
        kinds.into_iter().filter_map(possible).collect()
    }

    /// What the numbers in changes stand for, a line each.
    pub fn described(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (number, block) in (1..).zip(&self.blocks) {
            let (read, given) = (self.shapes[block.input], self.shapes[block.output]);
            let can = match self.check(Change::Drop(number)) {
                Ok(()) => ", can be left out",
                Err(_) => "",
            };
            lines.push(format!(
                "block {number}: {} ({read} to {given}{can})",
                block.name
            ));
        }
        for (number, shrunk) in (1..).zip(&self.stages) {
            lines.push(format!(
                "stage {number}: maps of 1/{shrunk} of the images' side"
            ));
        }
        for (number, window) in (1..).zip(&self.windows) {
            let Window { window, name, .. } = window;
            lines.push(format!("convolution {number}: {name} ({window}×{window})"));
        }
        lines
    }
}

/// Channels in another number: the nearest multiple of what they have to be, and of
/// eight where they are that.
fn scaled(usual: usize, percent: usize, multiple: usize) -> usize {
    let unit = match usual.is_multiple_of(UNIT) {
        true => lcm(UNIT, multiple),
        false => multiple,
    };
    let unit = if usual.is_multiple_of(unit) {
        unit
    } else {
        multiple
    };
    let units = (usual * percent + 50 * unit) / (100 * unit);
    units.max(1) * unit
}

pub(super) fn channels_of(shape: Shape) -> Option<usize> {
    match shape {
        Shape::Maps { channels, .. } => Some(channels),
        _ => None,
    }
}

pub(super) fn lcm(a: usize, b: usize) -> usize {
    let gcd = |mut a: usize, mut b: usize| {
        while b > 0 {
            (a, b) = (b, a % b);
        }
        a
    };
    (a / gcd(a, b).max(1)).saturating_mul(b)
}

/// What names begin with alike, up to a dot.
fn prefix<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let mut common: Option<Vec<&str>> = None;
    for name in names {
        let parts: Vec<&str> = name.split('.').collect();
        let parts = &parts[..parts.len() - 1]; // without `weight`
        let same = common.as_deref().map_or(parts.len(), |common| {
            common.iter().zip(parts).take_while(|(a, b)| a == b).count()
        });
        common = Some(parts[..same].to_vec());
    }
    let common = common.unwrap_or_default().join(".");
    if common.is_empty() {
        "-".to_owned()
    } else {
        common
    }
}
