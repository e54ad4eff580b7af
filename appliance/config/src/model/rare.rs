//! What few instances have.

use std::fmt;
use std::ops::Deref;

use super::{Notify, Setting, Tracks};

/// A value that most instances do not have: a pointer where there is none, and read as an empty one then.
#[derive(Clone)]
pub struct Rare<T>(Option<Box<T>>);

/// What is read where nothing is.
pub trait Nothing: 'static {
    /// An empty one.
    const NOTHING: &'static Self;
}

impl<T: 'static> Nothing for Vec<T> {
    const NOTHING: &'static Self = &Self::new();
}

impl<T: 'static> Nothing for Option<T> {
    const NOTHING: &'static Self = &None;
}

impl Nothing for Tracks {
    const NOTHING: &'static Self = &Self {
        interfaces: Vec::new(),
        scripts: Vec::new(),
        files: Vec::new(),
        processes: Vec::new(),
        probes: Vec::new(),
    };
}

impl Nothing for Notify {
    const NOTHING: &'static Self = &Self {
        master: None,
        backup: None,
        fault: None,
        stop: None,
        deleted: None,
        any: None,
        master_heard_lower: None,
        priority_changes: Setting::implied(false),
    };
}

impl<T: Default> Rare<T> {
    /// The value, to be added to.
    pub fn get_mut(&mut self) -> &mut T {
        self.0.get_or_insert_default()
    }

    /// The value where there is one.
    pub(crate) fn as_mut(&mut self) -> Option<&mut T> {
        self.0.as_deref_mut()
    }
}

impl<T> Default for Rare<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Nothing> Deref for Rare<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_deref().unwrap_or(T::NOTHING)
    }
}

impl<'a, T: 'static> IntoIterator for &'a Rare<Vec<T>> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T: Nothing + PartialEq> PartialEq for Rare<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Nothing + Eq> Eq for Rare<T> {}

impl<T: Nothing + fmt::Debug> fmt::Debug for Rare<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
