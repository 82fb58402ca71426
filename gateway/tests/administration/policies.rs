//! What customers, stores and terminals may do is shown, changed and kept.

use serde_json::{Value, json};
use ureq::http::StatusCode;

use crate::processor::Processor;

/// Sends a request as it stands; gives the status and what it answers.
pub fn ask(processor: &Processor, method: &str, path: &str, body: &Value) -> (StatusCode, Value) {
    let request = ureq::http::Request::builder()
        .method(method)
        .uri(format!("{}{path}", processor.admin))
        .header("Authorization", processor.bearer())
        .header("Content-Type", "application/json");
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut response = agent.run(request.body(body.to_string()).unwrap()).unwrap();
    let text = response.body_mut().read_to_string().unwrap();
    (response.status(), serde_json::from_str(&text).unwrap_or(Value::Null))
}

fn policy(processor: &Processor) -> Value {
    processor.json(&["customer", "show", "C-1"])["policy"].clone()
}

#[test]
fn a_change_leaves_alone_what_it_does_not_name() {
    let processor = Processor::start();
    processor.enter_shop();
    let none = json!({"standing": "active", "named_by": "id_or_code", "limits": {}});
    assert_eq!(policy(&processor), none);
    let change = |body: Value| {
        let path = "/v1/customers/C-1/policy";
        assert_eq!(ask(&processor, "PATCH", path, &body).0, StatusCode::NO_CONTENT, "{body}");
        policy(&processor)
    };
    let limits = json!({"per_payment_minor": 500, "per_day_minor": 900, "count_per_day": 3});
    let limited = json!({"standing": "active", "named_by": "id_or_code", "limits": limits});
    assert_eq!(change(json!({ "limits": limits })), limited);
    let frozen = json!({"standing": "frozen", "named_by": "id_or_code", "limits": limits});
    assert_eq!(change(json!({"standing": "frozen"})), frozen);
    assert_eq!(change(json!({})), frozen);
    let coded = json!({"standing": "frozen", "named_by": "code_only", "limits": limits});
    assert_eq!(change(json!({"named_by": "code_only"})), coded);
    let lesser = json!({"standing": "frozen", "named_by": "code_only",
                        "limits": {"count_per_day": 1}});
    assert_eq!(change(json!({"limits": {"count_per_day": 1}})), lesser, "replaced whole");
    assert_eq!(change(json!({"standing": "active", "named_by": "id_or_code", "limits": {}})), none);
}

#[test]
fn a_change_that_makes_no_sense_changes_nothing() {
    let processor = Processor::start();
    processor.enter_shop();
    let too_much = json!({"limits": {"per_day_minor": 1_000_000_000_000_001_u64}});
    for (path, body, status, named) in [
        ("customers/C-9", json!({}), 404, "C-9"),
        ("terminals/POS9", json!({}), 404, "POS9"),
        ("stores/S9", json!({}), 404, "S9"),
        ("customers/C-1", json!({"standing": "asleep"}), 400, "standing"),
        ("customers/C-1", json!({"named_by": "id"}), 400, "named_by"),
        ("customers/C-1", json!({"limit": {}}), 400, "limit"),
        ("customers/C-1", json!({"limits": {"per_week_minor": 1}}), 400, "per_week_minor"),
        ("customers/C-1", json!({"limits": {"per_day_minor": -1}}), 400, "per_day_minor"),
        ("customers/C-1", too_much.clone(), 400, "per_day_minor"),
        ("terminals/POS1", too_much.clone(), 400, "per_day_minor"),
        ("terminals/POS1", json!({"named_by": "code_only"}), 400, "named_by"),
        ("stores/S1", json!({"standing": "frozen"}), 400, "standing"),
        ("stores/S1", json!({"limits": {}}), 400, "limits"),
    ] {
        let (found, problem) = ask(&processor, "PATCH", &format!("/v1/{path}/policy"), &body);
        let detail = problem["detail"].as_str().unwrap_or_default();
        assert!(found == status && detail.contains(named), "{path} {body}: {found} {problem}");
    }
    for (path, body, status, named) in [
        ("shops/JPY", json!({}), 404, "customers or for terminals"),
        ("customers/XXX", json!({}), 400, "currency"),
        ("customers/JPY", json!({"standing": "frozen"}), 400, "standing"),
    ] {
        let (found, problem) = ask(&processor, "PUT", &format!("/v1/limits/{path}"), &body);
        let detail = problem["detail"].as_str().unwrap_or_default();
        assert!(found == status && detail.contains(named), "{path} {body}: {found} {problem}");
    }
    assert_eq!(policy(&processor)["limits"], json!({}));
    let terminal = &processor.json(&["terminal", "list"])[0];
    assert_eq!((&terminal["standing"], &terminal["limits"]), (&"active".into(), &json!({})));
    assert_eq!(processor.json(&["store", "list"])[0]["standing"], "active");
    assert_eq!(processor.json(&["limits", "show"]), json!([]));
}

