//! The earliest deadline of many routers: a binary heap whose nodes lie in the routers' slots, so that it needs no memory
//! of its own and a router's deadline can be moved in O(log n).

use core::borrow::{Borrow, BorrowMut};

use super::Slot;
use crate::router::Storage;
use crate::time::Instant;

/// A slot's part of the heap.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Node {
    /// The deadline of the router in this slot.
    at: Option<Instant>,
    /// Where this slot stands in the heap, if it has a deadline.
    position: u16,
    /// Which slot stands at the position of the heap that has this slot's number.
    occupant: u16,
}

/// A view of the slots as a heap.
pub(super) struct Deadlines<B> {
    slots: B,
    len: u16,
}

impl<B> Deadlines<B> {
    pub(super) fn new(slots: B, len: u16) -> Self {
        Self { slots, len }
    }

    /// The earliest deadline, and the number of its slot.
    pub(super) fn earliest<S: Storage>(&self) -> Option<(Instant, u16)>
    where
        B: Borrow<[Slot<S>]>,
    {
        let slot = (self.len > 0).then(|| self.occupant(0))?;
        Some((self.node(slot).at?, slot))
    }

    /// Sets or removes the deadline of a slot, and takes down how many there are.
    pub(super) fn set<S: Storage>(mut self, slot: u16, at: Option<Instant>, len: &mut u16)
    where
        B: BorrowMut<[Slot<S>]>,
    {
        let node = self.node(slot);
        match (node.at, at) {
            (None, None) => {}
            (None, Some(_)) => {
                self.update(slot, |node| node.at = at);
                self.place(self.len, slot);
                self.len += 1;
                self.rise(self.len - 1);
            }
            (Some(before), Some(after)) if before == after => {}
            (Some(_), Some(_)) => {
                self.update(slot, |node| node.at = at);
                self.settle(node.position);
            }
            (Some(_), None) => {
                self.update(slot, |node| node.at = None);
                self.len -= 1;
                if node.position < self.len {
                    let last = self.occupant(self.len);
                    self.place(node.position, last);
                    self.settle(node.position);
                }
            }
        }
        *len = self.len;
    }

    fn settle<S: Storage>(&mut self, position: u16)
    where
        B: BorrowMut<[Slot<S>]>,
    {
        // Alone it stands where it belongs.
        if self.len > 1 && self.rise(position) == position {
            self.sink(position);
        }
    }

    /// Moves what stands at a position up to where it belongs, and says where that is. The others move by one into the gap
    /// that it leaves, so that each is looked at once.
    fn rise<S: Storage>(&mut self, mut position: u16) -> u16
    where
        B: BorrowMut<[Slot<S>]>,
    {
        let slot = self.occupant(position);
        let key = self.key(slot);
        let from = position;
        while position > 0 {
            let parent = (position - 1) / 2;
            let above = self.occupant(parent);
            if self.key(above) <= key {
                break;
            }
            self.place(position, above);
            position = parent;
        }
        if position != from {
            self.place(position, slot);
        }
        position
    }

    /// The same downwards.
    fn sink<S: Storage>(&mut self, mut position: u16)
    where
        B: BorrowMut<[Slot<S>]>,
    {
        let slot = self.occupant(position);
        let key = self.key(slot);
        let from = position;
        // Computed wide: twice a large position does not fit in 16 bits.
        while let Ok(first) = u16::try_from(u32::from(position) * 2 + 1) {
            let Some((mut child, mut below, mut least)) = self.keyed(first) else { break };
            if let Some(second) = first.checked_add(1).and_then(|second| self.keyed(second))
                && second.2 < least
            {
                (child, below, least) = second;
            }
            if least >= key {
                break;
            }
            self.place(position, below);
            position = child;
        }
        if position != from {
            self.place(position, slot);
        }
    }

    fn place<S: Storage>(&mut self, position: u16, slot: u16)
    where
        B: BorrowMut<[Slot<S>]>,
    {
        self.update(position, |node| node.occupant = slot);
        self.update(slot, |node| node.position = position);
    }

    /// What the heap is ordered by. Routers that are due together go in the order of their slots, always: with any other
    /// order each would be early or late within the burst by chance, which is jitter.
    fn key<S: Storage>(&self, slot: u16) -> (u64, u16)
    where
        B: Borrow<[Slot<S>]>,
    {
        (self.node(slot).at.map_or(u64::MAX, Instant::us), slot)
    }

    /// A position with the slot that stands there and its key, if one does.
    fn keyed<S: Storage>(&self, position: u16) -> Option<(u16, u16, (u64, u16))>
    where
        B: Borrow<[Slot<S>]>,
    {
        let slot = (position < self.len).then(|| self.occupant(position))?;
        Some((position, slot, self.key(slot)))
    }

    fn occupant<S: Storage>(&self, position: u16) -> u16
    where
        B: Borrow<[Slot<S>]>,
    {
        self.node(position).occupant
    }

    fn node<S: Storage>(&self, slot: u16) -> Node
    where
        B: Borrow<[Slot<S>]>,
    {
        self.slots.borrow().get(usize::from(slot)).map_or_else(Node::default, |slot| slot.node)
    }

    fn update<S: Storage>(&mut self, slot: u16, change: impl FnOnce(&mut Node))
    where
        B: BorrowMut<[Slot<S>]>,
    {
        if let Some(slot) = self.slots.borrow_mut().get_mut(usize::from(slot)) {
            change(&mut slot.node);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::Borrowed;
    use std::vec::Vec;

    /// Against a plain list, over many random changes.
    #[test]
    fn always_the_earliest() {
        const SLOTS: u16 = 50;
        let mut slots: Vec<Slot<Borrowed<'_>>> = (0..SLOTS).map(|_| Slot::default()).collect();
        let mut model: Vec<Option<Instant>> = std::vec![None; usize::from(SLOTS)];
        let mut len = 0;
        let mut random = 0x2545_f491_4f6c_dd1d_u64;
        for _ in 0..20_000 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let slot = u16::try_from(random % u64::from(SLOTS)).unwrap();
            let at = (random >> 32 & 3 != 0).then(|| Instant::from_us(random >> 40 & 0xff));
            Deadlines::new(slots.as_mut_slice(), len).set(slot, at, &mut len);
            model[usize::from(slot)] = at;
            let earliest = Deadlines::new(slots.as_slice(), len).earliest();
            let expected = model.iter().zip(0..).filter_map(|(at, slot)| at.map(|at| (at, slot))).min();
            assert_eq!(earliest, expected, "the lower slot where two are due together");
            assert_eq!(usize::from(len), model.iter().flatten().count());
        }
    }
}
