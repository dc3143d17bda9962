//! Changing things: creations and commands, each sent to the shard of what it concerns.

use fritzy_domain::{
    Account, AccountCommand, AccountId, Command, Currency, Flaw, Kind, Money, Order, OrderCommand,
    OrderId, Product, ProductCommand, ProductId, Rejection, Stored,
};

use crate::request::{Request, ShopError, Target};
use crate::service::shop::{Shop, account_of, order_of, product_of};

/// A price as the client wrote it.
#[derive(Clone, Debug)]
pub struct PriceInput {
    /// The amount, as decimal text.
    pub amount: String,
    /// The argument it came in, for refusals.
    pub amount_field: &'static str,
    /// The currency's code.
    pub currency: String,
}

/// A product as the client wrote it.
#[derive(Clone, Debug)]
pub struct ProductInput {
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: String,
    /// Its price.
    pub price: PriceInput,
}

impl PriceInput {
    fn check(&self) -> Result<Money, Rejection> {
        let currency = Currency::from_code(&self.currency)
            .ok_or_else(|| Rejection::invalid("price.currency", Flaw::UnknownCurrency))?;
        Money::parse(&self.amount, currency, self.amount_field)
    }
}

impl Shop {
    /// Creates an account.
    ///
    /// # Errors
    /// [`ShopError`]
    pub async fn create_account(
        &self,
        request: &Request,
        name: String,
    ) -> Result<Stored<Account>, ShopError> {
        let shard = self.router.shard_of(request.command.new_account().slot());
        let command = Command::Account(AccountCommand::Create { name });
        let created = self.create(Kind::Account, shard, command, request).await?;
        Ok(account_of(&created))
    }

    /// Creates a product.
    ///
    /// # Errors
    /// [`ShopError`]
    pub async fn create_product(
        &self,
        request: &Request,
        input: ProductInput,
    ) -> Result<Stored<Product>, ShopError> {
        let created = match input.price.check() {
            Ok(price) => {
                let shard = self.router.shard_of(request.command.new_product().slot());
                let ProductInput {
                    name, description, ..
                } = input;
                let command = Command::Product(ProductCommand::Create {
                    name,
                    description,
                    price,
                });
                self.create(Kind::Product, shard, command, request).await?
            }
            Err(rejection) => {
                self.refuse_creation(Kind::Product, request, rejection)
                    .await?
            }
        };
        Ok(product_of(&created))
    }

    /// Sends an account a command other than the one that creates it.
    ///
    /// # Errors
    /// [`ShopError`]
    pub async fn command_account(
        &self,
        request: &Request,
        target: impl Into<Target<'_>>,
        command: AccountCommand,
    ) -> Result<Stored<Account>, ShopError> {
        let target = target.into();
        let entity = AccountId::parse(target.id, "id")?.into();
        let command = Command::Account(command);
        Ok(account_of(
            &self.execute(entity, request, target, command).await?,
        ))
    }

    /// Sends a product a command other than those that carry a price.
    ///
    /// # Errors
    /// [`ShopError`]
    pub async fn command_product(
        &self,
        request: &Request,
        target: impl Into<Target<'_>>,
        command: ProductCommand,
    ) -> Result<Stored<Product>, ShopError> {
        let target = target.into();
        let entity = ProductId::parse(target.id, "id")?.into();
        let command = Command::Product(command);
        Ok(product_of(
            &self.execute(entity, request, target, command).await?,
        ))
    }

    /// Gives a product another price.
    ///
    /// # Errors
    /// [`ShopError`]
    pub async fn reprice_product(
        &self,
        request: &Request,
        target: impl Into<Target<'_>>,
        price: PriceInput,
    ) -> Result<Stored<Product>, ShopError> {
        let price = price.check()?;
        self.command_product(request, target, ProductCommand::Reprice { price })
            .await
    }

    /// Sends an order a command other than the one that places it.
    ///
    /// # Errors
    /// [`ShopError`]
    pub async fn command_order(
        &self,
        request: &Request,
        target: impl Into<Target<'_>>,
        command: OrderCommand,
    ) -> Result<Stored<Order>, ShopError> {
        let target = target.into();
        let entity = OrderId::parse(target.id, "id")?.into();
        let command = Command::Order(command);
        Ok(order_of(
            &self.execute(entity, request, target, command).await?,
        ))
    }
}
