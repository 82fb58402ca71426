//! `kessai-loadgen`: loads a Kessai gateway, and judges it.

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use kessai_gateway::shell::ShellCommand;
use kessai_loadgen::commands::{
    Audit, Chaos, Compare, Connections, Demo, Exit, FindMax, Merge, Presets, Provision, Reprint,
    Run, Simulate, Sweep,
};
use kessai_loadgen::hand::{self, HandError, Left};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Loads a Kessai gateway with tills, handsets and people, and audits what became of their money.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(Demo),
    Presets(Presets),
    Provision(Provision),
    Run(Run),
    FindMax(FindMax),
    Sweep(Sweep),
    Merge(Merge),
    Compare(Compare),
    Audit(Audit),
    Show(Reprint),
    Connections(Connections),
    Chaos(Chaos),
    Simulate(Simulate),
    Terminal(hand::Terminal),
    Handset(hand::Handset),
    #[command(flatten)]
    Shell(ShellCommand),
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Demo(demo) => demo.run(),
        Command::Presets(presets) => presets.run(),
        Command::Provision(provision) => provision.run(),
        Command::Run(run) => run.run(),
        Command::FindMax(find) => find.run(),
        Command::Sweep(sweep) => sweep.run(),
        Command::Merge(merge) => merge.run(),
        Command::Compare(compare) => compare.run(),
        Command::Audit(audit) => audit.run(),
        Command::Connections(connections) => connections.run(),
        Command::Show(reprint) => reprint.run(),
        Command::Chaos(chaos) => chaos.run(),
        Command::Simulate(simulate) => simulate.run(),
        Command::Terminal(terminal) => by_hand(hand::run(terminal.run())),
        Command::Handset(handset) => by_hand(hand::run(handset.run())),
        Command::Shell(shell) => match shell.run(Cli::command()) {
            Ok(()) => Exit::Ok.into(),
            Err(error) => {
                eprintln!("kessai-loadgen: {error}");
                Exit::CouldNot.into()
            }
        },
    }
}

fn by_hand(left: Result<Left, HandError>) -> ExitCode {
    match left {
        Ok(Left::Quit) => ExitCode::SUCCESS,
        Ok(Left::Interrupted) => Exit::Interrupted.into(),
        Err(error) => {
            eprintln!("kessai-loadgen: {error}");
            Exit::CouldNot.into()
        }
    }
}
