//! What there is no room to tell: the ring is full because the service gets no time, or because a thousand routers move in
//! the same instant. It is told when the service has made room, so that its picture is right again.

use locum_core::router::Event;
use locum_core::set::RouterId;
use locum_core::vocabulary::State;

use super::link::{EngineEnd, ItemOutcome, Report};
use super::{Beside, Engine, Transition};

/// Of one router.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Untold {
    /// From where it was when that was last told, to where it is, with the last cause.
    transition: Option<Transition>,
    /// What became of its items, from this one on.
    items: Option<u16>,
}

impl Untold {
    /// Whether all has been told.
    pub(super) const fn is_nothing(&self) -> bool {
        self.transition.is_none() && self.items.is_none()
    }

    /// A router has changed its state: told at once, or when there is room, then as one change with those before it.
    pub(super) fn transition(&mut self, end: &mut EngineEnd, router: RouterId, transition: Transition) {
        let from = self.transition.map_or(transition.from, |before| before.from);
        let transition = Transition { from, ..transition };
        if self.transition.is_none() && end.has_room() {
            end.tell(told(router, transition));
        } else {
            // Back where it was: nothing of it is left to tell.
            self.transition = Some(transition).filter(|it| it.from != it.to || it.to == State::Init);
            end.wants_room();
        }
    }

    /// An item has changed: told at once, or when there is room, then with those after it.
    pub(super) fn item(&mut self, end: &mut EngineEnd, index: u16, report: Report) {
        if self.items.is_none() && end.has_room() {
            end.tell(report);
        } else {
            self.items = Some(self.items.map_or(index, |first| first.min(index)));
            end.wants_room();
        }
    }
}

const fn told(router: RouterId, transition: Transition) -> Report {
    Report::Event { at: transition.at, router, event: Event::Transition(transition) }
}

impl Engine {
    /// Tells what there was no room for, as far as there is room now.
    pub(super) fn tell_what_is_untold(&mut self) {
        if !self.end.wanted_room() {
            return;
        }
        for (router, _) in self.set.routers() {
            let Some(Beside { untold, plan, .. }) = self.beside.get_mut(router.index()) else { continue };
            if let Some(transition) = untold.transition {
                if !self.end.has_room() {
                    return;
                }
                self.end.tell(told(router, transition));
                untold.transition = None;
            }
            let Some(first) = untold.items else { continue };
            let number = plan.as_deref().map_or(0, |plan| plan.number);
            let items = plan.as_deref().map_or(&[][..], |plan| &plan.items);
            for (index, item) in (0..).zip(items).skip(usize::from(first)) {
                if !self.end.has_room() {
                    untold.items = Some(index);
                    return;
                }
                // What was refused looks as if it were gone: the service has it tried again, and is told why not.
                let outcome = if item.installed { ItemOutcome::Installed } else { ItemOutcome::Removed };
                self.end.tell(Report::Item { router, plan: number, index, outcome });
            }
            untold.items = None;
        }
        self.end.has_told_all();
    }

    /// Whether something of a router has not been told yet.
    pub(super) fn has_untold(&self, router: RouterId) -> bool {
        self.beside.get(router.index()).is_some_and(|beside| !beside.untold.is_nothing())
    }
}
