//! A population divided among several processes that play it at once.
//!
//! A part has whole merchants, with their stores, tills and controllers, so that a payment and all
//! that is done about it stay in one part; customers and hubs are dealt round. Nobody is in two
//! parts, and all parts together are everybody.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Population, PopulationError};

/// One of several parts of a population, counted from 1: `2/4` is the second of four.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Partition {
    number: u16,
    of: u16,
}

/// The most parts of one population.
pub const MOST_PARTITIONS: u16 = 1_000;

/// Says that a text names no part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("one of 2 to {MOST_PARTITIONS} partitions, counted from 1, such as 2/4")]
pub struct PartitionError;

impl FromStr for Partition {
    type Err = PartitionError;

    fn from_str(text: &str) -> Result<Self, PartitionError> {
        let (number, of) = text.split_once('/').ok_or(PartitionError)?;
        let [number, of] =
            [number, of].map(|part| part.parse::<u16>().map_err(|_no_number| PartitionError));
        let (number, of) = (number?, of?);
        let exists = (2..=MOST_PARTITIONS).contains(&of) && (1..=of).contains(&number);
        if exists { Ok(Self { number, of }) } else { Err(PartitionError) }
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl From<Partition> for String {
    fn from(partition: Partition) -> Self {
        partition.to_string()
    }
}

impl TryFrom<String> for Partition {
    type Error = PartitionError;

    fn try_from(text: String) -> Result<Self, PartitionError> {
        text.parse()
    }
}

impl Partition {
    /// Which one it is, counted from 1.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.number
    }

    /// How many there are.
    #[must_use]
    pub const fn of(self) -> u16 {
        self.of
    }

    /// Lists all the parts of which it is one.
    pub fn all(self) -> impl Iterator<Item = Self> {
        (1..=self.of).map(move |number| Self { number, ..self })
    }

    /// Whether it gets what has this place when places are dealt round.
    fn is_dealt(self, place: usize) -> bool {
        place.checked_rem(self.of.into()) == Some(self.turn())
    }

    /// Whether it gets what has this place when every other round is dealt backwards: places from
    /// which trade falls are shared more evenly so.
    fn is_dealt_to_and_fro(self, place: usize) -> bool {
        let of = usize::from(self.of);
        let is_backwards = place.checked_div(of).is_some_and(|round| round % 2 == 1);
        let place =
            if is_backwards { of.saturating_sub(1).saturating_sub(place % of) } else { place };
        self.is_dealt(place)
    }

    fn turn(self) -> usize {
        usize::from(self.number).saturating_sub(1)
    }
}

impl Population {
    /// Keeps the part that one process plays. All stores stay known: a part tells by them that a
    /// payment is another's.
    ///
    /// # Errors
    /// [`PopulationError::TooFew`] if some part would have nobody.
    pub fn part(mut self, partition: Partition) -> Result<Self, PopulationError> {
        let of = partition.of;
        let divided = [("merchants", self.merchants.len()), ("customers", self.customers.len())];
        if let Some((what, found)) = divided.into_iter().find(|(_, found)| *found < of.into()) {
            return Err(PopulationError::TooFew { what, found, of });
        }
        let mut places = 0_usize..;
        self.merchants
            .retain(|_| places.next().is_some_and(|at| partition.is_dealt_to_and_fro(at)));
        let own: HashSet<_> = self.merchants.iter().map(|merchant| merchant.id).collect();
        self.controllers.retain(|controller| own.contains(&controller.merchant));
        let stores = &self.stores;
        let merchant_of = |shop: usize| stores.get(shop).map(|shop| shop.store.merchant);
        self.tills.retain(|till| merchant_of(till.shop).is_some_and(|id| own.contains(&id)));
        self.hubs.retain(|hub| partition.is_dealt(hub.number));
        self.customers.retain(|customer| partition.is_dealt(customer.number));
        self.partition = Some(partition);
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::Partition;
    use crate::population::{Population, PopulationError, Size, Wealth};
    use std::collections::BTreeSet;

    fn whole(customers: u32, terminals: u32) -> Population {
        let (controllers, hubs) = (8, 5);
        let (machines, wealth) = (120, Wealth::Mixed);
        Population::new(Size { customers, terminals, controllers, hubs, machines, wealth }, 4)
            .unwrap()
    }

    /// Adds what the parts have to `all`; nobody may be in it already.
    fn gather<T: Ord + Copy>(all: &mut BTreeSet<T>, part: impl Iterator<Item = T>) {
        part.for_each(|member| assert!(all.insert(member), "somebody is in two parts"));
    }

    #[test]
    fn the_parts_together_are_everybody_and_nobody_is_in_two() {
        let everybody = whole(101, 256);
        let parts: Vec<_> = "1/3".parse::<Partition>().unwrap().all().collect();
        let (mut merchants, mut tills, mut customers, mut hubs) =
            (BTreeSet::new(), BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for partition in parts {
            let part = whole(101, 256).part(partition).unwrap();
            assert_eq!((part.partition, part.counts()), (Some(partition), (101, 256)));
            assert!((33..=34).contains(&part.customers.len()));
            let own: BTreeSet<_> = part.merchants.iter().map(|merchant| merchant.id).collect();
            for till in &part.tills {
                assert!(own.contains(&part.shop_of(till).unwrap().store.merchant));
                assert_eq!(everybody.tills[till.number].id, till.id, "it has the key of its place");
            }
            for customer in &part.customers {
                assert_eq!(everybody.customers[customer.number].id, customer.id);
            }
            assert!(part.controllers_of_tills().iter().all(Option::is_some));
            gather(&mut merchants, own.into_iter());
            gather(&mut tills, part.tills.iter().map(|till| till.id));
            gather(&mut customers, part.customers.iter().map(|customer| customer.id));
            gather(&mut hubs, part.hubs.iter().map(|hub| hub.id));
        }
        assert_eq!((merchants.len(), tills.len(), customers.len()), (8, 256, 101));
        assert_eq!(hubs.len(), 5);
    }

    #[test]
    fn trade_that_falls_from_place_to_place_is_shared_evenly() {
        let of = |part: &str| {
            let partition: Partition = part.parse().unwrap();
            (0..8).filter(|place| partition.is_dealt_to_and_fro(*place)).collect::<Vec<_>>()
        };
        assert_eq!([of("1/3"), of("2/3"), of("3/3")], [vec![0, 5, 6], vec![1, 4, 7], vec![2, 3]]);
    }

    #[test]
    fn a_part_without_anybody_is_refused() {
        let check = |customers, terminals, part: &str, what| {
            let made = whole(customers, terminals).part(part.parse().unwrap());
            let expected = PopulationError::TooFew { what, found: 3, of: 4 };
            assert_eq!(made.err(), Some(expected));
        };
        check(50, 96, "1/4", "merchants");
        check(3, 256, "2/4", "customers");
    }

    #[test]
    fn only_parts_are_parts() {
        for text in ["", "2", "0/2", "3/2", "1/1", "1/1001", "-1/2", "1/x", "1/2/3"] {
            assert!(text.parse::<Partition>().is_err(), "{text}");
        }
        let partition: Partition = "2/4".parse().unwrap();
        assert_eq!((partition.number(), partition.of()), (2, 4));
        let json = serde_json::to_string(&partition).unwrap();
        assert_eq!((json.as_str(), serde_json::from_str(&json).ok()), ("\"2/4\"", Some(partition)));
    }
}
