//! Golden bytes: the encoding of each message between nodes, as a readable file. Nodes of released
//! versions send and expect these bytes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The golden bytes in one file: a line `name = hex` for each message. Text behind `#` is a
/// comment.
#[derive(Debug)]
pub struct GoldenFile {
    path: PathBuf,
    /// Those that were not compared yet.
    left: BTreeMap<String, Vec<u8>>,
    missing: String,
    changed: String,
}

/// What to do about a difference; see `docs/contributing/changing-a-message.md`.
const REMEDY: &str = "\
A golden line is what nodes of released versions send and expect. In a cluster that is being upgraded, a node
with other bytes misreads its peers, or is misread. See docs/contributing/changing-a-message.md.
- changed: undo the change of the type (a variant goes last; a published type gets no field). If it must change,
  raise WIRE_MAX, encode and decode the old form for the versions before, and add lines for the new version.
- missing: a new message, or a new version. Add the line as it is printed, once the form is final.
- left over: a message that is not sent any more must still be decoded, until WIRE_MIN passes its version.";

impl GoldenFile {
    /// Reads a file.
    ///
    /// # Panics
    /// When it cannot be read, or a line is not of the form `name = hex`, or a name occurs twice.
    #[must_use]
    pub fn read(path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path);
        let text = text.unwrap_or_else(|failure| panic!("{}: {failure}", path.display()));
        let mut left = BTreeMap::new();
        for line in text.lines() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if line.is_empty() {
                continue;
            }
            let (name, bytes) = line.split_once(" = ").unwrap_or_else(|| panic!("{line}"));
            let bytes = hex::decode(bytes).unwrap_or_else(|failure| panic!("{line}: {failure}"));
            let twice = left.insert(name.to_owned(), bytes);
            assert!(twice.is_none(), "{name} has two lines");
        }
        Self {
            path: path.to_owned(),
            left,
            missing: String::new(),
            changed: String::new(),
        }
    }

    /// Compares a message both ways: `encoded` with its line, and what `decode_and_encode` makes of
    /// the line with the line.
    pub fn compare(
        &mut self,
        name: &str,
        encoded: &[u8],
        decode_and_encode: impl FnOnce(&[u8]) -> Result<Vec<u8>, String>,
    ) {
        let Some(golden) = self.left.remove(name) else {
            let line = format!("{name} = {}\n", hex::encode(encoded));
            self.missing.push_str(&line);
            return;
        };
        let (is, was) = (hex::encode(encoded), hex::encode(&golden));
        if is != was {
            let _ = writeln!(self.changed, "{name}\n  is  {is}\n  was {was}");
        }
        match decode_and_encode(&golden).map(hex::encode) {
            Ok(decoded) if decoded == was => {}
            Ok(decoded) => {
                let _ = writeln!(
                    self.changed,
                    "{name}\n  is decoded as {decoded}\n  was {was}"
                );
            }
            Err(failure) => {
                let _ = writeln!(
                    self.changed,
                    "{name} is not decoded: {failure}\n  was {was}"
                );
            }
        }
    }

    /// Requires that each line was compared, and that none differed.
    ///
    /// # Panics
    /// When one was not, or did: the message says what that means and what to do.
    pub fn finish(self) {
        let left: String = self.left.keys().map(|name| format!("{name}\n")).collect();
        let differences = [
            ("changed", self.changed),
            ("missing", self.missing),
            ("left over", left),
        ];
        let differences: Vec<String> = differences
            .into_iter()
            .filter(|(_, lines)| !lines.is_empty())
            .map(|(what, lines)| format!("{what}:\n{lines}"))
            .collect();
        assert!(
            differences.is_empty(),
            "{} does not match:\n{}\n{REMEDY}",
            self.path.display(),
            differences.join("\n"),
        );
    }
}

/// The variants of an enum by name, and the name of a value's variant. A variant that is not listed
/// does not compile, so that no message is without its golden bytes.
#[macro_export]
macro_rules! variants {
    ($type:ident: $($variant:ident),+ $(,)?) => {{
        let name: fn(&$type) -> &'static str = |value| match value {
            $($type::$variant { .. } => stringify!($variant),)+
        };
        (&[$(stringify!($variant)),+] as &[&str], name)
    }};
}

/// Requires that each variant has a sample. Takes the [`variants!`](crate::variants) of the type.
///
/// # Panics
/// When one has none.
pub fn require_all<'s, T: 's>(
    (variants, name): (&[&str], fn(&T) -> &'static str),
    samples: impl IntoIterator<Item = &'s T>,
) {
    let samples: Vec<&str> = samples.into_iter().map(name).collect();
    for variant in variants {
        let of = std::any::type_name::<T>();
        assert!(samples.contains(variant), "{of}::{variant} has no sample");
    }
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::*;

    enum Shape {
        Dot,
        Line { _length: u8 },
        Text(#[expect(dead_code, reason = "only its variant counts")] u8),
    }

    fn finish(lines: &str, compare: impl FnOnce(&mut GoldenFile)) -> Result<(), String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("golden.txt");
        std::fs::write(&path, lines).unwrap();
        let mut file = GoldenFile::read(path);
        compare(&mut file);
        let finished = catch_unwind(std::panic::AssertUnwindSafe(|| file.finish()));
        finished.map_err(|panic| panic.downcast_ref::<String>().unwrap().clone())
    }

    #[test]
    fn golden_line_must_match_in_both_directions() {
        let same = |bytes: &[u8]| Ok(bytes.to_vec());
        let lines = "# a comment\nping = 0105 # five\n";
        finish(lines, |file| file.compare("ping", &[1, 5], same)).unwrap();
        let other = |_: &[u8]| Ok(vec![2]);
        let no = |_: &[u8]| Err("no such variant".to_owned());
        for (differs, expected) in [
            (
                finish(lines, |file| file.compare("ping", &[1, 6], same)),
                "is  0106\n  was 0105",
            ),
            (
                finish(lines, |file| file.compare("ping", &[1, 5], other)),
                "is decoded as 02",
            ),
            (
                finish(lines, |file| file.compare("ping", &[1, 5], no)),
                "no such variant",
            ),
            (
                finish("", |file| file.compare("pong", &[7], same)),
                "missing:\npong = 07\n",
            ),
            (finish(lines, |_| {}), "left over:\nping\n"),
        ] {
            let message = differs.unwrap_err();
            assert!(message.contains(expected), "{message}");
            assert!(message.contains("raise WIRE_MAX"), "{message}");
        }
    }

    #[test]
    #[should_panic(expected = "Shape::Text has no sample")]
    fn variant_without_a_sample_is_named() {
        let shapes = || crate::variants!(Shape: Dot, Line, Text);
        let samples = [Shape::Dot, Shape::Line { _length: 1 }, Shape::Text(1)];
        require_all(shapes(), &samples);
        require_all(shapes(), &samples[..2]);
    }
}
