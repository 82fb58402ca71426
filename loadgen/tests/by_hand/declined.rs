//! What the customer is told of a payment that is not asked about, and the shop is not.

use kessai_engine::terms::Amount;
use kessai_engine::{CustomerPolicy, Limits, Naming, Standing};

use crate::approve;
use crate::codes::code;
use crate::stage::{CUSTOMER, Stage};

#[test]
fn each_cause_has_its_words_on_the_handset_and_one_answer_at_the_till() {
    let stage = Stage::set();
    stage.enrol();
    let (mut till, mut phone) = (stage.till(), stage.phone());
    phone.hear("is ready.");
    till.ask("9521000000377", "To pay: 115 JPY.");
    let frozen = CustomerPolicy { standing: Standing::Frozen, ..CustomerPolicy::default() };
    let code_only = CustomerPolicy { named_by: Naming::CodeOnly, ..CustomerPolicy::default() };
    let limit = Amount::new(114).unwrap();
    let limited = |limits| CustomerPolicy { limits, ..CustomerPolicy::default() };
    let per_payment = limited(Limits { per_payment: Some(limit), ..Limits::default() });
    let per_day = limited(Limits { per_day: Some(limit), ..Limits::default() });
    let count = limited(Limits { count_per_day: Some(0), ..Limits::default() });
    for (policy, told) in [
        (frozen, "Your account is frozen. Please call us."),
        (code_only, "A shop asked by your customer number, but you pay by code only."),
        (per_payment, "This payment is above your limit."),
        (per_day, "This payment would exceed your limit for today."),
        (count, "You have reached today's number of payments."),
    ] {
        stage.decide(policy);
        till.say(&format!("pay {CUSTOMER}"));
        till.hear("NOT PAID. Not approved. Please ask for another way to pay. The list is kept.");
        phone.hear(&format!("Not paid: 115 JPY at 渋谷店. {told}"));
    }
}

#[test]
fn whoever_refuses_three_times_is_left_in_peace() {
    let stage = Stage::set();
    stage.enrol();
    let (mut till, mut phone) = (stage.till(), stage.phone());
    till.ask("9521000000377", "To pay: 115 JPY.");
    for _ in 0..3 {
        till.say(&format!("pay {CUSTOMER}"));
        phone.hear("PAY 115 JPY?");
        phone.ask("cancel", "Not paid: 115 JPY at 渋谷店. You cancelled the payment.");
        till.hear("NOT PAID. The customer cancelled.");
    }
    till.say(&format!("pay {CUSTOMER}"));
    till.hear("NOT PAID. Not approved.");
    let muted = "A shop asked too often, so its requests are held back for a while.";
    phone.hear(&format!("Not paid: 115 JPY at 渋谷店. {muted}"));
    // Who shows a code wants to be asked.
    till.say(&format!("pay {}", code(&mut phone)));
    approve(&mut phone, "115 JPY");
    till.hear("Hand the goods over.");
}
