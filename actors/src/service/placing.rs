//! Placing an order: reads the account and the products from their owners in parallel, then sends
//! one self-contained command to the account's shard.

use std::sync::Arc;

use fritzy_domain::{
    AccountId, Annotations, AnnotationsInput, Command, Kind, Order, OrderCommand, PlaceOrder,
    ProductId, Quote, QuotedLine, Rejection, RequestedLine, State, Stored, check_lines,
};
use futures_util::future::{join, join_all};

use crate::error::ShopError;
use crate::messages::{ShardReply, Snapshot};
use crate::request::Request;
use crate::service::entity_client::EntityClient;
use crate::service::reply::{existing, order_of};

/// An order as the client wrote it.
#[derive(Clone, Debug)]
pub struct OrderInput {
    /// Id of the account that orders.
    pub account_id: String,
    /// Products and their quantities, in the order of the client.
    pub lines: Vec<OrderLineInput>,
    /// The external reference and the metadata.
    pub annotations: AnnotationsInput,
}

/// A line of an [`OrderInput`].
#[derive(Clone, Debug)]
pub struct OrderLineInput {
    /// Id of the product to order.
    pub product_id: String,
    /// Number of pieces, not checked yet.
    pub quantity: i64,
}

/// An order that only its account or its products can still have rejected.
struct CheckedOrder {
    account_id: AccountId,
    lines: Vec<RequestedLine>,
    annotations: Annotations,
}

impl OrderInput {
    fn check(&self) -> Result<CheckedOrder, Rejection> {
        let account_id = AccountId::parse(&self.account_id, "accountId")?;
        let line = |(index, line): (usize, &OrderLineInput)| {
            let product_id =
                ProductId::parse(&line.product_id, &format!("products[{index}].productId"))?;
            Ok(RequestedLine {
                product_id,
                quantity: line.quantity,
            })
        };
        let lines = self
            .lines
            .iter()
            .enumerate()
            .map(line)
            .collect::<Result<Vec<_>, Rejection>>()?;
        check_lines(&lines)?;
        Ok(CheckedOrder {
            account_id,
            lines,
            annotations: self.annotations.check()?,
        })
    }
}

pub(crate) struct Placing {
    entities: Arc<EntityClient>,
}

impl Placing {
    pub(crate) fn new(entities: Arc<EntityClient>) -> Self {
        Self { entities }
    }

    pub(crate) async fn place_order(
        &self,
        request: &Request,
        input: &OrderInput,
    ) -> Result<Stored<Order>, ShopError> {
        let placed = match input.check() {
            Ok(order) => self.quote_and_place(request, &order, input).await,
            Err(rejection) => self.reject(request, rejection).await,
        };
        placed.map(|snapshot| order_of(&snapshot))
    }

    async fn quote_and_place(
        &self,
        request: &Request,
        order: &CheckedOrder,
        input: &OrderInput,
    ) -> Result<Snapshot, ShopError> {
        let shard = self.entities.shard_of(order.account_id.slot());
        match self.quote(request, order, input).await {
            Ok(lines) => {
                let account_id = order.account_id;
                let place = OrderCommand::Place(PlaceOrder {
                    account_id,
                    lines,
                    annotations: order.annotations.clone(),
                });
                self.entities
                    .create(Kind::Order, shard, Command::Order(place), request)
                    .await
            }
            Err(ShopError::Rejected(rejection)) => {
                if request.fingerprint.is_some() {
                    // The first use of the key may still be in flight in the order's shard.
                    self.entities.barrier(shard, request.deadline).await?;
                }
                self.reject(request, rejection).await
            }
            Err(failed) => Err(failed),
        }
    }

    async fn reject(&self, request: &Request, rejection: Rejection) -> Result<Snapshot, ShopError> {
        self.entities
            .reject_creation(Kind::Order, request, rejection)
            .await
    }

    /// Checks the account, and reads each product's name and price.
    async fn quote(
        &self,
        request: &Request,
        order: &CheckedOrder,
        input: &OrderInput,
    ) -> Result<Vec<QuotedLine>, ShopError> {
        let read = |entity| self.entities.read(entity, request.deadline);
        let account = read(order.account_id.into());
        let products = order.lines.iter().map(|line| read(line.product_id.into()));
        let (account, products) = join(account, join_all(products)).await;
        check_account(account?, &input.account_id)?;
        let mut lines = Vec::with_capacity(order.lines.len());
        for (index, (line, product)) in order.lines.iter().zip(products).enumerate() {
            let field = format!("products[{index}].productId");
            let quote = quote_of(product?, field, &input.lines[index].product_id)?;
            lines.push(QuotedLine {
                quote,
                quantity: line.quantity,
            });
        }
        Ok(lines)
    }
}

/// Rejects an account that does not exist or is closed.
fn check_account(reply: ShardReply, id: &str) -> Result<(), ShopError> {
    let field = String::from("accountId");
    match existing(reply, Kind::Account, field.clone(), id)?.state {
        State::Account(ref account) if account.closed => Err(Rejection::AccountClosed {
            field,
            id: account.id,
        }
        .into()),
        _ => Ok(()),
    }
}

/// The part of a product that an order line stores; rejects a product that does not exist or is
/// withdrawn.
fn quote_of(reply: ShardReply, field: String, id: &str) -> Result<Quote, ShopError> {
    let snapshot = existing(reply, Kind::Product, field.clone(), id)?;
    match &snapshot.state {
        State::Product(product) if product.withdrawn => Err(Rejection::ProductWithdrawn {
            field,
            id: product.id,
        }
        .into()),
        State::Product(product) => Ok(Quote {
            product_id: product.id,
            version: snapshot.version,
            name: product.name.clone(),
            unit_price: product.price,
        }),
        other => panic!("a product's id led to {}", other.id()),
    }
}
