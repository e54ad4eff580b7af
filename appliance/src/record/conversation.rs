//! What is asked of the service so that a recording tells everything.

use std::time::{Duration, Instant};

use locum_control::{Answer, Event, Item, Line, Request, Verb};

/// So often everything is asked for again: what the trackers say and what was counted comes in no event.
const ALL_EVERY: Duration = Duration::from_secs(10);
/// After something happened everything is asked for, but not more often than this.
const ALL_AFTER_EVENT: Duration = Duration::from_secs(1);

/// A conversation with a service from its greeting on.
#[derive(Debug)]
pub(super) struct Conversation {
    next_id: u64,
    is_greeted: bool,
    /// The answer to `watch` is complete.
    is_watching: bool,
    /// An answer is awaited.
    is_asking: bool,
    asked_at: Instant,
    something_happened: bool,
}

impl Conversation {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            next_id: 1,
            is_greeted: false,
            is_watching: false,
            is_asking: false,
            asked_at: now,
            something_happened: false,
        }
    }

    /// Whether everything was told once.
    pub(super) const fn is_watching(&self) -> bool {
        self.is_watching
    }

    /// Takes in a line of the service. Returns what to ask, if something is to be asked at once.
    pub(super) fn heard(&mut self, line: &Line, now: Instant) -> Option<Request> {
        match line {
            Line::Hello(_) if !self.is_greeted => {
                self.is_greeted = true;
                return Some(self.ask(Verb::Watch { instance: None, adverts: true }, now));
            }
            Line::Answer { answer: Answer::Done(_) | Answer::Error(_), .. } => {
                self.is_asking = false;
                self.is_watching = true;
            }
            // The service has dropped what was not read: it tells everything again.
            Line::Notice(notice) if matches!(notice.event, Event::Lagged { .. }) => {
                return Some(self.ask(Verb::Watch { instance: None, adverts: true }, now));
            }
            // These come all the time, or say nothing that is not in them.
            Line::Notice(notice) => {
                let changes_nothing =
                    matches!(notice.event, Event::Adverts { .. } | Event::Rejected { .. } | Event::Stopping);
                self.something_happened |= !changes_nothing;
            }
            Line::Hello(_) | Line::Answer { answer: Answer::Item(_), .. } => {}
        }
        None
    }

    /// What is to be asked now, if anything is.
    pub(super) fn due(&mut self, now: Instant) -> Option<Request> {
        let is_due = self.is_watching && !self.is_asking && now >= self.due_at();
        is_due.then(|| self.ask(Verb::Show { instance: None }, now))
    }

    /// When something is to be asked.
    pub(super) fn due_at(&self) -> Instant {
        self.asked_at + if self.something_happened { ALL_AFTER_EVENT } else { ALL_EVERY }
    }

    fn ask(&mut self, verb: Verb, now: Instant) -> Request {
        let id = self.next_id;
        self.next_id += 1;
        (self.is_asking, self.asked_at, self.something_happened) = (true, now, false);
        Request { id, verb }
    }
}

/// Whether the recording needs a line. What operators were answered is not in it.
pub(super) const fn belongs(line: &Line) -> bool {
    match line {
        Line::Hello(_) | Line::Notice(_) => true,
        Line::Answer { answer, .. } => match answer {
            Answer::Item(item) => matches!(
                item,
                Item::Service(_) | Item::Interface(_) | Item::Instance(_) | Item::Transition(_) | Item::Notice(_)
            ),
            Answer::Done(_) | Answer::Error(_) => true,
        },
    }
}
