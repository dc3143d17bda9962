//! Creations and changes, each sent to the shard of its entity.

use std::sync::Arc;

use fritzy_domain::{
    Account, AccountCommand, AccountId, AnnotationsInput, Command, Currency, Flaw, Kind, Money,
    Order, OrderCommand, OrderId, Product, ProductCommand, ProductId, Rejection, Stored,
};

use crate::error::ShopError;
use crate::request::{Request, Target};
use crate::service::entity_client::EntityClient;
use crate::service::reply::{account_of, order_of, product_of};

/// A price as the client wrote it.
#[derive(Clone, Debug)]
pub struct PriceInput {
    /// Decimal text in the currency's major unit, such as `"19.99"`.
    pub amount: String,
    /// Path of the argument that holds the amount, for rejections.
    pub amount_field: &'static str,
    /// ISO 4217 code of the currency.
    pub currency: String,
}

/// An account as the client wrote it.
#[derive(Clone, Debug, Default)]
pub struct AccountInput {
    /// The name of the customer.
    pub name: String,
    /// The external reference and the metadata.
    pub annotations: AnnotationsInput,
}

impl From<String> for AccountInput {
    fn from(name: String) -> Self {
        Self {
            name,
            annotations: AnnotationsInput::default(),
        }
    }
}

impl From<&str> for AccountInput {
    fn from(name: &str) -> Self {
        name.to_owned().into()
    }
}

/// A product as the client wrote it.
#[derive(Clone, Debug)]
pub struct ProductInput {
    /// The name customers see; copied into order lines.
    pub name: String,
    /// Free text; may be empty.
    pub description: String,
    /// Price of one piece.
    pub price: PriceInput,
    /// The external reference and the metadata.
    pub annotations: AnnotationsInput,
}

impl PriceInput {
    fn check(&self) -> Result<Money, Rejection> {
        let currency = Currency::from_code(&self.currency)
            .ok_or_else(|| Rejection::invalid("price.currency", Flaw::UnknownCurrency))?;
        Money::parse(&self.amount, currency, self.amount_field)
    }
}

/// Creates accounts and products, and changes accounts, products and orders.
pub(crate) struct Commands {
    entities: Arc<EntityClient>,
}

impl Commands {
    pub(crate) fn new(entities: Arc<EntityClient>) -> Self {
        Self { entities }
    }

    pub(crate) async fn create_account(
        &self,
        request: &Request,
        input: AccountInput,
    ) -> Result<Stored<Account>, ShopError> {
        let annotations = match input.annotations.check() {
            Ok(annotations) => annotations,
            Err(rejection) => {
                let refused = self
                    .entities
                    .reject_creation(Kind::Account, request, rejection);
                return Ok(account_of(&refused.await?));
            }
        };
        let shard = self.entities.shard_of(request.command.new_account().slot());
        let command = Command::Account(AccountCommand::Create {
            name: input.name,
            annotations,
        });
        let created = self.entities.create(Kind::Account, shard, command, request);
        Ok(account_of(&created.await?))
    }

    pub(crate) async fn create_product(
        &self,
        request: &Request,
        input: ProductInput,
    ) -> Result<Stored<Product>, ShopError> {
        let checked = input.price.check();
        let checked = checked.and_then(|price| Ok((price, input.annotations.check()?)));
        let (price, annotations) = match checked {
            Ok(checked) => checked,
            Err(rejection) => {
                let refused = self
                    .entities
                    .reject_creation(Kind::Product, request, rejection);
                return Ok(product_of(&refused.await?));
            }
        };
        let shard = self.entities.shard_of(request.command.new_product().slot());
        let command = Command::Product(ProductCommand::Create {
            name: input.name,
            description: input.description,
            price,
            annotations,
        });
        let created = self.entities.create(Kind::Product, shard, command, request);
        Ok(product_of(&created.await?))
    }

    pub(crate) async fn command_account(
        &self,
        request: &Request,
        target: Target<'_>,
        command: AccountCommand,
    ) -> Result<Stored<Account>, ShopError> {
        let entity = AccountId::parse(target.id, "id")?.into();
        let command = Command::Account(command);
        let changed = self.entities.execute(entity, request, target, command);
        Ok(account_of(&changed.await?))
    }

    pub(crate) async fn command_product(
        &self,
        request: &Request,
        target: Target<'_>,
        command: ProductCommand,
    ) -> Result<Stored<Product>, ShopError> {
        let entity = ProductId::parse(target.id, "id")?.into();
        let command = Command::Product(command);
        let changed = self.entities.execute(entity, request, target, command);
        Ok(product_of(&changed.await?))
    }

    pub(crate) async fn reprice_product(
        &self,
        request: &Request,
        target: Target<'_>,
        price: PriceInput,
    ) -> Result<Stored<Product>, ShopError> {
        let price = price.check()?;
        self.command_product(request, target, ProductCommand::Reprice { price })
            .await
    }

    /// The currency of the product is known to its owner only, so the amount is parsed there.
    pub(crate) async fn reprice_in_own_currency(
        &self,
        request: &Request,
        target: Target<'_>,
        amount: String,
    ) -> Result<Stored<Product>, ShopError> {
        let reprice = ProductCommand::RepriceInOwnCurrency { amount };
        self.command_product(request, target, reprice).await
    }

    pub(crate) async fn command_order(
        &self,
        request: &Request,
        target: Target<'_>,
        command: OrderCommand,
    ) -> Result<Stored<Order>, ShopError> {
        let entity = OrderId::parse(target.id, "id")?.into();
        let command = Command::Order(command);
        let changed = self.entities.execute(entity, request, target, command);
        Ok(order_of(&changed.await?))
    }
}
