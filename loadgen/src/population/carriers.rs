//! What carries many over one connection: store controllers and carrier hubs, and whom each carries.

use std::collections::HashMap;

use kessai_engine::Merchant;
use kessai_engine::terms::{ControllerId, HubId, MerchantId};

use super::{Population, PopulationError};

/// A store controller: it carries tills of one merchant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Controller {
    /// The controller's id.
    pub id: ControllerId,
    /// Counts the controllers of the whole population from 0.
    pub number: usize,
    /// Whose tills it carries.
    pub merchant: MerchantId,
}

/// A carrier hub: it carries handsets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hub {
    /// The hub's id.
    pub id: HubId,
    /// Counts the hubs of the whole population from 0.
    pub number: usize,
}

/// Makes controllers, dealt round over the merchants.
pub(super) fn controllers(
    count: u32,
    merchants: &[Merchant],
) -> Result<Vec<Controller>, PopulationError> {
    (0..count)
        .zip(merchants.iter().cycle().enumerate())
        .map(|(count, (number, merchant))| {
            let id = ControllerId::new(&format!("C{count:05}"))?;
            Ok(Controller { id, number, merchant: merchant.id })
        })
        .collect()
}

pub(super) fn hubs(count: u32) -> Result<Vec<Hub>, PopulationError> {
    let hub = |(number, count)| Ok(Hub { id: HubId::new(&format!("H{count:05}"))?, number });
    (0_usize..).zip(0..count).map(hub).collect()
}

impl Population {
    /// Deals every merchant's tills round over its controllers: the place of a controller for each
    /// till, in the order of the tills; none for a till whose merchant has no controller.
    #[must_use]
    pub fn controllers_of_tills(&self) -> Vec<Option<usize>> {
        let mut of_merchant: HashMap<MerchantId, (Vec<usize>, usize)> = HashMap::new();
        for (place, controller) in self.controllers.iter().enumerate() {
            of_merchant.entry(controller.merchant).or_default().0.push(place);
        }
        let deal = |till| {
            let merchant = self.shop_of(till)?.store.merchant;
            let (places, dealt) = of_merchant.get_mut(&merchant)?;
            let turn = dealt.checked_rem(places.len())?;
            *dealt = dealt.wrapping_add(1);
            places.get(turn).copied()
        };
        self.tills.iter().map(deal).collect()
    }

    /// Deals the handsets round over the hubs: the place of the hub of the handset at `number`;
    /// none if there are no hubs.
    #[must_use]
    pub fn hub_of_handset(&self, number: usize) -> Option<usize> {
        number.checked_rem(self.hubs.len())
    }
}

#[cfg(test)]
mod tests {
    use crate::population::{Population, Size, Wealth};
    use std::collections::BTreeMap;

    fn population(terminals: u32, controllers: u32, hubs: u32) -> Population {
        let size = Size {
            customers: 10,
            terminals,
            controllers,
            hubs,
            machines: 0,
            wealth: Wealth::Mixed,
        };
        Population::new(size, 1).unwrap()
    }

    /// However many there are, every till has a controller that may speak for it.
    #[test]
    fn every_till_has_a_controller_of_its_merchant() {
        for controllers in [1, 2, 8, 32, 50] {
            let all = population(1_000, controllers, 0);
            assert_eq!(all.controllers.len(), usize::try_from(controllers).unwrap());
            let mut carried: BTreeMap<usize, usize> = BTreeMap::new();
            for (till, place) in all.tills.iter().zip(all.controllers_of_tills()) {
                let controller = &all.controllers[place.unwrap()];
                assert_eq!(all.shop_of(till).unwrap().store.merchant, controller.merchant);
                *carried.entry(place.unwrap()).or_default() += 1;
            }
            assert_eq!(carried.len(), all.controllers.len(), "all of them have something to do");
        }
        let alone = population(20, 0, 0);
        assert!(alone.controllers_of_tills().iter().all(Option::is_none));
    }

    #[test]
    fn handsets_are_dealt_evenly_over_the_hubs() {
        let all = population(1, 0, 3);
        let dealt: Vec<_> = (0..5).map(|number| all.hub_of_handset(number)).collect();
        assert_eq!(dealt, [Some(0), Some(1), Some(2), Some(0), Some(1)]);
        assert_eq!(population(1, 0, 0).hub_of_handset(0), None);
    }
}
