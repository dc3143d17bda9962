//! Lines and columns of a document's bytes.

use std::cell::Cell;

use async_graphql::Pos;

/// Finds the line and column of an offset. Offsets that ascend within a line are found in constant
/// time each.
pub(super) struct LineIndex<'t> {
    text: &'t str,
    /// Where each line starts, in bytes.
    starts: Vec<usize>,
    /// The last offset asked for, and its column, if the text has characters of several bytes.
    last: Option<Cell<(usize, usize)>>,
}

impl<'t> LineIndex<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let bytes = text.as_bytes();
        let ends_line = |at: usize| match bytes[at] {
            b'\n' => true,
            b'\r' => bytes.get(at + 1) != Some(&b'\n'),
            _ => false,
        };
        let after_ends = (0..bytes.len())
            .filter(|at| ends_line(*at))
            .map(|at| at + 1);
        Self {
            text,
            starts: std::iter::once(0).chain(after_ends).collect(),
            last: (!text.is_ascii()).then(|| Cell::new((0, 1))),
        }
    }

    /// Line and column, both from 1; columns count characters.
    pub(super) fn position(&self, offset: usize) -> Pos {
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = self.starts[line - 1];
        let column = match &self.last {
            None => offset - start + 1,
            Some(last) => {
                let known = last.get();
                let (from, column) = if (start..=offset).contains(&known.0) {
                    known
                } else {
                    (start, 1)
                };
                let column = column + self.text[from..offset].chars().count();
                last.set((offset, column));
                column
            }
        };
        Pos { line, column }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_by_every_line_terminator() {
        let text = "a\nb\r\nc\rd";
        let lines = LineIndex::new(text);
        let of = |what: &str| {
            let Pos { line, column } = lines.position(text.find(what).expect("in the text"));
            (line, column)
        };
        assert_eq!(of("a"), (1, 1));
        assert_eq!(of("b"), (2, 1));
        assert_eq!(of("c"), (3, 1));
        assert_eq!(of("d"), (4, 1));
    }

    #[test]
    fn columns_count_characters_in_any_order_of_questions() {
        let text = "ä{ö}x\nü y";
        let lines = LineIndex::new(text);
        let of = |what: &str| {
            let Pos { line, column } = lines.position(text.find(what).expect("in the text"));
            (line, column)
        };
        for _ in 0..2 {
            assert_eq!(of("x"), (1, 5));
            assert_eq!(of("{"), (1, 2));
            assert_eq!(of("y"), (2, 3));
            assert_eq!(of("ö"), (1, 3));
        }
    }
}
