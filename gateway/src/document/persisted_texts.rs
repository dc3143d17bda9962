//! The documents that clients have registered under their hash (automatic persisted queries).

use std::sync::{Arc, Mutex, MutexGuard};

use hashlink::LruCache;

/// Documents registered at most; a shop's clients have some hundred.
const TEXTS_MAX: usize = 4_096;
/// Bytes of one registered document: a longer one is sent as text each time.
const TEXT_BYTES_MAX: usize = 64 * 1_024;
/// Bytes of all registered documents. Beyond either limit, the least recently used are forgotten;
/// their clients send the text again.
const TEXTS_BYTES_MAX: usize = 16 * 1_024 * 1_024;

/// The SHA-256 of a document's text.
pub(crate) type TextHash = [u8; 32];

/// Registered documents, shared by all threads.
#[derive(Default)]
pub(crate) struct PersistedTexts(Mutex<Kept>);

struct Kept {
    texts: LruCache<TextHash, Arc<str>>,
    bytes: usize,
}

impl Default for Kept {
    fn default() -> Self {
        Self {
            texts: LruCache::new_unbounded(),
            bytes: 0,
        }
    }
}

impl PersistedTexts {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().expect("no holder panics")
    }

    /// The text registered under this hash.
    pub(crate) fn get(&self, hash: &TextHash) -> Option<Arc<str>> {
        self.kept().texts.get(hash).cloned()
    }

    /// Registers a valid document under the hash of its text.
    pub(crate) fn register(&self, hash: TextHash, text: &str) {
        if text.len() > TEXT_BYTES_MAX {
            return;
        }
        let mut kept = self.kept();
        if kept.texts.insert(hash, text.into()).is_none() {
            kept.bytes += text.len();
        }
        while kept.texts.len() > TEXTS_MAX || kept.bytes > TEXTS_BYTES_MAX {
            let Some((_, removed)) = kept.texts.remove_lru() else {
                return;
            };
            kept.bytes -= removed.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(number: usize) -> TextHash {
        let mut hash = [0; 32];
        hash[..8].copy_from_slice(&number.to_le_bytes());
        hash
    }

    fn size(texts: &PersistedTexts) -> (usize, usize) {
        let kept = texts.kept();
        (kept.texts.len(), kept.bytes)
    }

    #[test]
    fn registered_texts_are_bounded_in_number() {
        let texts = PersistedTexts::default();
        for number in 0..TEXTS_MAX + 100 {
            texts.register(hash(number), "{ a }");
            texts.register(hash(number), "{ a }");
            assert!(texts.get(&hash(0)).is_some(), "it is used all the time");
        }
        assert_eq!(size(&texts), (TEXTS_MAX, 5 * TEXTS_MAX));
        assert!(texts.get(&hash(1)).is_none(), "the least recently used");
        assert!(texts.get(&hash(TEXTS_MAX + 99)).is_some());
    }

    #[test]
    fn registered_texts_are_bounded_in_bytes() {
        let texts = PersistedTexts::default();
        let long = "x".repeat(TEXT_BYTES_MAX);
        for number in 0..1_000 {
            texts.register(hash(number), &long);
        }
        let most = TEXTS_BYTES_MAX / TEXT_BYTES_MAX;
        assert_eq!(size(&texts), (most, TEXTS_BYTES_MAX));
        texts.register(hash(1_000), &(long + "x"));
        assert!(texts.get(&hash(1_000)).is_none(), "too long");
    }
}
