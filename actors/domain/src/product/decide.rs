//! What a product answers to a command.

use super::{Product, ProductCommand, ProductCreated, ProductEvent};
use crate::text::{DESCRIPTION_CHARS_MAX, check_name, check_prose};
use crate::{Entity, Env, Rejection};

impl Entity for Product {
    type Command = ProductCommand;
    type Event = ProductEvent;

    fn decide(
        state: Option<&Self>,
        command: ProductCommand,
        env: &Env,
    ) -> Result<Vec<ProductEvent>, Rejection> {
        match command {
            ProductCommand::Create {
                name,
                description,
                price,
            } => {
                assert!(
                    state.is_none(),
                    "creations are decided where nothing exists yet"
                );
                check_name(&name, "name")?;
                check_prose(&description, "description", DESCRIPTION_CHARS_MAX)?;
                Ok(vec![ProductEvent::Created(ProductCreated {
                    product_id: env.command.new_product(),
                    name,
                    description,
                    price,
                    at: env.now,
                })])
            }
        }
    }

    fn evolve(state: Option<Self>, event: &ProductEvent) -> Option<Self> {
        super::evolve::evolve(state, event)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{CommandId, Currency, Flaw, Money, Timestamp};

    fn create(name: &str, description: &str) -> Result<Vec<ProductEvent>, Rejection> {
        let env = Env {
            now: Timestamp::from_micros(5),
            command: CommandId::from_uuid(Uuid::from_u128(0xB)),
        };
        let command = ProductCommand::Create {
            name: name.into(),
            description: description.into(),
            price: Money::zero(Currency::USD),
        };
        Product::decide(None, command, &env)
    }

    #[test]
    fn a_free_product_without_description_is_legal() {
        let events = create("Sampler", "").expect("accepted");
        let product = Product::evolve(None, &events[0]).expect("exists");
        assert_eq!(product.price, Money::zero(Currency::USD));
    }

    #[test]
    fn bad_texts_are_refused_by_name() {
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
}
