//! The picture.

use std::io;
use std::time::Duration;

use crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Cell, Gauge, Paragraph, Row, Table};
use ratatui::{DefaultTerminal, Frame};

use super::{Mode, Wish};
use crate::board::{Board, Stage, View};
use crate::tally::{Outcome, Quantiles};
use crate::throttle::{Setting, Turn};

/// Owns the terminal for as long as it lives.
pub(super) struct Live {
    terminal: DefaultTerminal,
    mode: Mode,
    title: String,
    keys: Keys,
}

/// Whether the keyboard can be read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keys {
    Read,
    /// Then the terminal is left to turn Ctrl-C into a signal.
    Unreadable,
}

impl Live {
    /// Takes the terminal over; a panic from now on gives it back before it is reported.
    pub(super) fn start(mode: Mode, title: String) -> io::Result<Self> {
        let terminal = ratatui::try_init()?;
        Ok(Self { terminal, mode, title, keys: Keys::Read })
    }

    pub(super) fn draw(&mut self, board: &Board, wished: &impl Fn(Wish)) -> io::Result<()> {
        if self.keys == Keys::Read && read_keys(board, wished).is_err() {
            crossterm::terminal::disable_raw_mode()?;
            self.keys = Keys::Unreadable;
        }
        let (mode, title) = (self.mode, &self.title);
        let view = board.view();
        self.terminal.draw(|frame| paint(frame, &view, mode, title)).map(|_drawn| ())
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        restore();
    }
}

pub(super) fn restore() {
    // If the terminal is gone there is nobody to see it.
    drop(ratatui::try_restore());
}

/// What a key stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Press {
    Turn(Turn),
    Wish(Wish),
}

fn read_keys(board: &Board, wished: &impl Fn(Wish)) -> io::Result<()> {
    while event::poll(Duration::ZERO)? {
        if let Event::Key(key) = event::read()?
            && key.kind == KeyEventKind::Press
        {
            match press(key.code, key.modifiers) {
                Some(Press::Turn(turn)) => board.turn(turn),
                Some(Press::Wish(wish)) => wished(wish),
                None => {}
            }
        }
    }
    Ok(())
}

/// The terminal sends no signal for Ctrl-C while it is ours.
fn press(code: KeyCode, modifiers: KeyModifiers) -> Option<Press> {
    let KeyCode::Char(character) = code else { return None };
    if modifiers == KeyModifiers::CONTROL {
        return (character == 'c').then_some(Press::Wish(Wish::Quit));
    }
    // On some keyboards a plus is a shifted key.
    if !(modifiers - KeyModifiers::SHIFT).is_empty() {
        return None;
    }
    match character {
        '+' => Some(Press::Turn(Turn::Up)),
        '-' => Some(Press::Turn(Turn::Down)),
        'p' => Some(Press::Turn(Turn::PauseOrGoOn)),
        'd' => Some(Press::Wish(Wish::Drain)),
        'q' => Some(Press::Wish(Wish::Quit)),
        _ => None,
    }
}

const KEYS: &str =
    "+ -: rate   p: pause   d: stop offering, drain, audit   q or Ctrl-C: the same, twice: at once";

fn paint(frame: &mut Frame<'_>, view: &View, mode: Mode, title: &str) {
    let [head, progress, middle, recent, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(3),
        Constraint::Length(10),
        Constraint::Min(3),
        Constraint::Length(2),
    ])
    .areas(frame.area());
    let bold = Style::new().add_modifier(Modifier::BOLD);
    frame.render_widget(Paragraph::new(Span::styled(title, bold)), head);
    paint_progress(frame, progress, view, mode);
    let [left, right] =
        Layout::horizontal([Constraint::Percentage(45), Constraint::Percentage(55)]).areas(middle);
    paint_counts(frame, left, view, mode);
    let [times, kinds] =
        Layout::vertical([Constraint::Length(6), Constraint::Length(4)]).areas(right);
    paint_times(frame, times, view);
    paint_kinds(frame, kinds, view);
    let lines: Vec<_> = view.recent.iter().map(|text| Line::raw(text.as_str())).collect();
    let block = Block::bordered().title(" last payments ");
    frame.render_widget(Paragraph::new(lines).block(block), recent);
    let trouble = view.trouble.as_ref().map_or_else(String::new, |trouble| {
        format!("{} troubles, the last: {trouble}", view.troubles)
    });
    frame.render_widget(Paragraph::new(vec![Line::raw(trouble), Line::raw(KEYS)]), foot);
}

