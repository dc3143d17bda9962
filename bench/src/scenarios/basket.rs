//! The content of an order: an account and two products, as in the orders of the real file that
//! have several lines.

use fastrand::Rng;

/// Of 100 lines in the real file, this many have one unit, and this many one or two; all others
/// count as three.
const ONE_UNIT_OF_100: usize = 55;
const UP_TO_TWO_UNITS_OF_100: usize = 82;

/// One order; accounts and products by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Basket {
    pub(super) account: usize,
    /// Product and quantity. The products differ.
    pub(super) lines: [(usize, u8); 2],
}

impl Basket {
    /// The next random order.
    pub(super) fn choose(random: &mut Rng, accounts: usize, products: usize) -> Self {
        assert!(products >= 2, "two lines need two products");
        let account = random.usize(..accounts);
        let first = random.usize(..products);
        let second = (first + 1 + random.usize(..products - 1)) % products;
        Self {
            account,
            lines: [(first, quantity(random)), (second, quantity(random))],
        }
    }
}

fn quantity(random: &mut Rng) -> u8 {
    match random.usize(..100) {
        0..ONE_UNIT_OF_100 => 1,
        ONE_UNIT_OF_100..UP_TO_TWO_UNITS_OF_100 => 2,
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::seeded;

    #[test]
    fn baskets_are_valid_orders_determined_by_the_seed() {
        let mut random = seeded(&[7]);
        let mut again = seeded(&[7]);
        for _ in 0..1_000 {
            let basket = Basket::choose(&mut random, 3, 2);
            assert_eq!(basket, Basket::choose(&mut again, 3, 2));
            let [(first, _), (second, _)] = basket.lines;
            assert!(first != second && first < 2 && second < 2 && basket.account < 3);
            assert!(
                basket
                    .lines
                    .iter()
                    .all(|(_, quantity)| (1..=3).contains(quantity))
            );
        }
    }
}
