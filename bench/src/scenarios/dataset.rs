//! What is in a shop before anything is asked of it: made by its own methods, or found where a database was filled.

use fritzy_actors::{PriceInput, ProductInput, Shop, ShopConfig, ShopError};
use fritzy_bench_support::{Sampled, sample_ids, seed_orders};
use fritzy_persistence::{PostgresConfig, Stores};
use futures_util::{StreamExt, TryStreamExt, stream};

use super::SideSettings;
use super::shop::{start_shop, unkeyed};
use super::shop_data::{account_name, price_text, product_name};
use crate::BenchError;

/// Requests under way while things are made.
const MAKING_MAX: usize = 64;

/// Ids as clients write them.
pub(super) struct Things {
    pub(super) accounts: Vec<String>,
    pub(super) products: Vec<String>,
    pub(super) orders: Vec<String>,
}

/// How many of each.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    pub(super) accounts: usize,
    pub(super) products: usize,
    /// Only where a database was filled.
    pub(super) orders: usize,
}

impl Wanted {
    /// Accounts and products as the settings say.
    pub(super) fn by(settings: &SideSettings) -> Self {
        Self {
            accounts: settings.accounts_count,
            products: settings.products_count,
            orders: 0,
        }
    }
}

impl Things {
    /// Makes them in an empty shop.
    pub(super) async fn make(shop: &Shop, wanted: Wanted) -> Result<Self, BenchError> {
        let accounts = make(wanted.accounts, |number| async move {
            let name = account_name(number);
            let made = shop.create_account(&unkeyed(), name).await?;
            Ok(made.state.id.to_string())
        });
        let products = make(wanted.products, |number| async move {
            let made = shop.create_product(&unkeyed(), product(number)).await?;
            Ok(made.state.id.to_string())
        });
        Ok(Self {
            accounts: accounts.await.map_err(|error| preparing(&error))?,
            products: products.await.map_err(|error| preparing(&error))?,
            orders: Vec::new(),
        })
    }

    /// Finds them in a database that [`fill`] has filled.
    pub(super) async fn of_filled(url: &str, wanted: Wanted) -> Result<Self, BenchError> {
        Ok(Self {
            accounts: ids(url, Sampled::Accounts, wanted.accounts).await?,
            products: ids(url, Sampled::Products, wanted.products).await?,
            orders: ids(url, Sampled::Orders, wanted.orders).await?,
        })
    }
}

/// Gives an empty database accounts and products by a shop of its own, and orders by the server.
pub(super) async fn fill(url: &str, settings: &SideSettings) -> Result<(), BenchError> {
    let stores = Stores::open_postgres(PostgresConfig::new(url)).await;
    let stores = stores.map_err(|failure| preparing(&failure))?;
    let shop = start_shop(ShopConfig::default(), &stores).await?;
    let made = Things::make(&shop, Wanted::by(settings)).await;
    shop.stop().await;
    stores.close().await;
    made?;
    let filled = seed_orders(url, settings.fill_count, settings.keyed).await;
    filled.map_err(|failure| preparing(&failure))?;
    Ok(())
}

async fn ids(url: &str, of: Sampled, count: usize) -> Result<Vec<String>, BenchError> {
    if count == 0 {
        return Ok(Vec::new());
    }
    let count = u32::try_from(count).expect("so many are never wanted");
    let ids = sample_ids(url, of, count).await;
    let ids = ids.map_err(|failure| preparing(&failure))?;
    Ok(ids.iter().map(ToString::to_string).collect())
}

async fn make<Task: Future<Output = Result<String, ShopError>>>(
    count: usize,
    make_one: impl Fn(usize) -> Task,
) -> Result<Vec<String>, ShopError> {
    stream::iter((0..count).map(make_one))
        .buffered(MAKING_MAX)
        .try_collect()
        .await
}

fn product(number: usize) -> ProductInput {
    ProductInput {
        name: product_name(number),
        description: String::new(),
        price: PriceInput {
            amount: price_text(number),
            amount_field: "price",
            currency: "USD".to_owned(),
        },
    }
}

fn preparing(failure: &dyn std::error::Error) -> BenchError {
    BenchError::Preparing {
        what: "accounts, products and orders",
        reason: failure.to_string(),
    }
}