fn paint_progress(frame: &mut Frame<'_>, area: Rect, view: &View, mode: Mode) {
    let span = view.span.as_secs_f64();
    let (name, share, label) = match view.stage {
        Stage::MakingKeys => ("making keys", 0.0, String::new()),
        Stage::Reading => ("reading the books as they are", 0.0, String::new()),
        Stage::Provisioning(done, of) => ("entering customers", part(done, of), of_all(done, of)),
        Stage::Connecting(done, of) => ("connecting", part(done, of), of_all(done, of)),
        Stage::Waiting => ("waiting for the moment to begin", 1.0, String::new()),
        Stage::Running => {
            let elapsed = view.elapsed.as_secs_f64();
            ("offering payments", elapsed / span, format!("{elapsed:.0} of {span} s"))
        }
        Stage::Draining => ("draining", 1.0, format!("{} still open", view.open)),
        Stage::Auditing => ("comparing the ledger with the books", 1.0, String::new()),
    };
    let is_turned = view.stage == Stage::Running && view.setting != Setting::default();
    let name = if is_turned { format!(" {name}: {} ", view.setting) } else { format!(" {name} ") };
    let gauge = Gauge::default()
        .block(Block::bordered().title(name))
        .gauge_style(colour(mode, Color::Cyan))
        .ratio(if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 })
        .label(label);
    frame.render_widget(gauge, area);
}

fn paint_counts(frame: &mut Frame<'_>, area: Rect, view: &View, mode: Mode) {
    let mut lines = vec![
        Line::raw(format!("offered   {:>8}  {:>7.1}/s", view.offered, view.offered_per_s)),
        Line::raw(format!("ended     {:>8}  {:>7.1}/s", ended(view), view.finished_per_s)),
    ];
    for (outcome, count) in view.counts {
        let style = colour(mode, colour_of(outcome));
        lines.push(Line::styled(format!("  {:10}{count:>6}", outcome.name()), style));
    }
    let name = format!(" payments: {} open, {} connected ", view.open, view.connections);
    frame.render_widget(Paragraph::new(lines).block(Block::bordered().title(name)), area);
}

fn paint_times(frame: &mut Frame<'_>, area: Rect, view: &View) {
    let heading = ["", "p50", "p90", "p99", "p99.9", "max"].map(Cell::from);
    let row = |name: &'static str, times: &Quantiles| {
        let Quantiles { p50, p90, p99, p999, max } = times;
        let numbers = [p50, p90, p99, p999, max].map(|ms| format!("{ms:.1}"));
        Row::new(std::iter::once(name.to_owned()).chain(numbers))
    };
    let rows =
        [row("machine", &view.machine), row("human", &view.human), row("own lag", &view.lag)];
    let widths = [8, 8, 8, 8, 8, 8].map(Constraint::Length);
    let block = Block::bordered().title(" latency in ms, from the intended moment ");
    let table = Table::new(rows, widths).header(Row::new(heading)).block(block);
    frame.render_widget(table, area);
}

fn paint_kinds(frame: &mut Frame<'_>, area: Rect, view: &View) {
    let pairs = view.kinds.chunks(2).map(|pair| {
        let words = pair.iter().map(|(kind, count)| format!(" {:16}{count:>4}", kind.name()));
        Line::raw(words.collect::<String>())
    });
    frame.render_widget(Paragraph::new(pairs.collect::<Vec<_>>()), area);
}

fn ended(view: &View) -> u64 {
    view.counts
        .iter()
        .filter(|(outcome, _)| *outcome != Outcome::Skipped)
        .map(|(_, count)| count)
        .sum()
}

fn part(done: usize, of: usize) -> f64 {
    let fraction = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    fraction(done) / fraction(of)
}

fn of_all(done: usize, of: usize) -> String {
    format!("{done} of {of}")
}

fn colour(mode: Mode, colour: Color) -> Style {
    if mode == Mode::Colour { Style::new().fg(colour) } else { Style::new() }
}

const fn colour_of(outcome: Outcome) -> Color {
    match outcome {
        Outcome::Approved => Color::Green,
        Outcome::Declined | Outcome::Cancelled | Outcome::Expired => Color::Yellow,
        Outcome::Refused | Outcome::Skipped => Color::Red,
    }
}

