//! Customers with the handset in their hand, and shops and customers that come later.

use std::net::SocketAddr;

use kessai_client::terms::basket::Rounding;
use kessai_client::terms::collation::{HandsetSecrets, Salt};
use kessai_client::terms::{Currency, CustomerId, PaymentId, PresentmentCode, StoreName};
use kessai_client::wire::{Notice, Payer, Payment, Purchase};
use kessai_client::{Answered, Events, Handset, PeerKey, Question, Terminal};
use kessai_engine::{
    CustomerAdded, CustomerPolicy, DeviceAdded, KeyPin, Lsn, PolicySet, RegisterChange, Standing,
    Store, TerminalKind,
};
use kessai_gateway::{Keys, Settings};

use super::{
    Phone, Shop, asked, bounded, connector_to, handset, phone, purchase, secrets_of, till, told,
    yen,
};

/// A customer at a handset.
pub struct Owner {
    pub phone: Handset,
    pub events: Events,
    pub secrets: HandsetSecrets,
}

impl Owner {
    pub async fn asked(&mut self) -> Question {
        asked(&mut self.events).await
    }

    pub async fn told(&mut self) -> Notice {
        told(&mut self.events).await
    }

    /// Approves, and reads the notice that says so.
    pub async fn approves(&mut self, question: &Question) -> Notice {
        let answered = bounded(self.phone.approve(question, &self.secrets)).await.unwrap();
        let Answered::Approved(notice) = answered else { panic!("{answered:?}") };
        assert_eq!(self.told().await, notice);
        notice
    }

    /// Pays what is asked.
    pub async fn pays(&mut self, till: &Terminal, asking: Purchase) -> Payment {
        let (end, _) = bounded(async {
            tokio::join!(till.pay(asking), async {
                let question = self.asked().await;
                self.approves(&question).await
            })
        })
        .await;
        end.unwrap()
    }

    pub async fn code(&self) -> PresentmentCode {
        bounded(self.phone.present_code()).await.unwrap().code
    }
}

/// The same purchase, paid by code.
pub fn by_code(purchase: Purchase, code: PresentmentCode) -> Purchase {
    Purchase { payer: Payer::Code(code), ..purchase }
}

/// Nobody is left in peace, however often they are asked.
pub fn patient(settings: &mut Settings) {
    settings.payments.mute_after = 0;
    settings.payments.asks_per_minute = 1_000_000;
    settings.payments.declines_per_terminal_per_minute = 1_000_000;
}

/// Starts to ask for a payment that is to wait for its customer.
pub fn asking(
    till: &Terminal,
    purchase: Purchase,
) -> tokio::task::JoinHandle<Result<Payment, kessai_client::CallError>> {
    let till = till.clone();
    tokio::spawn(async move { till.pay(purchase).await })
}

pub fn in_currency(purchase: Purchase, code: &str) -> Purchase {
    Purchase { currency: Currency::from_code(code).unwrap(), ..purchase }
}

impl Shop {
    pub async fn owner(&self, number: usize) -> Owner {
        let (phone, events) = self.phone(number, 0).await;
        Owner { phone, events, secrets: secrets_of(u8::try_from(number + 1).unwrap()) }
    }

    /// Connects the owner of a handset that [`Shop::enters_customer`] made.
    pub async fn owner_of(&self, phone: &Phone) -> Owner {
        let address = self.gateway.local_addr();
        let connector = connector_to(&phone.key, address, self.gateway.root_pin());
        let secrets = secrets_of(phone.id.device.0[0]);
        let (phone, events) = handset(phone, connector, 0).await;
        Owner { phone, events, secrets }
    }

