//! How a product decides a command.

use super::{
    Product, ProductAnnotated, ProductCommand, ProductCreated, ProductEvent, ProductRepriced,
    ProductUpdated, ProductWithdrawn,
};
use crate::text::{DESCRIPTION_CHARS_MAX, check_name, check_prose};
use crate::{DecisionContext, Entity, Flaw, Money, Rejection};

impl Entity for Product {
    type Command = ProductCommand;
    type Event = ProductEvent;

    fn decide(
        state: Option<&Self>,
        command: ProductCommand,
        context: &DecisionContext,
    ) -> Result<Vec<ProductEvent>, Rejection> {
        let event = match (state, command) {
            (
                None,
                ProductCommand::Create {
                    name,
                    description,
                    price,
                    annotations,
                },
            ) => {
                check_texts(&name, &description)?;
                ProductEvent::Created(ProductCreated {
                    product_id: context.command.new_product(),
                    name,
                    description,
                    price,
                    external_reference: annotations.external_reference,
                    metadata: annotations.metadata,
                    at: context.now,
                })
            }
            (Some(product), ProductCommand::Update { name, description }) => {
                if name.is_none() && description.is_none() {
                    let flaw = Flaw::NothingToChange {
                        or: "description".into(),
                    };
                    return Err(Rejection::invalid("name", flaw));
                }
                let name = name.unwrap_or_else(|| product.name.clone());
                let description = description.unwrap_or_else(|| product.description.clone());
                check_texts(&name, &description)?;
                check_available(product)?;
                ProductEvent::Updated(ProductUpdated {
                    product_id: product.id,
                    name,
                    description,
                    at: context.now,
                })
            }
            (Some(product), ProductCommand::Reprice { price }) => {
                check_available(product)?;
                ProductEvent::Repriced(ProductRepriced {
                    product_id: product.id,
                    price,
                    at: context.now,
                })
            }
            (Some(product), ProductCommand::RepriceInOwnCurrency { amount }) => {
                let price = Money::parse(&amount, product.price.currency(), "price.amount")?;
                check_available(product)?;
                ProductEvent::Repriced(ProductRepriced {
                    product_id: product.id,
                    price,
                    at: context.now,
                })
            }
            (Some(product), ProductCommand::Withdraw) => {
                check_available(product)?;
                ProductEvent::Withdrawn(ProductWithdrawn {
                    product_id: product.id,
                    at: context.now,
                })
            }
            (Some(product), ProductCommand::Annotate(change)) => {
                check_available(product)?;
                let annotations = change.apply(&product.annotations)?;
                ProductEvent::Annotated(ProductAnnotated {
                    product_id: product.id,
                    external_reference: annotations.external_reference,
                    metadata: annotations.metadata,
                    at: context.now,
                })
            }
            (Some(_), ProductCommand::Create { .. }) => {
                panic!("a creation is decided without a state")
            }
            (None, _) => panic!("commands to a missing product are rejected before the decision"),
        };
        Ok(vec![event])
    }

    fn evolve(state: Option<Self>, event: &ProductEvent) -> Option<Self> {
        super::evolve::evolve(state, event)
    }
}

fn check_texts(name: &str, description: &str) -> Result<(), Rejection> {
    check_name(name, "name")?;
    check_prose(description, "description", DESCRIPTION_CHARS_MAX)
}

