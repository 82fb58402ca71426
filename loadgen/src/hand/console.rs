//! A real terminal: echoes what may be seen, and nothing of a password.

use std::io;

use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use crossterm::terminal::{disable_raw_mode, enable_raw_mode};
use zeroize::Zeroizing;

use super::keyboard::{Source, Typed, read_line};

/// What the program exits with when it is interrupted.
pub(super) const INTERRUPTED: i32 = 130;

/// Gives the terminal its echo back, if it was taken.
pub(super) fn restore() {
    // There is nobody to tell, and nothing else to try.
    disable_raw_mode().ok();
}

/// Reads the terminal on standard input.
pub(super) struct Console;

impl Source for Console {
    fn shown(&mut self) -> Typed {
        // The standard input has a buffer of its own, which lives on between lines.
        read_line(&mut io::stdin().lock())
    }

    fn hidden(&mut self) -> Typed {
        if enable_raw_mode().is_err() {
            // Rather no password than one that everybody around can read.
            return Typed::End;
        }
        let typed = keys();
        restore();
        typed
    }
}

/// Longest password that is read, in bytes: more than any may have.
const LONGEST: usize = 1_024;

fn keys() -> Typed {
    // With room from the start, so that growing leaves no copy behind.
    let mut typed = Zeroizing::new(String::with_capacity(LONGEST));
    loop {
        match event::read() {
            Ok(Event::Key(key)) if key.kind != KeyEventKind::Release => {
                if let Some(end) = press(&mut typed, key) {
                    return end;
                }
            }
            Ok(Event::Paste(text)) if typed.len().saturating_add(text.len()) <= LONGEST => {
                typed.push_str(&text);
            }
            Ok(_) => {}
            Err(_) => return Typed::End,
        }
    }
}

/// Takes one key; tells what was typed if that was the last one.
fn press(typed: &mut Zeroizing<String>, key: KeyEvent) -> Option<Typed> {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        KeyCode::Enter => return Some(Typed::Line(std::mem::take(typed))),
        KeyCode::Char('j' | 'm') if control => return Some(Typed::Line(std::mem::take(typed))),
        KeyCode::Char('c') if control => return Some(Typed::Interrupted),
        KeyCode::Char('d') if control && typed.is_empty() => return Some(Typed::End),
        KeyCode::Char('u') if control => typed.clear(),
        KeyCode::Char(_) if control => {}
        KeyCode::Char(character) if typed.len().saturating_add(4) <= LONGEST => {
            typed.push(character);
        }
        KeyCode::Backspace => {
            typed.pop();
        }
        _ => {}
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_make_a_password() {
        let mut typed = Zeroizing::new(String::new());
        let mut press = |code, modifiers| press(&mut typed, KeyEvent::new(code, modifiers));
        let plain = KeyModifiers::NONE;
        assert_eq!(press(KeyCode::Char('d'), KeyModifiers::CONTROL), Some(Typed::End));
        for character in ['x', 'y'] {
            assert_eq!(press(KeyCode::Char(character), plain), None);
        }
        assert_eq!(press(KeyCode::Char('u'), KeyModifiers::CONTROL), None);
        for character in ['桜', '2', '3'] {
            assert_eq!(press(KeyCode::Char(character), plain), None);
        }
        assert_eq!(press(KeyCode::Backspace, plain), None);
        assert_eq!(press(KeyCode::Left, plain), None);
        assert_eq!(press(KeyCode::Char('c'), KeyModifiers::CONTROL), Some(Typed::Interrupted));
        assert_eq!(press(KeyCode::Enter, plain), Some(Typed::Line("桜2".to_owned().into())));
    }
}
