//! Merchants, stores, terminals, controllers and hubs: all of them changes of the register.

use kessai_engine::terms::{
    ControllerId, Currency, HubId, InvoiceNumber, MerchantId, MerchantName, Rounding, StoreId,
    StoreName, TerminalId,
};
use kessai_engine::{
    Controller, Hub, KeyPin, LimitHolder, Limits, Merchant, Peer, Register, RegisterChange,
    RegisterError, Standing, Station, Store, Terminal, TerminalKind,
};
use kessai_journal::JournalSlot;

use super::clerk::Clerk;
use super::kind::{Existing, Kind, already_there};
use super::limits::SaidLimits;
use super::report::Halt;
use crate::admin::Office;
use crate::admin::register::NO_CORPORATE_NUMBER;
use crate::admin::table::{Column, Row, key_pin};

/// Changes that are entered together, if the journal has places for all: the register is copied
/// once for them.
const BATCH: usize = 64;

static MERCHANTS: [Column; 3] =
    [Column::required("id"), Column::required("name"), Column::optional("invoice_number")];
static STORES: [Column; 5] = [
    Column::required("id"),
    Column::required("merchant"),
    Column::required("name"),
    Column::required("currency"),
    Column::optional("rounding"),
];
static TERMINALS: [Column; 7] = [
    Column::required("id"),
    Column::required("store"),
    Column::optional("kind"),
    Column::optional("key_pin"),
    Column::optional("per_payment_minor"),
    Column::optional("per_day_minor"),
    Column::optional("count_per_day"),
];
static CONTROLLERS: [Column; 3] =
    [Column::required("id"), Column::required("merchant"), Column::optional("key_pin")];
static HUBS: [Column; 2] = [Column::required("id"), Column::optional("key_pin")];

/// One of the register's tables, and what waits to be entered.
pub(super) struct Changes {
    columns: &'static [Column],
    parse: fn(&Row) -> Result<RegisterChange, String>,
    waiting: Vec<(u64, Entry)>,
}

/// A change as its line has it, and what that says of columns that are left alone if they are not
/// there.
#[derive(Clone)]
pub(super) struct Entry {
    change: RegisterChange,
    limits: SaidLimits,
    has_invoice_number: bool,
}

impl Changes {
    const fn new(
        columns: &'static [Column],
        parse: fn(&Row) -> Result<RegisterChange, String>,
    ) -> Self {
        Self { columns, parse, waiting: Vec::new() }
    }

    pub(super) const fn merchants() -> Self {
        Self::new(&MERCHANTS, merchant)
    }

    pub(super) const fn stores() -> Self {
        Self::new(&STORES, store)
    }

    pub(super) const fn terminals() -> Self {
        Self::new(&TERMINALS, terminal)
    }

    pub(super) const fn controllers() -> Self {
        Self::new(&CONTROLLERS, controller)
    }

    pub(super) const fn hubs() -> Self {
        Self::new(&HUBS, hub)
    }
}

fn merchant(row: &Row) -> Result<RegisterChange, String> {
    let id = row.required("id", MerchantId::new)?;
    Ok(RegisterChange::Merchant(Merchant {
        id,
        name: row.required("name", MerchantName::new)?,
        invoice_number: row.optional("invoice_number", InvoiceNumber::new)?,
    }))
}

fn store(row: &Row) -> Result<RegisterChange, String> {
    Ok(RegisterChange::Store(Store {
        id: row.required("id", StoreId::new)?,
        merchant: row.required("merchant", MerchantId::new)?,
        name: row.required("name", StoreName::new)?,
        currency: row.required("currency", Currency::from_code)?,
        rounding: row.optional("rounding", rounding)?.unwrap_or(Rounding::Down),
        standing: Standing::default(),
    }))
}

fn rounding(text: &str) -> Result<Rounding, &'static str> {
    match text {
        "down" => Ok(Rounding::Down),
        "half_up" => Ok(Rounding::HalfUp),
        "up" => Ok(Rounding::Up),
        _ => Err("must be down, half_up or up"),
    }
}

fn terminal(row: &Row) -> Result<RegisterChange, String> {
    Ok(RegisterChange::Terminal(Terminal {
        id: row.required("id", TerminalId::new)?,
        store: row.required("store", StoreId::new)?,
        kind: row.optional("kind", terminal_kind)?.unwrap_or(TerminalKind::PointOfSale),
        pin: row.optional("key_pin", key_pin)?,
        standing: Standing::default(),
        limits: SaidLimits::read(row)?.over(Limits::default()),
    }))
}

