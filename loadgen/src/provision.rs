//! Makes a population as files: what `kessai import` takes, and what a run needs to play it.
//!
//! Everything follows from the seed, TLS keys included: one seed and one size are the same bytes,
//! always. Whoever knows the seed can pay with every handset, so none of it belongs into a gateway
//! that moves money.

mod manifest;
mod tables;

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::exchange;
use crate::population::{Population, PopulationError};

use tables::Registrar;

pub use manifest::Provision;
pub use tables::Table;

/// The file that says what a directory holds; it is written last.
const MANIFEST: &str = "provision.toml";

/// The file of rates for prices in other currencies, as a gateway's `exchange.rates` takes it.
pub const RATES: &str = "rates.csv";

/// Why a provision cannot be made or read.
#[derive(Debug, thiserror::Error)]
pub enum ProvisionError {
    /// Nobody can be made up.
    #[error(transparent)]
    Population(#[from] PopulationError),
    /// A key cannot be made.
    #[error("cannot make a key: {0}")]
    Key(#[from] kessai_client::KeyError),
    /// There is something already.
    #[error("{0} is not empty: a provision is made in a directory of its own")]
    NotEmpty(PathBuf),
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It was never made, or not to its end.
    #[error("{0} holds no provision: make one with `kessai-loadgen provision`")]
    Missing(PathBuf),
    /// It says something else than it should.
    #[error("{path}: {problem}")]
    Manifest {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

impl Provision {
    /// Writes everything into `folder`, which must be empty or not be there. `written` is called
    /// with how many records of how many are there.
    ///
    /// # Errors
    /// [`ProvisionError`], naming the file.
    pub fn write(
        &self,
        folder: &Path,
        mut written: impl FnMut(usize, usize),
    ) -> Result<(), ProvisionError> {
        let population = Population::new(self.size(), self.seed())?;
        prepare(folder)?;
        let registrar = Registrar { population: &population, seed: self.seed() };
        let (mut done, all) = (0, Table::ALL.map(|table| table.length(&population)).iter().sum());
        for table in Table::ALL {
            let path = folder.join(table.file());
            let failed = |source| ProvisionError::File { path: path.clone(), source };
            let mut out = csv::Writer::from_writer(create(&path).map_err(failed)?);
            out.write_record(table.columns()).map_err(|error| failed(error.into()))?;
            let mut place = 0;
            while let Some(record) = registrar.record(table, place)? {
                out.write_record(&record).map_err(|error| failed(error.into()))?;
                place = place.saturating_add(1);
                done = usize::saturating_add(done, 1);
                written(done, all);
            }
            out.flush().map_err(failed)?;
        }
        for (name, text) in [(RATES, exchange::file()), (MANIFEST, self.to_toml())] {
            let path = folder.join(name);
            let failed = |source| ProvisionError::File { path: path.clone(), source };
            let mut file = create(&path).map_err(failed)?;
            file.write_all(text.as_bytes()).map_err(failed)?;
        }
        Ok(())
    }

    /// Reads what a directory holds.
    ///
    /// # Errors
    /// [`ProvisionError`], naming what is missing or wrong.
    pub fn load(folder: &Path) -> Result<Self, ProvisionError> {
        let path = folder.join(MANIFEST);
        let text = std::fs::read_to_string(&path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => ProvisionError::Missing(folder.to_owned()),
            _ => ProvisionError::File { path: path.clone(), source },
        })?;
        Self::from_toml(&text).map_err(|problem| ProvisionError::Manifest { path, problem })
    }
}

/// Makes the directory, for its owner alone.
fn prepare(folder: &Path) -> Result<(), ProvisionError> {
    let failed = |source| ProvisionError::File { path: folder.to_owned(), source };
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            match std::fs::read_dir(folder).map_err(failed)?.next() {
                None => Ok(()),
                Some(_) => Err(ProvisionError::NotEmpty(folder.to_owned())),
            }
        }
        made => made.map_err(failed),
    }
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}
