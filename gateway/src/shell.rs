//! What shells and manuals know of a program: completions and man pages, made from its own command
//! line, so that they are never older than it.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Command, Subcommand};
use clap_complete::Shell;

/// The commands that make them, the same for every program.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum ShellCommand {
    /// Completions of the command line for a shell, on standard output.
    ///
    /// Put them where the shell looks for such files, as
    /// ~/.local/share/bash-completion/completions/PROGRAM, ~/.zfunc/_PROGRAM or
    /// ~/.config/fish/completions/PROGRAM.fish. Exit codes: 0 printed, 2 usage.
    #[command(verbatim_doc_comment)]
    Completions {
        /// For which shell.
        #[arg(value_enum)]
        shell: Shell,
    },
    /// Man pages, one for each command, in a directory.
    ///
    /// `man -l DIR/PROGRAM.1` shows the first of them. Exit codes: 0 written, 2 usage, another: they
    /// could not be written.
    #[command(verbatim_doc_comment)]
    Man {
        /// The directory; it is made unless it is there.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
}

/// Says that man pages cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write to {}: {source}", path.display())]
pub struct ManError {
    /// Where to.
    path: PathBuf,
    /// Why.
    source: io::Error,
}

impl ShellCommand {
    /// Does what the command line says, for the program whose command line `program` is.
    ///
    /// # Errors
    /// [`ManError`] if man pages cannot be written.
    pub fn run(&self, program: Command) -> Result<(), ManError> {
        match self {
            Self::Completions { shell } => {
                let text = completions(program, *shell);
                let mut out = io::stdout().lock();
                // A reader who has gone is no reason to fail.
                drop(out.write_all(&text).and_then(|()| out.flush()));
                Ok(())
            }
            Self::Man { out } => {
                man(program, out).map_err(|source| ManError { path: out.clone(), source })
            }
        }
    }
}

fn completions(mut program: Command, shell: Shell) -> Vec<u8> {
    let (name, mut text) = (program.get_name().to_owned(), Vec::new());
    clap_complete::generate(shell, &mut program, name, &mut text);
    text
}

fn man(program: Command, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    // What `help` says of the others stands in their own pages.
    clap_mangen::generate_to(program.disable_help_subcommand(true), folder)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use clap::{Arg, Command, ValueEnum};
    use clap_complete::Shell;

    use super::{ShellCommand, completions};

    fn program() -> Command {
        let deep = Command::new("deep").arg(Arg::new("depth").long("depth"));
        Command::new("diver").subcommand(Command::new("sea").subcommand(deep))
    }

    #[test]
    fn every_shell_is_told_every_command_and_option() {
        for shell in Shell::value_variants() {
            let text = String::from_utf8(completions(program(), *shell)).unwrap();
            for words in ["diver", "sea", "deep", "depth"] {
                assert!(text.contains(words), "{shell}: {words}");
            }
        }
    }

    #[test]
    fn every_command_has_a_page() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("some").join("where");
        let man = ShellCommand::Man { out: out.clone() };
        man.run(program()).unwrap();
        let mut pages: Vec<_> =
            fs::read_dir(&out).unwrap().map(|page| page.unwrap().file_name()).collect();
        pages.sort();
        assert_eq!(pages, ["diver-sea-deep.1", "diver-sea.1", "diver.1"]);
        let page = fs::read_to_string(out.join("diver-sea-deep.1")).unwrap();
        assert!(page.contains("depth"), "{page}");
        man.run(program()).unwrap();

        let in_the_way = out.join("diver.1");
        let error = ShellCommand::Man { out: in_the_way }.run(program()).unwrap_err().to_string();
        assert!(error.starts_with("cannot write to ") && error.contains("diver.1"), "{error}");
    }
}
