//! What was found, as far as anybody would read it.

/// How many problems are told in words: a gateway that does everything wrong does it a million times.
const TOLD: usize = 10_000;

/// What does not agree, a sentence each, in the order in which it was found.
#[derive(Debug, Default)]
pub(super) struct Problems {
    sentences: Vec<String>,
    more: u64,
}

impl Problems {
    /// Adds a problem.
    pub(super) fn add(&mut self, sentence: impl FnOnce() -> String) {
        if self.sentences.len() < TOLD {
            self.sentences.push(sentence());
        } else {
            self.more = self.more.saturating_add(1);
        }
    }

    /// Tells all of them, those that were only counted in one sentence.
    pub(super) fn tell(self) -> Vec<String> {
        let Self { mut sentences, more } = self;
        if more > 0 {
            sentences.push(format!("and {more} more problems, which were counted and not kept"));
        }
        sentences
    }
}

impl Extend<String> for Problems {
    fn extend<I: IntoIterator<Item = String>>(&mut self, sentences: I) {
        sentences.into_iter().for_each(|sentence| self.add(|| sentence));
    }
}

#[cfg(test)]
mod tests {
    use super::{Problems, TOLD};

    #[test]
    fn what_is_too_much_to_read_is_counted() {
        let mut problems = Problems::default();
        problems.extend((0..TOLD).map(|number| number.to_string()));
        problems.add(|| panic!("it is not put into words"));
        problems.add(|| panic!("it is not put into words"));
        let told = problems.tell();
        assert_eq!((told.len(), told[0].as_str()), (TOLD + 1, "0"));
        assert!(told[TOLD].starts_with("and 2 more problems"), "{}", told[TOLD]);
    }
}
