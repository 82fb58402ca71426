//! Holds the house to its plan: which crate may know which, and what none of them may contain.
//!
//! The same plan stands in docs/ARCHITECTURE.md for people. It is checked here because this crate
//! is the only one that may see all the others.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use toml::{Table, Value};

type Arrows = BTreeMap<&'static str, &'static [&'static str]>;

/// Where each crate lives.
const ROOMS: [(&str, &str); 8] = [
    ("terms", "engine/terms"),
    ("engine", "engine"),
    ("journal", "engine/journal"),
    ("wire", "gateway/wire"),
    ("client", "gateway/client"),
    ("gateway", "gateway"),
    ("loadgen", "loadgen"),
    ("benches", "benches"),
];

/// `A -> B`: A depends on B. Nothing else.
fn arrows() -> Arrows {
    BTreeMap::from([
        ("terms", &[][..]),
        ("engine", &["terms"]),
        ("journal", &["engine"]),
        ("wire", &["terms"]),
        ("client", &["terms", "wire"]),
        ("gateway", &["engine", "journal", "wire"]),
        ("loadgen", &["client", "engine", "gateway", "journal"]),
        ("benches", &["client", "engine", "gateway", "journal", "loadgen", "terms", "wire"]),
    ])
}

/// What tests may know besides: a gateway is tried by a real client.
fn arrows_of_tests() -> Arrows {
    BTreeMap::from([("gateway", &["client"][..])])
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn manifest(folder: &str) -> Table {
    let path = root().join(folder).join("Cargo.toml");
    fs::read_to_string(&path).unwrap().parse().unwrap_or_else(|e| panic!("{path:?}: {e}"))
}

/// Our own crates in one table of a manifest, without their common prefix.
fn ours(manifest: &Table, table: &str) -> BTreeSet<String> {
    let table = manifest.get(table).and_then(Value::as_table);
    let names = table.into_iter().flat_map(Table::keys);
    names.filter_map(|name| name.strip_prefix("kessai-")).map(str::to_owned).collect()
}

fn names(list: Option<&&[&str]>) -> BTreeSet<String> {
    list.into_iter().flat_map(|names| names.iter().map(ToString::to_string)).collect()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Our crates that the code of `folder` names, by `kessai_` and the name.
fn named_in(folder: &Path) -> BTreeSet<String> {
    let mut files = Vec::new();
    sources(folder, &mut files);
    let mut named = BTreeSet::new();
    for file in files {
        let text = fs::read_to_string(file).unwrap();
        for (place, _) in text.match_indices("kessai_") {
            let rest = &text[place + "kessai_".len()..];
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
            named.insert(rest[..end].to_owned());
        }
    }
    named
}

#[test]
fn manifests_follow_the_arrows() {
    for (room, folder) in ROOMS {
        let manifest = manifest(folder);
        assert_eq!(
            ours(&manifest, "dependencies"),
            names(arrows().get(room)),
            "dependencies of {room}"
        );
        let more = ours(&manifest, "dev-dependencies");
        assert_eq!(more, names(arrows_of_tests().get(room)), "dev-dependencies of {room}");
        assert!(ours(&manifest, "build-dependencies").is_empty(), "build-dependencies of {room}");
    }
}

#[test]
fn code_names_no_crate_that_it_may_not_know() {
    for (room, folder) in ROOMS {
        let mut allowed = names(arrows().get(room));
        allowed.insert(room.to_owned());
        let named = named_in(&root().join(folder).join("src"));
        let strays: Vec<_> = named.difference(&allowed).collect();
        assert!(strays.is_empty(), "the code of {room} names {strays:?}");
    }
}

/// Without `biased`, tokio draws which of two branches that are ready goes first, and no simulation
/// would ever repeat.
#[test]
fn of_what_happens_at_once_the_order_is_fixed() {
    let mut files = Vec::new();
    sources(&root().join("gateway/src"), &mut files);
    sources(&root().join("gateway/client/src"), &mut files);
    let mut seen = 0;
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for (place, select) in text.match_indices("select! {") {
            seen += 1;
            let mut branches = text[place + select.len()..].lines().map(str::trim);
            let first = branches.find(|line| !line.is_empty() && !line.starts_with("//"));
            assert_eq!(first, Some("biased;"), "in {}", file.display());
        }
    }
    assert!(seen > 0, "the gateway waits for more than one thing somewhere");
}

#[test]
fn every_member_of_the_workspace_is_a_room() {
    let workspace = manifest("");
    let members = workspace["workspace"]["members"].as_array().unwrap();
    let members: BTreeSet<_> = members.iter().map(|member| member.as_str().unwrap()).collect();
    assert_eq!(members, ROOMS.into_iter().map(|(_, folder)| folder).collect());
    for (room, folder) in ROOMS {
        let manifest = manifest(folder);
        assert_eq!(manifest["lints"]["workspace"].as_bool(), Some(true), "lints of {room}");
        assert_eq!(manifest["package"]["name"].as_str(), Some(&*format!("kessai-{room}")));
    }
    assert_eq!(workspace["workspace"]["lints"]["rust"]["unsafe_code"].as_str(), Some("forbid"));
}

/// The engine and its words know no I/O, no clock, no randomness and no runtime.
#[test]
fn what_decides_depends_on_nothing_that_acts() {
    let acting = ["tokio", "quinn", "rand", "rustls", "aws-lc-rs", "tracing", "chrono"];
    for folder in ["engine", "engine/terms"] {
        let manifest = manifest(folder);
        let dependencies = manifest["dependencies"].as_table().unwrap();
        for name in acting {
            assert!(!dependencies.contains_key(name), "{folder} depends on {name}");
        }
    }
}

/// One TLS provider: a second one in the tree would be picked by accident, or panic at run time.
/// (The lock file names others too, for targets that nobody builds.)
#[test]
fn there_is_one_tls_provider() {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["tree", "--workspace", "--prefix", "none", "--format", "{p}", "--locked"]);
    let output = cargo.current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).unwrap();
    let uses = |name: &str| tree.lines().any(|line| line.split(' ').next() == Some(name));
    assert!(uses("aws-lc-rs"));
    assert!(!uses("ring"), "ring has come into the tree");
}

#[test]
fn the_plan_for_people_names_every_arrow() {
    let plan = fs::read_to_string(root().join("docs/ARCHITECTURE.md")).unwrap();
    for (room, known) in arrows() {
        for other in known.iter().filter(|_| room != "benches") {
            let arrow = format!("{room} --> {other}");
            assert!(plan.contains(&arrow), "docs/ARCHITECTURE.md lacks the arrow `{arrow}`");
        }
    }
}
