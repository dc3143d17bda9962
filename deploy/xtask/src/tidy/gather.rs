//! Reads the repository from the disk. No other part of the check does IO.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use anyhow::{Context as _, Result};

use super::repository::{Repository, SourceFile};
use crate::metadata::{Metadata, Package};

/// Folders with generated files, for a tree without git.
const GENERATED: [&str; 4] = [".git", "target", "node_modules", "data"];

/// Everything the rules read, for the workspace that Cargo described.
///
/// # Errors
/// When a folder or a file cannot be read.
pub(super) fn repository(metadata: Metadata) -> Result<Repository> {
    let root = metadata.workspace_root;
    let mut paths = match listed_by_git(&root) {
        Some(paths) => paths,
        None => walk(&root)?,
    };
    paths.sort();
    paths.dedup();
    let mut files = Vec::with_capacity(paths.len());
    for path in paths {
        files.extend(read(&root, path)?);
    }
    let packages = metadata
        .packages
        .into_iter()
        .map(|package| with_relative_manifest(package, &root))
        .collect();
    Ok(Repository { files, packages })
}

/// Files that are tracked, or would be once added; `None` outside of a git repository, or without
/// git.
fn listed_by_git(root: &Path) -> Option<Vec<String>> {
    let output = Command::new("git")
        .arg("-C")
        .arg(root)
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .output()
        .ok()?;
    let listed = String::from_utf8(output.stdout).ok()?;
    let paths: Vec<String> = listed.split_terminator('\0').map(str::to_owned).collect();
    (output.status.success() && !paths.is_empty()).then_some(paths)
}

fn walk(root: &Path) -> Result<Vec<String>> {
    let mut paths = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries =
            fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
        for entry in entries {
            let entry = entry?;
            let kind = entry.file_type()?;
            let is_source = !GENERATED.iter().any(|name| entry.file_name() == *name);
            if kind.is_dir() && (is_source || keeps_its_data(&folder, root)) {
                folders.push(entry.path());
            } else if kind.is_file() {
                paths.push(relative(&entry.path(), root));
            }
        }
    }
    Ok(paths)
}

/// `data` at the root belongs to a running node; `bench/data` is part of the source.
fn keeps_its_data(folder: &Path, root: &Path) -> bool {
    folder == root.join("bench")
}

/// `None` for a file that git lists but that was deleted since. A file that is not UTF-8 has no
/// lines.
fn read(root: &Path, path: String) -> Result<Option<SourceFile>> {
    match fs::read(root.join(&path)) {
        Ok(bytes) => {
            let text = String::from_utf8(bytes).unwrap_or_default();
            Ok(Some(SourceFile::new(path, text)))
        }
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::IsADirectory
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(error).with_context(|| format!("cannot read {path}")),
    }
}

fn with_relative_manifest(package: Package, root: &Path) -> Package {
    Package {
        manifest_path: PathBuf::from(relative(&package.manifest_path, root)),
        ..package
    }
}

fn relative(path: &Path, root: &Path) -> String {
    path.strip_prefix(root)
        .unwrap_or(path)
        .to_string_lossy()
        .into_owned()
}