#[cfg(test)]
mod tests {
    use super::{Press, paint, press};
    use crate::board::{Board, Stage, View};
    use crate::sample;
    use crate::screen::{Mode, Wish};
    use crate::tally::Summary;
    use crate::throttle::Turn;
    use crossterm::event::{KeyCode, KeyModifiers};
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use ratatui::style::Color;
    use std::time::Duration;

    fn drawn(view: &View, mode: Mode, (width, height): (u16, u16)) -> Terminal<TestBackend> {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| paint(frame, view, mode, "Kessai demo")).unwrap();
        terminal
    }

    fn text(terminal: &Terminal<TestBackend>) -> String {
        // The cell behind a wide character is blank.
        terminal.backend().to_string().replace(' ', "")
    }

    fn running() -> Board {
        let board = Board::new(Duration::from_secs(5));
        board.stage(Stage::Connecting(12, 12));
        board.running();
        board.begun(Duration::ZERO, 4);
        let record = sample::record(1);
        board.finished(&Summary::of(&record), &record, 3);
        board
    }

    #[test]
    fn the_picture_shows_the_run() {
        let terminal = drawn(&running().view(), Mode::Colour, (100, 24));
        let text = text(&terminal);
        for words in [
            "Kessaidemo",
            "offeringpayments",
            "approved1",
            "3open,12connected",
            "machine20.0",
            "capturedinpart0",
            "みなとマート本店:1item,300JPY;thecustomerapproved",
            "Ctrl-C",
        ] {
            assert!(text.contains(words), "{words}:\n{}", terminal.backend());
        }
    }

    #[test]
    fn preparations_are_shown() {
        let board = Board::new(Duration::from_secs(5));
        let check = |words: &str| {
            let text = text(&drawn(&board.view(), Mode::Monochrome, (80, 24)));
            assert!(text.contains(words), "{words}: {text}");
        };
        check("makingkeys");
        board.stage(Stage::Provisioning(1, 2));
        check("enteringcustomers");
        board.stage(Stage::Connecting(3, 9));
        check("3of9");
    }

    #[test]
    fn no_colour_means_none() {
        let colours = |mode| {
            let terminal = drawn(&running().view(), mode, (100, 24));
            let cells = &terminal.backend().buffer().content;
            cells.iter().filter(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset).count()
        };
        assert!(colours(Mode::Colour) > 0);
        assert_eq!(colours(Mode::Monochrome), 0);
    }

    #[test]
    fn a_small_terminal_is_no_reason_to_panic() {
        for size in [(1, 1), (20, 5), (40, 10), (300, 100)] {
            drawn(&running().view(), Mode::Colour, size);
        }
    }

    #[test]
    fn keys_mean_what_the_foot_says() {
        let plain = |key| press(KeyCode::Char(key), KeyModifiers::NONE);
        assert_eq!(plain('+'), Some(Press::Turn(Turn::Up)));
        assert_eq!(press(KeyCode::Char('+'), KeyModifiers::SHIFT), plain('+'));
        assert_eq!(plain('-'), Some(Press::Turn(Turn::Down)));
        assert_eq!(plain('p'), Some(Press::Turn(Turn::PauseOrGoOn)));
        assert_eq!(plain('d'), Some(Press::Wish(Wish::Drain)));
        assert_eq!(plain('q'), Some(Press::Wish(Wish::Quit)));
        assert_eq!(press(KeyCode::Char('c'), KeyModifiers::CONTROL), plain('q'));
        assert_eq!(plain('c'), None);
        assert_eq!(press(KeyCode::Char('p'), KeyModifiers::CONTROL), None);
        assert_eq!(press(KeyCode::Char('d'), KeyModifiers::ALT), None);
        assert_eq!(press(KeyCode::Enter, KeyModifiers::NONE), None);
    }

    #[test]
    fn a_rate_that_was_turned_is_shown() {
        let board = running();
        board.trouble("a line was lost");
        let check = |words: &str| {
            let text = text(&drawn(&board.view(), Mode::Monochrome, (100, 24)));
            assert!(text.contains(words), "{words}: {text}");
            assert!(text.contains("1troubles,thelast:alinewaslost"), "{text}");
            assert!(text.contains("p:pause"), "the keys stay: {text}");
        };
        board.turn(Turn::Up);
        check("offeringpayments:110%oftherate");
        board.turn(Turn::PauseOrGoOn);
        check("offeringpayments:paused");
        board.turn(Turn::PauseOrGoOn);
        board.turn(Turn::Down);
        check("offeringpayments──");
    }
}
