//! Modules as the official code is given them.

use super::module::{Module, ModuleError};
use crate::python_text::Literal;

/// Reads `ModelSpec(matrix=[[0, 1, …], …], ops=['input', …, 'output'])`, also with
/// `NAME =` before it; what the first and the last operation are does not matter, as
/// in the official code.
pub(super) fn read(text: &str) -> Result<Module, ModuleError> {
    let value = Literal::read(text)?;
    let known = |name: &Option<String>| matches!(name.as_deref(), Some("matrix" | "ops"));
    match &value {
        Literal::Call(name, fields)
            if name.ends_with("ModelSpec") && fields.iter().all(|(name, _)| known(name)) => {}
        _ => return Err(ModuleError::Call),
    }
    let list = |name| value.argument(name).and_then(Literal::list);
    let (Some(rows), Some([_, ops @ .., _])) = (list("matrix"), list("ops")) else {
        return Err(ModuleError::Call);
    };
    let mut numbers = Vec::new();
    for row in rows {
        let row = row.list().filter(|row| row.len() == rows.len());
        let row = row.ok_or(ModuleError::Call)?;
        numbers.extend(row.iter().map(Literal::number));
    }
    Module::of(&numbers, ops.iter().map(Literal::word))
}
