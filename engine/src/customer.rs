//! Customers and their handsets, as a shard keeps them.

use std::collections::VecDeque;
use std::sync::Arc;

use kessai_terms::ids::{CustomerId, DeviceId, PaymentId};
use kessai_terms::money::{Amount, AmountError, Currency};

use foldhash::fast::FixedState;

use crate::device::Device;
use crate::dossier::{Asks, Dossier};
use crate::policy::{CustomerPolicy, Limits, Naming, Spending, Standing};
use crate::slot::Lsn;
use crate::sync::SeededMap;

/// How many of a customer's latest notices can be told again to a handset that was away.
pub const RECENT_NOTICES: usize = 16;

/// The part of a customer that every payment touches: one dense record.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) balance: Amount,
    /// The part of `balance` that open payments wait for: 0 <= held <= balance.
    pub(crate) held: Amount,
    pub(crate) currency: Currency,
    /// Wrong proofs since the last right one, over all handsets and payments.
    pub(crate) wrong_in_row: u8,
    pub(crate) standing: Standing,
    pub(crate) named_by: Naming,
    /// The last record that changed this customer.
    pub(crate) after: Lsn,
}

impl Account {
    pub(crate) fn new(currency: Currency, balance: Amount) -> Self {
        Self {
            balance,
            held: Amount::ZERO,
            currency,
            wrong_in_row: 0,
            standing: Standing::default(),
            named_by: Naming::default(),
            after: Lsn::NONE,
        }
    }

    /// Computes what can still be spent.
    pub(crate) fn available(&self) -> Result<Amount, AmountError> {
        self.balance.checked_sub(self.held)
    }

    /// Sets `amount` aside.
    pub(crate) fn hold(&mut self, amount: Amount) -> Result<(), AmountError> {
        self.available()?.checked_sub(amount)?;
        self.held = self.held.checked_add(amount)?;
        Ok(())
    }

    /// Gives back what was set aside.
    pub(crate) fn release(&mut self, amount: Amount) -> Result<(), AmountError> {
        self.held = self.held.checked_sub(amount)?;
        Ok(())
    }
}

/// The part of a customer that only some commands touch.
#[derive(Debug)]
pub(crate) struct Holder {
    pub(crate) id: CustomerId,
    pub(crate) devices: Vec<Arc<Device>>,
    /// Payments that wait for this customer.
    pub(crate) open: Vec<PaymentId>,
    /// How many notices this customer was ever owed.
    pub(crate) notices: u64,
    /// The latest notices by number, one a payment, the oldest first.
    pub(crate) recent: VecDeque<(u64, PaymentId)>,
    /// What the customer has spent, or is asked to spend, on the day of the latest payment.
    pub(crate) spending: Spending,
    /// How often the customer was asked lately.
    pub(crate) asks: Asks,
    /// What is kept of few customers; behind a pointer, for it is hardly ever read.
    dossier: Option<Box<Dossier>>,
    /// The latest cut that has this customer's row. Ephemeral.
    pub(crate) cut: u32,
}

impl Holder {
    fn new(id: CustomerId) -> Self {
        Self {
            id,
            devices: Vec::new(),
            open: Vec::new(),
            notices: 0,
            recent: VecDeque::new(),
            spending: Spending::default(),
            asks: Asks::default(),
            dossier: None,
            cut: 0,
        }
    }

    /// What is kept of few customers, if there is anything of this one.
    pub(crate) fn dossier(&self) -> Option<&Dossier> {
        self.dossier.as_deref()
    }

    /// What is kept of few customers, to be written to.
    pub(crate) fn dossier_mut(&mut self) -> &mut Dossier {
        self.dossier.get_or_insert_default()
    }

    /// The limits of the customer's own.
    pub(crate) fn limits(&self) -> Limits {
        self.dossier().map_or_else(Limits::default, |dossier| dossier.limits)
    }

    /// The processor lets the customer be asked again.
    pub(crate) fn unmute(&mut self) {
        self.asks = Asks::default();
        if let Some(dossier) = &mut self.dossier {
            dossier.in_vain.clear();
        }
    }

    /// Finds a live handset.
    pub(crate) fn device(&self, device: &DeviceId) -> Option<&Arc<Device>> {
        self.devices.iter().find(|live| live.id == *device)
    }

    /// The number of the latest notice about `payment`, if it can still be told again; else 0.
    pub(crate) fn latest_notice(&self, payment: &PaymentId) -> u64 {
        let own = self.recent.iter().find(|(_, other)| other == payment);
        own.map_or(0, |(number, _)| *number)
    }

    /// Numbers a new notice about `payment`; an older one about it need not be told any more.
    pub(crate) fn owe(&mut self, payment: PaymentId) -> u64 {
        self.notices = self.notices.saturating_add(1);
        self.recent.retain(|(_, other)| *other != payment);
        if self.recent.len() == RECENT_NOTICES {
            self.recent.pop_front();
        }
        self.recent.push_back((self.notices, payment));
        self.notices
    }
}

