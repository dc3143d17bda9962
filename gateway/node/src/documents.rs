//! The file with the documents of clients: read and checked at the start.

use std::fs::File;
use std::io::{self, Read as _};

use fritzy_gateway::{DocumentManifest, ListedDocuments, schema_text};
use tracing::info;

use crate::settings::FrontSettings;
use crate::start_error::StartError;

/// Bytes of the file at most: thousands of documents have some megabytes, and all are kept parsed.
const FILE_BYTES_MAX: u64 = 64 * 1_024 * 1_024;

/// The documents of the settings, if there are any.
///
/// # Errors
/// [`StartError`] when the file cannot be read or used, or a document is invalid.
pub(crate) fn list(settings: &FrontSettings) -> Result<Option<ListedDocuments>, StartError> {
    let Some(file) = &settings.documents else {
        return match settings.documents_only {
            true => Err(StartError::DocumentsOnlyAlone),
            false => Ok(None),
        };
    };
    let text = read(file).map_err(|failure| StartError::DocumentsFile {
        file: file.clone(),
        failure,
    })?;
    let listed = DocumentManifest::parse(&text)
        .and_then(|manifest| ListedDocuments::new(manifest, &schema_text()));
    let listed = listed.map_err(|failure| StartError::Documents {
        file: file.clone(),
        failure,
    })?;
    let (documents, only) = (listed.count(), settings.documents_only);
    info!(documents, only, file = %file.display(), "documents listed");
    Ok(Some(listed))
}

fn read(file: &std::path::Path) -> io::Result<String> {
    let mut text = String::new();
    let mut limited = File::open(file)?.take(FILE_BYTES_MAX + 1);
    limited.read_to_string(&mut text)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        let message = format!("it has more than {FILE_BYTES_MAX} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(text)
}
