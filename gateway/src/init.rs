//! Makes everything that a new processor needs, once.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::entropy::Entropy;
use crate::keys::{KeyError, Keys};
use crate::node::{Node, NodeError};
use crate::settings::{Settings, SettingsError, TEMPLATE};

/// The configuration file that is written.
pub const CONFIGURATION: &str = "kessai.toml";

/// Why nothing was made.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// There is something already; nothing of it is touched.
    #[error("{0} is not empty: nothing was written there")]
    Occupied(PathBuf),
    /// A file or folder cannot be written.
    #[error("{path}: {source}")]
    File {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The keys cannot be made.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The data directory cannot be made.
    #[error(transparent)]
    Data(#[from] NodeError),
    /// The configuration that was just written cannot be read.
    #[error(transparent)]
    Settings(#[from] SettingsError),
}

/// Makes configuration, keys and an empty data directory in `folder`, and says where the
/// configuration lies.
///
/// # Errors
/// [`InitError`]; a folder that holds anything is left alone.
pub fn init(folder: &Path, entropy: &dyn Entropy) -> Result<PathBuf, InitError> {
    let file = |path: &Path| {
        let path = path.to_owned();
        |source| InitError::File { path, source }
    };
    std::fs::create_dir_all(folder).map_err(file(folder))?;
    if std::fs::read_dir(folder).map_err(file(folder))?.next().is_some() {
        return Err(InitError::Occupied(folder.to_owned()));
    }
    let configuration = folder.join(CONFIGURATION);
    std::fs::write(&configuration, TEMPLATE).map_err(file(&configuration))?;
    let settings = Settings::load(&configuration)?;
    let mut private = std::fs::DirBuilder::new();
    private.mode(0o700).create(&settings.keys).map_err(file(&settings.keys))?;
    Keys::create(&settings.keys, entropy)?;
    Node::create(&settings, entropy)?;
    Ok(configuration)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::{InitError, init};
    use crate::entropy::SystemEntropy;
    use crate::keys::Keys;
    use crate::node::Node;
    use crate::settings::Settings;

    #[test]
    fn what_is_made_can_be_served_from() {
        let folder = tempfile::tempdir().unwrap();
        let configuration = init(&folder.path().join("new"), &SystemEntropy).unwrap();
        let settings = Settings::load(&configuration).unwrap();
        let keys = Keys::load(&settings.keys).unwrap();
        let node = Node::open(&settings, &keys, &SystemEntropy).unwrap();
        assert_eq!(node.engine().units().count(), 256);
        let mode = std::fs::metadata(&settings.keys).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        assert!(!settings.keys.starts_with(&settings.data));
    }

    #[test]
    fn a_folder_that_holds_anything_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("mine"), "precious").unwrap();
        let error = init(folder.path(), &SystemEntropy).unwrap_err();
        assert!(matches!(error, InitError::Occupied(_)), "{error}");
        let names: Vec<_> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names, ["mine"]);
        assert_eq!(std::fs::read_to_string(folder.path().join("mine")).unwrap(), "precious");
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), "").unwrap();
        let error = init(&folder.path().join("file/below"), &SystemEntropy).unwrap_err();
        assert!(error.to_string().contains("below"), "{error}");
    }
}