/// A customer as the processor sees them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CustomerView {
    /// The registered form of the id.
    pub customer: CustomerId,
    /// The currency of the amounts below.
    pub currency: Currency,
    /// What the processor keeps for the customer.
    pub balance: Amount,
    /// The part of it that open payments wait for.
    pub held: Amount,
    /// Wrong proofs since the last right one.
    pub wrong_in_row: u8,
    /// How many notices the customer was ever owed.
    pub notices: u64,
    /// The live handsets.
    pub devices: Vec<DeviceId>,
    /// What the processor lets the customer do.
    pub policy: CustomerPolicy,
    /// What the customer has spent, or is asked to spend, on the day of the latest payment.
    pub spending: Spending,
    /// The last record that made it so.
    pub after: Lsn,
}

/// All customers of one shard: a small index, the dense accounts, and what is seldom touched.
#[derive(Debug)]
pub(crate) struct Customers {
    index: SeededMap<CustomerId, Seat>,
    accounts: Vec<Account>,
    holders: Vec<Holder>,
}

/// A customer's place in a shard's slabs; customers never move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seat(u32);

impl Seat {
    pub(crate) fn index(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl Customers {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            index: SeededMap::with_hasher(FixedState::with_seed(seed)),
            accounts: Vec::new(),
            holders: Vec::new(),
        }
    }

    pub(crate) fn seat(&self, customer: &CustomerId) -> Option<Seat> {
        self.index.get(customer).copied()
    }

    /// Enters a customer who is not there yet.
    pub(crate) fn add(&mut self, customer: CustomerId, account: Account) -> Option<Seat> {
        let seat = Seat(u32::try_from(self.accounts.len()).ok()?);
        self.accounts.push(account);
        self.holders.push(Holder::new(customer));
        self.index.insert(customer, seat);
        Some(seat)
    }

    #[expect(clippy::expect_used, reason = "a seat is only made by `add`, and none is taken away")]
    pub(crate) fn account(&self, seat: Seat) -> &Account {
        self.accounts.get(seat.index()).expect("a seat has an account")
    }

    #[expect(clippy::expect_used, reason = "a seat is only made by `add`, and none is taken away")]
    pub(crate) fn account_mut(&mut self, seat: Seat) -> &mut Account {
        self.accounts.get_mut(seat.index()).expect("a seat has an account")
    }

    #[expect(clippy::expect_used, reason = "a seat is only made by `add`, and none is taken away")]
    pub(crate) fn holder(&self, seat: Seat) -> &Holder {
        self.holders.get(seat.index()).expect("a seat has a holder")
    }

    #[expect(clippy::expect_used, reason = "a seat is only made by `add`, and none is taken away")]
    pub(crate) fn holder_mut(&mut self, seat: Seat) -> &mut Holder {
        self.holders.get_mut(seat.index()).expect("a seat has a holder")
    }

    /// Both parts of a customer.
    #[expect(clippy::expect_used, reason = "a seat is only made by `add`, and none is taken away")]
    pub(crate) fn both_mut(&mut self, seat: Seat) -> (&mut Account, &mut Holder) {
        let account = self.accounts.get_mut(seat.index()).expect("a seat has an account");
        (account, self.holders.get_mut(seat.index()).expect("a seat has a holder"))
    }

    /// Goes through all customers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Account, &Holder)> {
        self.accounts.iter().zip(&self.holders)
    }

    /// Lists all live handsets.
    pub(crate) fn live_devices(&self) -> Vec<(CustomerId, DeviceId)> {
        let devices = self.holders.iter().flat_map(|holder| &holder.devices);
        devices.map(|live| (live.customer, live.id)).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.accounts.len()
    }

    /// Makes room for so many more.
    pub(crate) fn reserve(&mut self, more: usize) {
        self.index.reserve(more);
        self.accounts.reserve(more);
        self.holders.reserve(more);
    }

    /// The seats at these places.
    pub(crate) fn seats(
        &self,
        places: std::ops::Range<usize>,
    ) -> impl Iterator<Item = Seat> + use<> {
        let taken = places.start..places.end.min(self.accounts.len());
        taken.filter_map(|place| u32::try_from(place).ok().map(Seat))
    }

    /// Says whether there is no seat left.
    pub(crate) fn is_full(&self) -> bool {
        u32::try_from(self.accounts.len()).is_err()
    }

    pub(crate) fn view(&self, seat: Seat) -> CustomerView {
        view(self.account(seat), self.holder(seat))
    }

    /// Goes through all customers as the processor sees them.
    pub(crate) fn views(&self) -> impl Iterator<Item = CustomerView> {
        self.iter().map(|(account, holder)| view(account, holder))
    }
}

fn view(account: &Account, holder: &Holder) -> CustomerView {
    CustomerView {
        customer: holder.id,
        currency: account.currency,
        balance: account.balance,
        held: account.held,
        wrong_in_row: account.wrong_in_row,
        notices: holder.notices,
        devices: holder.devices.iter().map(|device| device.id).collect(),
        policy: CustomerPolicy {
            standing: account.standing,
            named_by: account.named_by,
            limits: holder.limits(),
        },
        spending: holder.spending,
        after: account.after,
    }
}
