//! The product index: full-text search over products.

use async_trait::async_trait;

use super::Page;
use crate::ProductId;

/// A search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProductQuery {
    /// What the client typed.
    pub text: String,
    /// Which part of the hits, best first.
    pub page: Page,
}

/// Why a search failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SearchError {
    /// There is no engine, or it does not answer.
    #[error("search is not available: {0}")]
    Unavailable(String),
}

/// The product index.
#[async_trait]
pub trait ProductIndex: Send + Sync {
    /// The products that match, best first.
    ///
    /// # Errors
    /// [`SearchError`]
    async fn search(&self, query: &ProductQuery) -> Result<Vec<ProductId>, SearchError>;
}
