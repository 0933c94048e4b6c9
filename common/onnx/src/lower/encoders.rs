//! What only networks that read texts do.

use knas_graph::{Shape, Value};

use super::Lowering;
use crate::builder::{int, ints};
use crate::message::data_type;

impl Lowering<'_> {
    /// The numbers of tokens' positions.
    pub fn positions(&mut self, padding: Option<usize>, mask: &str, name: &str) {
        let builder = &mut self.builder;
        let part = |what: &str| format!("{name}/{what}");
        let (zero, one) = (builder.int(0), builder.int(1));
        if let Some(padding) = padding {
            let [counted, tokens] = [part("counted"), part("tokens")];
            let padding = builder.int(padding as i64);
            builder.node("CumSum", &[mask, &one], &counted, vec![]);
            builder.node("Mul", &[&counted, mask], &tokens, vec![]);
            return builder.node("Add", &[&tokens, &padding], name, vec![]);
        }
        let [shape, length, row] = [part("shape"), part("length"), part("row")];
        builder.node("Shape", &[mask], &shape, vec![]);
        let first_axis = vec![int("axis", 0)];
        builder.node("Gather", &[&shape, &one], &length, first_axis);
        builder.node("Range", &[&zero, &length, &one], &row, vec![]);
        builder.node("Expand", &[&row, &shape], name, vec![]);
    }

    /// Self-attention of queries, keys and values; the mask hides padding.
    pub fn attention(&mut self, place: usize, read: &[&str], heads: usize, name: &str) {
        let node = &self.graph.nodes()[place];
        let (&[query, key, value, mask], Shape::Tokens { width, .. }) = (read, node.shape) else {
            return; // which no graph holds
        };
        let hidden = self.hidden(node.inputs[3], mask);
        let builder = &mut self.builder;
        let size = width / heads;
        // 0 stands for the size that is there.
        let apart = builder.ints(&[0, 0, heads as i64, size as i64]);
        let mut by_head = |input: &str, what: &str, order: [i64; 4]| {
            let [split, turned] = ["split", "by_head"].map(|how| format!("{name}/{what}/{how}"));
            builder.node("Reshape", &[input, &apart], &split, vec![]);
            let order = vec![ints("perm", &order)];
            builder.node("Transpose", &[&split], &turned, order);
            turned
        };
        let query = by_head(query, "query", [0, 2, 1, 3]);
        let key = by_head(key, "key", [0, 2, 3, 1]);
        let value = by_head(value, "value", [0, 2, 1, 3]);
        let part = |what: &str| format!("{name}/{what}");
        let [scaled, products, masked] = [part("scaled"), part("products"), part("masked")];
        let [weights, mixed, together] = [part("weights"), part("mixed"), part("together")];
        let factor = builder.float((1.0 / (size as f64).sqrt()) as f32);
        builder.node("Mul", &[&query, &factor], &scaled, vec![]);
        builder.node("MatMul", &[&scaled, &key], &products, vec![]);
        builder.node("Add", &[&products, &hidden], &masked, vec![]);
        builder.node("Softmax", &[&masked], &weights, vec![int("axis", -1)]);
        builder.node("MatMul", &[&weights, &value], &mixed, vec![]);
        let order = vec![ints("perm", &[0, 2, 1, 3])];
        builder.node("Transpose", &[&mixed], &together, order);
        let whole = builder.ints(&[0, 0, width as i64]);
        builder.node("Reshape", &[&together, &whole], name, vec![]);
    }

    /// 0 for tokens, and for padding a number that softmax makes 0; the layers of
    /// an encoder share it.
    fn hidden(&mut self, of: Value, mask: &str) -> String {
        if let Some((_, made)) = self.hidden.iter().find(|(mask, _)| *mask == of) {
            return made.clone();
        }
        let builder = &mut self.builder;
        let part = |what: &str| format!("padding/{}/{what}", of.place());
        let [is, number, wide, hidden] = [part("is"), part("number"), part("wide"), part("hidden")];
        let (zero, lowest) = (builder.int(0), builder.float(f32::MIN));
        let axes = builder.ints(&[1, 2]);
        builder.node("Equal", &[mask, &zero], &is, vec![]);
        let kind = vec![int("to", i64::from(data_type::FLOAT))];
        builder.node("Cast", &[&is], &number, kind);
        builder.node("Unsqueeze", &[&number, &axes], &wide, vec![]);
        builder.node("Mul", &[&wide, &lowest], &hidden, vec![]);
        self.hidden.push((of, hidden.clone()));
        hidden
    }
}
