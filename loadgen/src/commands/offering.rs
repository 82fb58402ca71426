//! What a run offers, as the command line has it.

use std::fs;

use clap::Args;

use crate::schedule::{Curve, Form, Rate, Spacing};

/// How many payments are offered a second, and when.
#[derive(Debug, Clone, Args)]
pub(super) struct Offering {
    /// How many payments are offered a second, on average: an open loop, which waits for nobody
    #[arg(long, default_value = "200")]
    pub(super) rate: Rate,

    /// How the rate goes: constant, ramp:TO, stairs:TO/STEPS, spike:PEAK (a tenth of the time), or
    /// day:FILE, a day's curve of lines HH:MM,WEIGHT gone through once, with --rate as its mean
    /// [default: the preset's, which is constant in most]
    #[arg(long, value_parser = form)]
    pub(super) shape: Option<Form>,

    /// How arrivals lie between each other: poisson, uniform, or trace:FILE, a line of seconds from
    /// the start for each, whatever --rate says
    #[arg(long, default_value = "poisson", value_parser = spacing)]
    pub(super) arrivals: Spacing,
}

pub(super) fn form(text: &str) -> Result<Form, String> {
    let Some(path) = text.strip_prefix("day:") else {
        return text
            .parse()
            .map_err(|error: crate::schedule::FormError| format!("{error}, or day:FILE"));
    };
    let curve: Result<Curve, _> = read(path)?.parse();
    curve.map(Form::Day).map_err(|error| format!("{path}: {error}"))
}

pub(super) fn spacing(text: &str) -> Result<Spacing, String> {
    match text {
        "poisson" => Ok(Spacing::Poisson),
        "uniform" => Ok(Spacing::Uniform),
        _ => {
            let path = text.strip_prefix("trace:").ok_or("poisson, uniform or trace:FILE")?;
            Spacing::trace(&read(path)?).map_err(|error| format!("{path}: {error}"))
        }
    }
}

fn read(path: &str) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("cannot read {path}: {error}"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::{form, spacing};
    use crate::schedule::{Form, Spacing};

    #[test]
    fn files_are_read_and_what_is_wrong_in_them_is_named() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        write!(file, "8:00,1\n12:00,5\n").unwrap();
        let path = file.path().display();
        assert!(matches!(form(&format!("day:{path}")), Ok(Form::Day(_))));
        let error = spacing(&format!("trace:{path}")).unwrap_err();
        assert!(error.contains("line 1") && error.contains(&path.to_string()), "{error}");
        assert!(form("day:nowhere").unwrap_err().contains("nowhere"));
        assert!(form("flat").unwrap_err().contains("day:FILE"));
        assert_eq!(spacing("uniform"), Ok(Spacing::Uniform));
        assert!(spacing("often").unwrap_err().contains("trace:FILE"));
    }
}