fn check_available(product: &Product) -> Result<(), Rejection> {
    if product.withdrawn {
        Err(Rejection::ProductWithdrawn {
            field: "id".into(),
            id: product.id,
        })
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use fritzy_types::Timestamp;
    use uuid::Uuid;

    use super::*;
    use crate::{Annotations, CommandId, Currency};

    fn create(name: &str, description: &str) -> Result<Vec<ProductEvent>, Rejection> {
        let context = DecisionContext {
            now: Timestamp::from_micros(5),
            command: CommandId::from_uuid(Uuid::from_u128(0xB)),
        };
        let command = ProductCommand::Create {
            name: name.into(),
            description: description.into(),
            price: Money::zero(Currency::USD),
            annotations: Annotations::default(),
        };
        Product::decide(None, command, &context)
    }

    #[test]
    fn free_product_without_description_is_accepted() {
        let events = create("Sampler", "").expect("accepted");
        let product = Product::evolve(None, &events[0]).expect("exists");
        assert_eq!(product.price, Money::zero(Currency::USD));
    }

    #[test]
    fn invalid_texts_are_rejected_naming_the_argument() {
        assert_eq!(
            create("", "x"),
            Err(Rejection::invalid("name", Flaw::Empty))
        );
        assert_eq!(
            create("x", &"y".repeat(DESCRIPTION_CHARS_MAX + 1)),
            Err(Rejection::invalid(
                "description",
                Flaw::TooLong {
                    max: DESCRIPTION_CHARS_MAX
                }
            ))
        );
    }

    #[test]
    fn product_changes_until_withdrawn() {
        let context = DecisionContext {
            now: Timestamp::from_micros(5),
            command: CommandId::from_uuid(Uuid::from_u128(0xB)),
        };
        let created = create("Sampler", "old").expect("accepted");
        let mut product = Product::evolve(None, &created[0]).expect("exists");
        let price = Money::parse("5.50", Currency::USD, "price").expect("an amount");
        let update = ProductCommand::Update {
            name: None,
            description: Some("new".into()),
        };
        for command in [
            update,
            ProductCommand::Reprice { price },
            ProductCommand::Withdraw,
        ] {
            let events = Product::decide(Some(&product), command, &context).expect("accepted");
            product = Product::evolve(Some(product), &events[0]).expect("exists");
        }
        assert_eq!(
            (product.name.as_str(), product.description.as_str()),
            ("Sampler", "new")
        );
        assert_eq!((product.price, product.withdrawn), (price, true));
        let nothing = ProductCommand::Update {
            name: None,
            description: None,
        };
        let rejected = Product::decide(Some(&product), nothing, &context);
        let flaw = Flaw::NothingToChange {
            or: "description".into(),
        };
        assert_eq!(rejected, Err(Rejection::invalid("name", flaw)));
        let gone = Rejection::ProductWithdrawn {
            field: "id".into(),
            id: product.id,
        };
        for command in [ProductCommand::Reprice { price }, ProductCommand::Withdraw] {
            assert_eq!(
                Product::decide(Some(&product), command, &context),
                Err(gone.clone())
            );
        }
    }

    #[test]
    fn price_without_currency_is_in_that_of_the_product() {
        let context = DecisionContext {
            now: Timestamp::from_micros(5),
            command: CommandId::from_uuid(Uuid::from_u128(0xB)),
        };
        let yen = Currency::from_code("JPY").expect("exists");
        let mut created = create("Lamp", "").expect("accepted");
        if let ProductEvent::Created(created) = &mut created[0] {
            created.price = Money::zero(yen);
        }
        let product = Product::evolve(None, &created[0]).expect("exists");
        let reprice = |amount: &str| {
            let amount = amount.to_owned();
            let command = ProductCommand::RepriceInOwnCurrency { amount };
            let events = Product::decide(Some(&product), command, &context)?;
            let product = Product::evolve(Some(product.clone()), &events[0]);
            Ok(product.expect("exists").price)
        };
        assert_eq!(
            reprice("500"),
            Ok(Money::from_minor_units(500, yen).expect("in range"))
        );
        let flaw = Flaw::TooManyDecimals {
            max: 0,
            currency: yen,
        };
        assert_eq!(
            reprice("5.50"),
            Err(Rejection::invalid("price.amount", flaw))
        );
        let flaw = Flaw::NotANumber;
        assert_eq!(
            reprice("five"),
            Err(Rejection::invalid("price.amount", flaw))
        );
    }
}
