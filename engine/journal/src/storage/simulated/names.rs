//! The names of files: as the running machine sees them, and as they are on the disk.

use std::collections::BTreeMap;

use crate::storage::simulated::faults::Plan;

/// Names a file whatever its name is.
pub(super) type Inode = u64;

/// A change of names that is not durable yet. A rename is one: whole or not at all.
#[derive(Debug, Clone)]
enum Change {
    Created(String, Inode),
    Renamed { from: String, to: String, inode: Inode },
    Removed(String, Inode),
}

/// Paths of the form `folder/name`, and where they lead.
#[derive(Debug, Default)]
pub(super) struct Names {
    seen: BTreeMap<String, Inode>,
    durable: BTreeMap<String, Inode>,
    /// What leads from `durable` to `seen`.
    unsynced: Vec<Change>,
}

impl Names {
    pub(super) fn find(&self, path: &str) -> Option<Inode> {
        self.seen.get(path).copied()
    }

    /// Gives the paths and files of a folder in rising order.
    pub(super) fn folder(&self, folder: &str) -> impl Iterator<Item = (&str, Inode)> {
        let within = move |path: &str| split(path).0 == folder;
        let found = self.seen.iter().filter(move |(path, _)| within(path));
        found.map(|(path, inode)| (split(path).1, *inode))
    }

    pub(super) fn create(&mut self, path: String, inode: Inode) {
        self.change(Change::Created(path, inode));
    }

    /// False if there is no such file.
    pub(super) fn rename(&mut self, from: String, to: String) -> bool {
        let Some(inode) = self.find(&from) else {
            return false;
        };
        self.change(Change::Renamed { from, to, inode });
        true
    }

    /// False if there is no such file.
    pub(super) fn remove(&mut self, path: String) -> bool {
        let Some(inode) = self.find(&path) else {
            return false;
        };
        self.change(Change::Removed(path, inode));
        true
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.seen);
        self.unsynced.push(change);
    }

    /// Makes the names in a folder durable.
    pub(super) fn sync(&mut self, folder: &str) {
        let durable = &mut self.durable;
        self.unsynced.retain(|change| {
            let within = split(change.path()).0 == folder;
            if within {
                change.apply(durable);
            }
            !within
        });
    }

    /// Takes a name, or a file's lack of one, to the disk at once: not by the running machine.
    pub(super) fn put(&mut self, path: &str, inode: Option<Inode>) {
        self.unsynced.retain(|change| !change.touches(path));
        for names in [&mut self.seen, &mut self.durable] {
            match inode {
                Some(inode) => names.insert(path.to_owned(), inode),
                None => names.remove(path),
            };
        }
    }

    /// Leaves any of the changes that were not durable, and none of the others.
    pub(super) fn crash(&mut self, plan: &mut Plan) {
        let share = plan.share();
        for change in self.unsynced.drain(..) {
            if plan.keeps(share) {
                change.apply(&mut self.durable);
            }
        }
        self.seen = self.durable.clone();
    }

    /// Tells whether a file has a name, or may have one after a crash.
    pub(super) fn is_named(&self, inode: Inode) -> bool {
        self.seen.values().chain(self.durable.values()).any(|named| *named == inode)
            || self.unsynced.iter().any(|change| change.inode() == inode)
    }
}

impl Change {
    fn apply(&self, names: &mut BTreeMap<String, Inode>) {
        match self {
            Self::Created(path, inode) => {
                names.insert(path.clone(), *inode);
            }
            Self::Renamed { from, to, inode } => {
                unname(names, from, *inode);
                names.insert(to.clone(), *inode);
            }
            Self::Removed(path, inode) => unname(names, path, *inode),
        }
    }

    fn path(&self) -> &str {
        match self {
            Self::Created(path, _) | Self::Removed(path, _) => path,
            Self::Renamed { to, .. } => to,
        }
    }

    fn touches(&self, path: &str) -> bool {
        self.path() == path || matches!(self, Self::Renamed { from, .. } if from == path)
    }

    const fn inode(&self) -> Inode {
        match self {
            Self::Created(_, inode) | Self::Removed(_, inode) | Self::Renamed { inode, .. } => {
                *inode
            }
        }
    }
}

/// Takes a name away, unless an earlier change that it took part in was lost and the name leads
/// elsewhere.
fn unname(names: &mut BTreeMap<String, Inode>, path: &str, inode: Inode) {
    if names.get(path) == Some(&inode) {
        names.remove(path);
    }
}

/// Splits a path into folder and name.
fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}
