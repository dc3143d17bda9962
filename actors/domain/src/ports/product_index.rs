//! The product index: full-text search over products.

use async_trait::async_trait;

use super::Page;
use crate::ProductId;

/// A full-text query for one page of products.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProductQuery {
    /// The text as in the request.
    pub text: String,
    /// Which of the hits to return, best first.
    pub page: Page,
}

/// Why a search failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SearchError {
    /// There is no search engine, or it does not respond.
    #[error("search is not available: {0}")]
    Unavailable(String),
}

/// A full-text index of the products.
#[async_trait]
pub trait ProductIndex: Send + Sync {
    /// The ids of matching products, best first.
    ///
    /// # Errors
    /// When there is no search engine, or it does not respond.
    async fn search(&self, query: &ProductQuery) -> Result<Vec<ProductId>, SearchError>;
}
