//! A model of two narrow layers, in a folder as Hugging Face lays it out, and
//! texts for it: everything that encoders need, made on the spot.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::Tool;

/// Its architecture, with every layer and nothing else.
pub const PLAIN: &str = "bert-l3-d8-h2-i16-v60-p40-t2:1|2|3|head";

/// A record of it with other nodes, such as `1|2|3~0|head:mean`.
#[must_use]
pub fn layout(id: &str, nodes: &str) -> String {
    let arch = PLAIN.replace("1|2|3|head", nodes);
    let record = json!({"id": id, "space": "roberta-skip", "arch": arch});
    format!("{record}\n")
}

/// The folder `model` in `folder`, with its tokenizer but without weights.
///
/// # Panics
/// Where it cannot be written.
#[must_use]
pub fn tokenizer(folder: &Path) -> PathBuf {
    let model = folder.join("model");
    describe(&model, [3, 8, 2, 16, 60, 40, 2]);
    model
}

/// The same with weights.
///
/// # Panics
/// Where knas-score cannot draw and dump them.
#[must_use]
pub fn pretrained(folder: &Path) -> PathBuf {
    let model = tokenizer(folder);
    draw(&model, PLAIN, &texts(folder));
    model
}

/// A folder `minilm` with everything that MiniLM has, of its sizes but with
/// weights that are drawn and a tokenizer of letters.
///
/// # Panics
/// Where it cannot be made.
pub fn minilm(folder: &Path) {
    let model = folder.join("minilm");
    describe(&model, [6, 384, 12, 1536, 30_522, 512, 2]);
    draw(&model, "minilm:1|2|3|4|5|6|head", &texts(folder));
}

/// Writes `config.json` (layers, width, heads, intermediate width, vocabulary,
/// positions, token types) and a tokenizer of letters.
fn describe(model: &Path, sizes: [usize; 7]) {
    fs::create_dir_all(model).expect("a folder can be made");
    let config = json!({"model_type": "bert", "num_hidden_layers": sizes[0],
        "hidden_size": sizes[1], "num_attention_heads": sizes[2],
        "intermediate_size": sizes[3], "vocab_size": sizes[4],
        "max_position_embeddings": sizes[5], "type_vocab_size": sizes[6],
        "hidden_act": "gelu"});
    fs::write(model.join("config.json"), config.to_string()).expect("it can be written");
    let marks = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].map(str::to_owned);
    let letters = ('a'..='z').flat_map(|c| [c.to_string(), format!("##{c}")]);
    let words: Vec<String> = marks.into_iter().chain(letters).collect();
    fs::write(model.join("vocab.txt"), words.join("\n")).expect("it can be written");
}

/// Adds weights.
fn draw(model: &Path, arch: &str, data: &str) {
    let record = json!({"id": "model", "space": "roberta-skip", "arch": arch});
    let dumped = Tool::new("knas-score")
        .args(["--proxy", "layers", "-n", "2", "--seed", "9"])
        .args(["--init", "kaiming", "--data", data])
        .args(["--tokenizer".as_ref(), model.as_os_str()])
        .args(["--dump".as_ref(), model.as_os_str()])
        .stdin(format!("{record}\n"))
        .run();
    let _ = dumped.expect_code(0);
}

/// A folder `MRPC` of made-up pairs: sixty to train on, ten to validate.
///
/// # Panics
/// Where it cannot be written.
pub fn mrpc(folder: &Path) {
    let set = folder.join("MRPC");
    fs::create_dir_all(&set).expect("a folder can be made");
    for (name, count) in [("train.tsv", 60), ("dev.tsv", 10)] {
        let mut table = "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n".to_owned();
        for n in 0..count {
            let word = char::from(b'a' + n % 26);
            table += &format!("{}\t{n}\t{n}\t\"{word} b c\t{word} d\n", n % 2);
        }
        fs::write(set.join(name), table).expect("it can be written");
    }
}

/// Forty pairs in two classes, as `--data` names them: whether the second
/// starts with the first one's first letter.
///
/// # Panics
/// Where they cannot be written.
#[must_use]
pub fn texts(folder: &Path) -> String {
    let line = |place: u8| {
        let letter = |n: u8| char::from(b'a' + n % 26);
        let same = place.is_multiple_of(2);
        let first: String = (0..2 + place % 5).map(|n| letter(place * 3 + n)).collect();
        let start = if same { place * 3 } else { place * 3 + 7 };
        let second: String = (0..1 + place % 3).map(|n| letter(start + n)).collect();
        let label = i32::from(same);
        format!(
            "{}\n",
            json!({"text": first, "text_pair": second, "label": label})
        )
    };
    let path = folder.join("pairs.jsonl");
    let lines: String = (0..40).map(line).collect();
    fs::write(&path, lines).expect("it can be written");
    format!("jsonl:{}", path.display())
}
