//! What training changes, and where it starts from.

/// The place of a parameter among those of its graph.
pub type Place = usize;

/// What a parameter is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Out × in / groups × height × width.
    ConvWeight,
    /// One summand an output of a convolution.
    ConvBias,
    /// One factor a channel.
    NormWeight,
    /// One summand a channel.
    NormBias,
    /// Out × in.
    LinearWeight,
    /// One summand an output.
    LinearBias,
    /// Rows × width.
    Embedding,
}

/// Which part of the network a parameter belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// None of those below.
    Body,
    /// What the first layer looks up, and the norm after it.
    Embeddings,
    /// The linear maps of self-attention.
    Attention,
    /// The linear maps of a feed-forward half.
    FeedForward,
    /// What turns features into logits. A pre-trained network may lack it.
    Classifier,
}

/// A tensor that training would change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its official name, by which files of weights have it.
    pub name: String,
    /// Other names under which files may have it, the likeliest first.
    pub aliases: Vec<String>,
    /// The key of the random stream that its first values are drawn from.
    pub key: String,
    /// What it is for.
    pub role: Role,
    /// Where it stands.
    pub part: Part,
    /// Its sizes.
    pub shape: Vec<usize>,
    /// How many values of the input each output of its layer depends on.
    pub fan_in: usize,
}

impl Parameter {
    /// How many numbers it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The running mean and variance of a batch norm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// The official name of its layer, such as `stem.1`.
    pub name: String,
    /// One mean and one variance each.
    pub channels: usize,
}
