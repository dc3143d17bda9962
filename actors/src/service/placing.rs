//! Placing an order: a stateless service that asks the owners of the account and the products, in
//! parallel, for what the order needs, then sends one self-contained command.

use fritzy_domain::{
    AccountId, Command, Kind, Order, OrderCommand, PlaceOrder, ProductId, Quote, QuotedLine,
    Rejection, RequestedLine, State, Stored, check_lines,
};
use futures_util::future::{join, join_all};

use crate::messages::{ShardReply, ShardRequest, Snapshot};
use crate::request::{Request, ShopError};
use crate::service::shop::{Shop, existing, order_of};

/// An order as the client wrote it.
#[derive(Clone, Debug)]
pub struct OrderInput {
    /// Whose it will be.
    pub account_id: String,
    /// What is ordered.
    pub lines: Vec<OrderLineInput>,
}

/// One line of it.
#[derive(Clone, Debug)]
pub struct OrderLineInput {
    /// The product.
    pub product_id: String,
    /// How many.
    pub quantity: i64,
}

/// An order that nothing but its quotes can refuse.
struct CheckedOrder {
    account_id: AccountId,
    lines: Vec<RequestedLine>,
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
        Ok(CheckedOrder { account_id, lines })
    }
}

impl Shop {
    /// Places an order at the prices of this moment.
    ///
    /// # Errors
    /// [`ShopError::Rejected`] naming the argument, once it is certain that the key was not used
    /// before; [`ShopError::Failed`] otherwise.
    pub async fn place_order(
        &self,
        request: &Request,
        input: &OrderInput,
    ) -> Result<Stored<Order>, ShopError> {
        let placed = match input.check() {
            Ok(order) => self.quote_and_place(request, &order, input).await,
            Err(rejection) => self.refuse_creation(Kind::Order, request, rejection).await,
        };
        placed.map(|snapshot| order_of(&snapshot))
    }

    async fn quote_and_place(
        &self,
        request: &Request,
        order: &CheckedOrder,
        input: &OrderInput,
    ) -> Result<Snapshot, ShopError> {
        match self.quote(request, order, input).await {
            Ok(lines) => {
                let account_id = order.account_id;
                let place = OrderCommand::Place(PlaceOrder { account_id, lines });
                let shard = self.router.shard_of(account_id.slot());
                self.create(Kind::Order, shard, Command::Order(place), request)
                    .await
            }
            Err(ShopError::Rejected(rejection)) => {
                if request.fingerprint.is_some() {
                    // The first use of the key may still be under way in the order's shard.
                    let shard = self.router.shard_of(order.account_id.slot());
                    self.router
                        .ask(shard, request.deadline, ShardRequest::Barrier)
                        .await?;
                }
                self.refuse_creation(Kind::Order, request, rejection).await
            }
            Err(failed) => Err(failed),
        }
    }

    /// Asks the account whether it exists and each product for its name and price.
    async fn quote(
        &self,
        request: &Request,
        order: &CheckedOrder,
        input: &OrderInput,
    ) -> Result<Vec<QuotedLine>, ShopError> {
        let account = self.read(order.account_id.into(), request.deadline);
        let products = order
            .lines
            .iter()
            .map(|line| self.read(line.product_id.into(), request.deadline));
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

/// Refuses an account that does not exist or orders no more.
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

/// What an order line keeps of a product; refuses one that is not to be had.
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
        other => panic!("a product's id answered with {}", other.id()),
    }
}