#[test]
fn two_who_change_something_at_once_both_have_their_way() {
    let processor = Processor::start();
    processor.enter_shop();
    for round in 1..=20 {
        let standing = if round % 2 == 0 { "active" } else { "frozen" };
        let named_by = if round % 3 == 0 { "id_or_code" } else { "code_only" };
        let changes = [
            json!({ "standing": standing }),
            json!({ "named_by": named_by }),
            json!({"limits": {"count_per_day": round}}),
        ];
        std::thread::scope(|scope| {
            for change in &changes {
                scope.spawn(|| {
                    let (status, _) = ask(&processor, "PATCH", "/v1/customers/C-1/policy", change);
                    assert_eq!(status, StatusCode::NO_CONTENT);
                });
            }
        });
        let all = json!({"standing": standing, "named_by": named_by,
                         "limits": {"count_per_day": round}});
        assert_eq!(policy(&processor), all);
    }
}

/// What commands show once everything is limited, frozen or suspended.
fn check(processor: &Processor) {
    let shown = processor.kessai(&["customer", "show", "C-1"]);
    let (head, today) = shown.split_once("\ntoday\n").unwrap();
    assert_eq!(
        head,
        "\
id                     C-1
currency               JPY
balance_minor          1000
held_minor             0
wrong_proofs_in_a_row  0
devices                none
has_profile            no
policy
  standing  frozen
  named_by  code_only
  limits
    per_payment_minor  500
    count_per_day      3
limits_in_force
  per_payment_minor  500
  per_day_minor      2000
  count_per_day      3"
    );
    let today: Vec<_> = today.lines().map(str::trim).collect();
    assert!(today[0].starts_with("business_date  20"), "{today:?}");
    assert_eq!(today[1..], ["amount_minor   0", "count          0"]);
    let page = "\
id    store  kind  enrolled  standing  limits
POS1  S1     pos   no        frozen    per_day_minor 70000
";
    assert_eq!(processor.kessai(&["terminal", "list"]), page);
    let page = "\
id  merchant  name     currency  rounding  standing
S1  M1        Station  JPY       down      suspended
";
    assert_eq!(processor.kessai(&["store", "list"]), page);
    let page = "\
holder     currency  per_payment_minor  per_day_minor  count_per_day
customers  JPY                    1000           2000  -
terminals  JPY                       -              -  100
";
    assert_eq!(processor.kessai(&["limits", "show"]), page);
}