    /// Enters a customer with handset `number`.
    pub async fn enters_customer(
        &self,
        id: &str,
        (currency, balance): (&str, u64),
        number: u8,
    ) -> Phone {
        let customer: CustomerId = id.parse().unwrap();
        let currency = Currency::from_code(currency).unwrap();
        let slot = || self.gateway.journal().reserve().unwrap();
        let now_ms = self.gateway.now_ms();
        let added = CustomerAdded { customer, currency, balance: yen(balance) };
        self.engine().add_customer(added, now_ms, slot()).unwrap();
        let phone = phone(customer, number);
        let keys = Keys::load(&self.settings.keys).unwrap();
        let device = phone.id.device;
        let row = keys.current_sealing_key().seal(
            &phone.secrets.device_keys(),
            &customer,
            &device,
            1,
            [number; 12],
        );
        let pin = KeyPin(phone.key.pin());
        let added = DeviceAdded { customer, device, pin, salt: Salt([1; 16]), row };
        self.is_durable(self.engine().add_device(added, now_ms, slot()).unwrap()).await;
        phone
    }

    /// Enters a store of the same merchant that charges in another currency, with one terminal.
    pub async fn enters_store(
        &self,
        currency: &str,
        terminal: &str,
        kind: TerminalKind,
    ) -> Terminal {
        let key = PeerKey::generate().unwrap();
        let store = format!("{currency}1").parse().unwrap();
        self.registers(RegisterChange::Store(Store {
            id: store,
            merchant: "SUZUKI1".parse().unwrap(),
            name: StoreName::new("Abroad").unwrap(),
            currency: Currency::from_code(currency).unwrap(),
            rounding: Rounding::Down,
            standing: Standing::Active,
        }))
        .await;
        self.registers(RegisterChange::Terminal(kessai_engine::Terminal {
            id: terminal.parse().unwrap(),
            store,
            kind,
            pin: Some(KeyPin(key.pin())),
            standing: Standing::Active,
            limits: kessai_engine::Limits::default(),
        }))
        .await;
        let address: SocketAddr = self.gateway.local_addr();
        till(terminal, connector_to(&key, address, self.gateway.root_pin())).await
    }

    /// Enters a change of the register.
    pub async fn registers(&self, change: RegisterChange) {
        let slot = self.gateway.journal().reserve().unwrap();
        let now_ms = self.gateway.now_ms();
        self.engine().enter_register(vec![(change, slot)], now_ms).unwrap();
        self.is_durable(self.gateway.journal().latest()).await;
    }

    /// Changes what a terminal of [`super::TILLS`] may do.
    pub async fn changes_till(
        &self,
        number: usize,
        change: impl FnOnce(&mut kessai_engine::Terminal),
    ) {
        let place = self.engine().register().place(&super::TILLS[number].parse().unwrap()).cloned();
        let mut terminal = place.unwrap().terminal;
        change(&mut terminal);
        self.registers(RegisterChange::Terminal(terminal)).await;
    }

    pub async fn sets_policy(&self, customer: &str, policy: CustomerPolicy) {
        let slot = self.gateway.journal().reserve().unwrap();
        let set = PolicySet { customer: customer.parse().unwrap(), policy };
        let lsn = self.engine().set_policy(set, self.gateway.now_ms(), slot).unwrap();
        self.is_durable(lsn).await;
    }

    async fn is_durable(&self, lsn: Lsn) {
        bounded(self.gateway.journal().when_durable(lsn)).await;
    }

    /// A new purchase of the rich customer's at this till.
    pub fn rich(&self, till: &Terminal, price: u64) -> Purchase {
        purchase(till.payment_id(), super::RICH, price)
    }

    pub fn balance(&self, customer: &str) -> u64 {
        self.customer(customer).balance.minor()
    }
}

/// Why a call was refused.
pub fn refusal<T: std::fmt::Debug>(
    answer: Result<T, kessai_client::CallError>,
) -> kessai_client::terms::Reason {
    match answer {
        Err(kessai_client::CallError::Refused(refusal)) => refusal.reason,
        other => panic!("{other:?}"),
    }
}

/// A refund of `price`, under a new id.
pub fn refund(till: &Terminal, payment: PaymentId, price: u64) -> kessai_client::wire::Refund {
    kessai_client::wire::Refund { refund: till.payment_id(), payment, amount: yen(price) }
}