fn terminal_kind(text: &str) -> Result<TerminalKind, &'static str> {
    match text {
        "pos" => Ok(TerminalKind::PointOfSale),
        "vending" => Ok(TerminalKind::Vending),
        _ => Err("must be pos or vending"),
    }
}

fn controller(row: &Row) -> Result<RegisterChange, String> {
    Ok(RegisterChange::Controller(Controller {
        id: row.required("id", ControllerId::new)?,
        merchant: row.required("merchant", MerchantId::new)?,
        pin: row.optional("key_pin", key_pin)?,
    }))
}

fn hub(row: &Row) -> Result<RegisterChange, String> {
    let id = row.required("id", HubId::new)?;
    Ok(RegisterChange::Hub(Hub { id, pin: row.optional("key_pin", key_pin)? }))
}

/// What a change is known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum RegisterId {
    Merchant(MerchantId),
    Store(StoreId),
    Terminal(TerminalId),
    Controller(ControllerId),
    Hub(HubId),
    DefaultLimits(LimitHolder, Currency),
}

impl RegisterId {
    const fn of(change: &RegisterChange) -> Self {
        match change {
            RegisterChange::Merchant(merchant) => Self::Merchant(merchant.id),
            RegisterChange::Store(store) => Self::Store(store.id),
            RegisterChange::Terminal(terminal) => Self::Terminal(terminal.id),
            RegisterChange::Controller(controller) => Self::Controller(controller.id),
            RegisterChange::Hub(hub) => Self::Hub(hub.id),
            RegisterChange::DefaultLimits(limits) => {
                Self::DefaultLimits(limits.holder, limits.currency)
            }
        }
    }

    fn is_in(self, register: &Register) -> bool {
        match self {
            Self::Merchant(id) => register.merchant(&id).is_some(),
            Self::Store(id) => register.store(&id).is_some(),
            Self::Terminal(id) => register.place(&id).is_some(),
            Self::Controller(id) => register.controller(&id).is_some(),
            Self::Hub(id) => register.hub(&id).is_some(),
            Self::DefaultLimits(holder, currency) => {
                register.default_limits(holder, currency) != Limits::default()
            }
        }
    }
}

/// The key that a change brings.
const fn pin(change: &RegisterChange) -> Option<KeyPin> {
    match change {
        RegisterChange::Merchant(_)
        | RegisterChange::Store(_)
        | RegisterChange::DefaultLimits(_) => None,
        RegisterChange::Terminal(terminal) => terminal.pin,
        RegisterChange::Controller(controller) => controller.pin,
        RegisterChange::Hub(hub) => hub.pin,
    }
}

impl Entry {
    /// The change beside what is there: a station that brings no key keeps the one that it has, a
    /// column that is not there leaves a limit or a registration number as it is, and standing is
    /// not for tables to change.
    fn beside(&self, register: &Register) -> RegisterChange {
        let mut change = self.change.clone();
        match &mut change {
            RegisterChange::DefaultLimits(_) => {}
            RegisterChange::Merchant(merchant) => {
                let before = register.merchant(&merchant.id);
                if let Some(before) = before.filter(|_| !self.has_invoice_number) {
                    merchant.invoice_number = before.invoice_number;
                }
            }
            RegisterChange::Store(store) => {
                store.standing = register.store(&store.id).map_or(store.standing, |it| it.standing);
            }
            RegisterChange::Terminal(terminal) => {
                if let Some(before) = register.place(&terminal.id).map(|place| &place.terminal) {
                    terminal.pin = terminal.pin.or(before.pin);
                    terminal.standing = before.standing;
                    terminal.limits = self.limits.over(before.limits);
                }
            }
            RegisterChange::Controller(Controller { id, pin, .. }) => {
                *pin = pin.or_else(|| register.pin(&Station::Controller(*id)));
            }
            RegisterChange::Hub(Hub { id, pin }) => {
                *pin = pin.or_else(|| register.pin(&Station::Hub(*id)));
            }
        }
        change
    }
}

/// Says whether a key's holder is whom the change is about.
fn is_own(holder: Peer, id: RegisterId) -> bool {
    match (holder, id) {
        (Peer::Terminal(holder), RegisterId::Terminal(id)) => holder == id,
        (Peer::Controller(holder, _), RegisterId::Controller(id)) => holder == id,
        (Peer::Hub(holder), RegisterId::Hub(id)) => holder == id,
        (Peer::Terminal(_) | Peer::Controller(..) | Peer::Hub(_) | Peer::Handset(..), _) => false,
    }
}

