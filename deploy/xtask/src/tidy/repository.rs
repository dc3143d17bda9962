//! The repository as the rules see it: files with their text and syntax, crates with their
//! dependencies, in memory.

use std::cell::OnceCell;
use std::fmt;

use proc_macro2::TokenStream;

use crate::metadata::Package;

/// Everything a rule may read.
#[derive(Default)]
pub(crate) struct Repository {
    /// Every file that is tracked or could be added, sorted by path.
    pub(crate) files: Vec<SourceFile>,
    /// The members of the workspace, with manifest paths relative to the root.
    pub(crate) packages: Vec<Package>,
}

/// One file of the repository. Rust is parsed on first use, once for all rules.
pub(crate) struct SourceFile {
    /// Relative to the root, with `/` between the parts.
    pub(crate) path: String,
    /// Empty for a file that is not UTF-8: a picture has a name, but no lines.
    pub(crate) text: String,
    tokens: OnceCell<Option<TokenStream>>,
    syntax: OnceCell<Option<syn::File>>,
}

/// One mistake at one place. Sorted like a compiler's messages: by path, then by line.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Violation {
    pub(crate) path: String,
    /// Counted from 1; also 1 for the file as a whole.
    pub(crate) line: usize,
    /// What is wrong, and what to do instead.
    pub(crate) message: String,
}

impl Violation {
    pub(crate) fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        assert!(line > 0, "lines are counted from 1");
        Self {
            path: path.to_owned(),
            line,
            message: message.into(),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}: {}", self.path, self.line, self.message)
    }
}

impl SourceFile {
    pub(crate) const fn new(path: String, text: String) -> Self {
        Self {
            path,
            text,
            tokens: OnceCell::new(),
            syntax: OnceCell::new(),
        }
    }

    /// The tokens of a Rust file; none if it is not Rust. The compiler reports a file that does not
    /// parse.
    pub(crate) fn tokens(&self) -> Option<&TokenStream> {
        self.tokens.get_or_init(|| self.text.parse().ok()).as_ref()
    }

    /// The syntax tree of a Rust file; none if it is not Rust.
    pub(crate) fn syntax(&self) -> Option<&syn::File> {
        let parse = || syn::parse2(self.tokens()?.clone()).ok();
        self.syntax.get_or_init(parse).as_ref()
    }
}

impl Repository {
    /// The files written in Rust.
    pub(crate) fn rust_files(&self) -> impl Iterator<Item = &SourceFile> {
        self.files.iter().filter(|file| file.path.ends_with(".rs"))
    }

    /// The file at exactly this path.
    pub(crate) fn file(&self, path: &str) -> Option<&SourceFile> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Whether the path names a file, or a folder that holds one. The root is a folder.
    pub(crate) fn has(&self, path: &str) -> bool {
        let folder = format!("{path}/");
        path.is_empty()
            || self.file(path).is_some()
            || self.files.iter().any(|file| file.path.starts_with(&folder))
    }
}

#[cfg(test)]
impl Repository {
    /// A repository of these (path, text) pairs and no crates.
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let file =
            |(path, text): &(&str, &str)| SourceFile::new((*path).to_owned(), (*text).to_owned());
        Self {
            files: files.iter().map(file).collect(),
            packages: Vec::new(),
        }
    }

    /// Adds a crate whose manifest is `<folder>/Cargo.toml` and whose dependencies are (name, kind)
    /// pairs.
    pub(crate) fn with_crate(
        mut self,
        name: &str,
        folder: &str,
        dependencies: &[(&str, Option<&str>)],
    ) -> Self {
        self.packages.push(Package {
            name: name.to_owned(),
            manifest_path: format!("{folder}/Cargo.toml").into(),
            dependencies: dependencies
                .iter()
                .map(|(name, kind)| crate::metadata::Dependency {
                    name: (*name).to_owned(),
                    kind: kind.map(str::to_owned),
                })
                .collect(),
        });
        self
    }
}
