//! The last so many of something, the oldest making room for the newest.

/// A ring of at most `N` entries. Used for the transitions of an instance.
#[derive(Clone, Debug)]
pub struct Ring<T, const N: usize> {
    entries: heapless::Deque<T, N>,
}

impl<T, const N: usize> Default for Ring<T, N> {
    fn default() -> Self {
        Self { entries: heapless::Deque::new() }
    }
}

impl<T, const N: usize> Ring<T, N> {
    /// Adds the newest entry; the oldest goes if there is no room.
    pub fn push(&mut self, entry: T) {
        if self.entries.is_full() {
            self.entries.pop_front();
        }
        let _ = self.entries.push_back(entry); // fits: room was made, unless N is 0 and nothing is kept
    }

    /// The entries, the oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.entries.iter()
    }

    /// The newest entry.
    pub fn last(&self) -> Option<&T> {
        self.entries.back()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_goes() {
        let mut ring = Ring::<u8, 3>::default();
        for n in 0..5 {
            ring.push(n);
        }
        assert!(ring.iter().eq(&[2, 3, 4]));
        assert_eq!(ring.last(), Some(&4));
    }
}
