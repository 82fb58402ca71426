use super::{Batch, Demands, Scenario, ScenarioError, Setting, Unfit};
use crate::population::{Size, Wealth};
use crate::schedule::Form;
use std::collections::BTreeSet;
use std::io::Write;

fn set(texts: &[&str]) -> Result<Scenario, ScenarioError> {
    let settings: Vec<Setting> = texts.iter().map(|text| text.parse().unwrap()).collect();
    Scenario::load("mixed", &settings)
}

#[test]
fn every_preset_can_be_and_is_another() {
    let presets = Scenario::presets().unwrap();
    assert_eq!(presets[0], Scenario::default());
    let names: Vec<_> = presets.iter().map(Scenario::name).collect();
    let expected =
        ["mixed", "convenience-store", "vending", "commuter-peak", "hot-merchant", "hostile"];
    assert_eq!(names, expected);
    let digests: BTreeSet<_> = presets.iter().map(Scenario::digest).collect();
    let told: BTreeSet<_> = presets.iter().map(|p| p.values().description.clone()).collect();
    assert_eq!((digests.len(), told.len()), (presets.len(), presets.len()));
}

#[test]
fn what_is_printed_is_read_as_the_same() {
    for preset in Scenario::presets().unwrap() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(preset.to_toml().as_bytes()).unwrap();
        let read = Scenario::load(file.path().to_str().unwrap(), &[]).unwrap();
        assert_eq!((read.values(), read.digest()), (preset.values(), preset.digest()));
        assert_ne!(read.name(), preset.name());
    }
}

#[test]
fn values_are_set_one_by_one() {
    let scenario = set(&["skew.stores=2", "population.wealth=plenty", "sent_twice=1000"]).unwrap();
    let values = scenario.values();
    assert_eq!((values.skew.stores, values.skew.products), (2.0, 0.82));
    let demands = Demands { machines: None, wealth: Some(Wealth::Plenty) };
    assert_eq!((values.population, values.sent_twice), (demands, 1_000));
    assert_ne!(scenario.digest(), Scenario::default().digest());
    let unchanged = set(&["skew.stores=0.85", "description=told otherwise"]).unwrap();
    assert_eq!(unchanged.digest(), Scenario::default().digest(), "no run depends on it");
    let day = set(&["curve=\"06:00,1\\n18:00,3\""]).unwrap();
    assert!(matches!(day.form(), Form::Day(_)) && *scenario.form() == Form::Constant);
}

/// The error says which key it is, so that nobody has to look for it.
#[test]
fn what_cannot_be_is_named() {
    let check = |texts: &[&str], words: &[&str]| {
        let error = set(texts).unwrap_err().to_string();
        assert!(words.iter().all(|word| error.contains(word)), "{texts:?}: {error}");
        assert!(!error.contains('\n'), "{error}");
    };
    check(&["skew.shops=1"], &["shops", "skew", "stores"]);
    check(&["speed=1"], &["speed"]);
    check(&["habits.dances=1"], &["dances", "habits", "stays_silent"]);
    check(&["skew.stores=fast"], &["skew.stores", "fast"]);
    check(&["skew=1"], &["skew"]);
    check(&["skew.customers=-1"], &["skew.customers", "-1"]);
    check(&["skew.products=nan"], &["skew.products", "NaN"]);
    check(&["habits.approves=700"], &["habits", "900 thousandths"]);
    check(&["habits.approves=-1"], &["habits", "-1"]);
    check(&["namings.id=851"], &["namings", "1001"]);
    check(&["tills.jammed=0"], &["tills", "Jammed"]);
    check(&["machines.kept=0"], &["machines", "Kept"]);
    check(&["sent_twice=1001"], &["sent_twice", "1001"]);
    check(&["refunded_elsewhere=1001"], &["refunded_elsewhere"]);
    check(&["population.machines=1001"], &["population.machines"]);
    check(&["population.wealth=endless"], &["population.wealth", "endless", "plenty"]);
    check(&["baskets.lines.most=201"], &["baskets.lines"]);
    check(&["baskets.pieces.least=0"], &["baskets.pieces"]);
    check(&["reactions.dispenses.median_s=0"], &["reactions.dispenses"]);
    check(&["reactions.types_again.spread=9"], &["reactions.types_again"]);
    check(&["curve=noon"], &["curve", "line 1"]);
    check(&["outages.trains.share=1"], &["trains", "tills", "handsets"]);
    check(&["outages.tills.share=0"], &["outages.tills.share", "1 to 1000"]);
    check(&["outages.handsets.share=1001"], &["outages.handsets.share", "1001"]);
    check(&["outages.tills.every_s=0"], &["outages.tills.every_s"]);
    check(&["outages.tills.every_s=nan"], &["outages.tills.every_s"]);
    check(&["outages.handsets.lasts.median_s=0"], &["outages.handsets.lasts"]);
}

#[test]
fn outages_are_in_the_presets_that_are_about_them_and_nowhere_else() {
    for preset in Scenario::presets().unwrap() {
        let outages = preset.values().outages;
        let has = (outages.tills.is_some(), outages.handsets.is_some());
        let expected = match preset.name() {
            "hostile" => (true, true),
            "vending" => (true, false),
            _ => (false, false),
        };
        assert_eq!(has, expected, "{}", preset.name());
        assert_eq!(preset.to_toml().contains("outages"), has.0, "{}", preset.name());
    }
    let some = set(&["outages.handsets.share=300"]).unwrap();
    let batch = Batch { share: 300, ..Batch::default() };
    assert_eq!(some.values().outages.handsets, Some(batch));
    assert_ne!(some.digest(), Scenario::default().digest());
}

#[test]
fn files_that_are_none_are_named() {
    let error = Scenario::load("rush-hour", &[]).unwrap_err().to_string();
    assert!(error.contains("rush-hour") && error.contains("commuter-peak"), "{error}");
    let mut file = tempfile::NamedTempFile::new().unwrap();
    write!(file, "[skew]\nstores = = 1\n").unwrap();
    let path = file.path().to_str().unwrap();
    let error = Scenario::load(path, &[]).unwrap_err().to_string();
    assert!(error.contains(path) && error.contains("line 2"), "{error}");
}

#[test]
fn a_scenario_for_another_population_is_refused() {
    let size = |machines, wealth| Size {
        customers: 9,
        terminals: 9,
        controllers: 0,
        hubs: 0,
        machines,
        wealth,
    };
    let vending = || Scenario::load("vending", &[]).unwrap();
    let error = vending().settled(size(120, Wealth::Mixed)).unwrap_err();
    let scenario = "vending".to_owned();
    assert_eq!(error, Unfit::Machines { scenario, wanted: 1_000, found: 120 });
    let settled = vending().settled(size(1_000, Wealth::Plenty)).unwrap();
    let demands = Demands { machines: Some(1_000), wealth: Some(Wealth::Plenty) };
    assert_eq!(settled.values().population, demands);
    let plenty = set(&["population.wealth=plenty"]).unwrap();
    let error = plenty.settled(size(120, Wealth::Mixed)).unwrap_err();
    assert!(error.to_string().contains("Plenty"), "{error}");
    let digest = |wealth| Scenario::default().settled(size(120, wealth)).unwrap().digest();
    assert_ne!(digest(Wealth::Mixed), digest(Wealth::Plenty), "runs of them are not compared");
}