const fn words(error: &RegisterError) -> &'static str {
    match error {
        RegisterError::MerchantMissing(..) | RegisterError::OwnerMissing(..) => {
            "merchant: not registered"
        }
        RegisterError::StoreMissing(..) => "store: not registered",
        RegisterError::OwnerFixed(..) => "merchant: a controller cannot be given to another",
        RegisterError::StationMissing(_) => "id: not registered",
        RegisterError::KeyTaken(_) => KEY_TAKEN,
    }
}

/// Says that a key speaks for somebody else.
pub(super) const KEY_TAKEN: &str = "key_pin: enrolled for another peer already";

impl Kind for Changes {
    type Entry = Entry;
    type Id = RegisterId;

    fn columns(&self) -> &'static [Column] {
        self.columns
    }

    fn parse(&self, row: &Row) -> Result<Entry, String> {
        let change = (self.parse)(row)?;
        let limits = match &change {
            RegisterChange::Terminal(_) => SaidLimits::read(row)?,
            _ => SaidLimits::default(),
        };
        let has_invoice_number = row.mentions(&["invoice_number"]);
        Ok(Entry { change, limits, has_invoice_number })
    }

    fn id(&self, entry: &Entry) -> RegisterId {
        RegisterId::of(&entry.change)
    }

    fn pin(&self, entry: &Entry) -> Option<KeyPin> {
        pin(&entry.change)
    }

    fn check(
        &mut self,
        Entry { change, .. }: &Entry,
        existing: Existing,
        office: &Office,
    ) -> Result<Result<(), String>, Halt> {
        let (register, id) = (office.engine.register(), RegisterId::of(change));
        if existing == Existing::Refused && id.is_in(&register) {
            return Ok(Err(already_there(self.id_column())));
        }
        let holder = pin(change).and_then(|pin| office.engine.peer(&pin));
        if holder.is_some_and(|holder| !is_own(holder, id)) {
            return Ok(Err(KEY_TAKEN.to_owned()));
        }
        Ok(register.check(change).map_err(|error| words(&error).to_owned()))
    }

    fn enter(&mut self, line: u64, entry: Entry, clerk: &mut Clerk<'_>) -> Result<(), Halt> {
        let id = RegisterId::of(&entry.change);
        if self.waiting.iter().any(|(_, other)| RegisterId::of(&other.change) == id) {
            self.finish(clerk)?;
        }
        if let Err(problem) = self.check(&entry, clerk.existing, clerk.office)? {
            return clerk.report.bad(line, problem);
        }
        if let RegisterChange::Merchant(merchant) = &entry.change
            && merchant.invoice_number.is_some_and(|number| !number.bears_corporate_check_digit())
        {
            clerk.report.odd(line, NO_CORPORATE_NUMBER)?;
        }
        self.waiting.push((line, entry));
        if self.waiting.len() < BATCH { Ok(()) } else { self.finish(clerk) }
    }

    fn finish(&mut self, clerk: &mut Clerk<'_>) -> Result<(), Halt> {
        let waiting = std::mem::take(&mut self.waiting);
        let mut rest = waiting.as_slice();
        while !rest.is_empty() {
            let slots = clerk.pace.slots(rest.len())?;
            let (now, later) = rest.split_at(slots.len().min(rest.len()));
            if enter_together(now, slots, clerk).is_err() {
                // One came into conflict since it was checked: the others need not wait for it.
                enter_alone(now, clerk)?;
            }
            rest = later;
        }
        Ok(())
    }
}

fn enter_alone(changes: &[(u64, Entry)], clerk: &mut Clerk<'_>) -> Result<(), Halt> {
    changes.iter().try_for_each(|alone| {
        let slots = clerk.pace.slots(1)?;
        match enter_together(std::slice::from_ref(alone), slots, clerk) {
            Ok(()) => Ok(()),
            Err(error) => clerk.report.bad(alone.0, words(&error).to_owned()),
        }
    })
}

/// Enters all changes or none, and counts them; there is a place in the journal for each.
fn enter_together(
    changes: &[(u64, Entry)],
    slots: Vec<JournalSlot>,
    clerk: &mut Clerk<'_>,
) -> Result<(), RegisterError> {
    let engine = &clerk.office.engine;
    // What somebody freezes or limits meanwhile must not be undone by what was read before.
    let turn = clerk.office.policies.turn();
    let register = engine.register();
    let slotted = changes.iter().zip(slots);
    let slotted = slotted.map(|((_, entry), slot)| (entry.beside(&register), slot));
    let entered = engine.enter_register(slotted.collect(), clerk.office.clock.now_ms());
    drop(turn);
    clerk.pace.queued(entered?.after);
    for (_, entry) in changes {
        if RegisterId::of(&entry.change).is_in(&register) {
            clerk.report.updated();
        } else {
            clerk.report.entered();
        }
    }
    Ok(())
}