#[test]
fn commands_change_and_show_what_they_say() {
    let mut processor = Processor::start();
    processor.enter_shop();
    for words in [
        &["customer", "limit", "C-1", "--per-payment", "500", "--count-per-day", "3"][..],
        &["customer", "code-only", "C-1"],
        &["customer", "freeze", "C-1"],
        &["terminal", "limit", "POS1", "--per-day", "70000"],
        &["terminal", "freeze", "POS1"],
        &["store", "suspend", "S1"],
        &["limits", "set", "customers", "JPY", "--per-payment", "1000", "--per-day", "2000"],
        &["limits", "set", "terminals", "JPY", "--count-per-day", "100"],
        &["limits", "set", "terminals", "USD", "--per-day", "5"],
        &["limits", "set", "terminals", "USD", "--none"],
    ] {
        assert_eq!(processor.kessai(words), "", "{words:?}");
    }
    check(&processor);
    // What else changes of them leaves it alone, also what a table changes, and a restart.
    processor.kessai(&["terminal", "set", "POS1", "--store", "S1"]);
    let store = ["store", "set", "S1", "--merchant", "M1", "--name", "Station"];
    processor.kessai(&[&store[..], &["--currency", "JPY"]].concat());
    processor.import("terminals?update=true", "id,store\nPOS1,S1\n");
    processor.import("stores?update=true", "id,merchant,name,currency\nS1,M1,Station,JPY\n");
    processor.import("customers?update=true", "id,currency,balance_minor\nC-1,JPY,5\n");
    check(&processor);
    processor.stop("-KILL");
    processor.serve_again();
    check(&processor);
    for words in [
        &["customer", "limit", "C-1", "--none"][..],
        &["customer", "code-only", "C-1", "--off"],
        &["customer", "unfreeze", "C-1"],
        &["terminal", "limit", "POS1", "--none"],
        &["terminal", "unfreeze", "POS1"],
        &["store", "resume", "S1"],
    ] {
        assert_eq!(processor.kessai(words), "", "{words:?}");
    }
    let none = json!({"standing": "active", "named_by": "id_or_code", "limits": {}});
    assert_eq!(policy(&processor), none);
    let customer = processor.json(&["customer", "show", "C-1"]);
    let defaults = json!({"per_payment_minor": 1000, "per_day_minor": 2000});
    assert_eq!(customer["limits_in_force"], defaults);
    let terminal = &processor.json(&["terminal", "list"])[0];
    assert_eq!((&terminal["standing"], &terminal["limits"]), (&"active".into(), &json!({})));
    assert_eq!(processor.json(&["store", "list"])[0]["standing"], "active");
}

#[test]
fn limits_must_be_said_or_denied() {
    let processor = Processor::start();
    for words in [
        &["customer", "limit", "C-1"][..],
        &["customer", "limit", "C-1", "--none", "--per-day", "5"],
        &["limits", "set", "customers", "JPY"],
        &["limits", "set", "shops", "JPY", "--none"],
    ] {
        assert_eq!(processor.command(words).status.code(), Some(2), "{words:?}");
    }
}

#[test]
fn an_odd_registration_number_is_taken_with_a_warning() {
    let processor = Processor::start();
    let set = ["merchant", "set", "M1", "--name", "Shop"];
    let number = |words: &[&str]| {
        let said = processor.kessai(&[&set[..], words].concat());
        (said, processor.json(&["merchant", "list"])[0]["invoice_number"].clone())
    };
    // A corporate number of the tax agency's own examples.
    let companys = number(&["--invoice-number", "T8700110005901"]);
    assert_eq!(companys, (String::new(), "T8700110005901".into()));
    assert_eq!(number(&[]), (String::new(), "T8700110005901".into()), "as it was");
    let warning = "warnings  invoice_number: entered, but its check digit is not a company's: \
                   is it a sole trader's, or mistyped?\n";
    let odd = number(&["--invoice-number", "T7700110005901"]);
    assert_eq!(odd, (warning.to_owned(), "T7700110005901".into()));
    assert_eq!(number(&["--invoice-number", "none"]), (String::new(), Value::Null));
    let bad = [&set[..], &["--invoice-number", "8700110005901"]].concat();
    let told = "kessai: invoice_number: a registration number begins with the letter T";
    assert_eq!(processor.failure(&bad), told);
}
