//! What is ordered: an account, and two products, as in the orders of the real file that have more than one line.

use crate::random::SplitMix64;

/// Of 100 lines, as many as in the real file have one unit, and one or two; the rest are counted as three.
const ONE_UNIT_OF_100: usize = 55;
const UP_TO_TWO_UNITS_OF_100: usize = 82;

/// One order to place; accounts and products by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Basket {
    pub(super) account: usize,
    /// Product and quantity. A product is on one line only.
    pub(super) lines: [(usize, u8); 2],
}

impl Basket {
    /// The next choice among so many accounts and products.
    pub(super) fn choose(random: &mut SplitMix64, accounts: usize, products: usize) -> Self {
        assert!(products >= 2, "two lines have different products");
        let account = random.below(accounts);
        let first = random.below(products);
        let second = (first + 1 + random.below(products - 1)) % products;
        Self {
            account,
            lines: [(first, quantity(random)), (second, quantity(random))],
        }
    }
}

fn quantity(random: &mut SplitMix64) -> u8 {
    match random.below(100) {
        0..ONE_UNIT_OF_100 => 1,
        ONE_UNIT_OF_100..UP_TO_TWO_UNITS_OF_100 => 2,
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn baskets_follow_from_the_seed_and_are_orders_a_shop_takes() {
        let mut random = SplitMix64::new(7);
        let mut again = SplitMix64::new(7);
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
