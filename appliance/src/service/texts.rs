//! Texts that many instances have at the same time, each kept once.

use std::rc::Rc;

/// So many are known. Others are kept for each who has them.
const TEXTS_MAX: usize = 16;

/// The last texts that were shared.
#[derive(Debug, Default)]
pub(super) struct Texts(Vec<Rc<str>>);

impl Texts {
    /// The text, as somebody may have it already.
    pub(super) fn shared(&mut self, text: &str) -> Rc<str> {
        if let Some(known) = self.0.iter().find(|known| ***known == *text) {
            return Rc::clone(known);
        }
        if self.0.len() >= TEXTS_MAX {
            self.0.remove(0);
        }
        let text: Rc<str> = text.into();
        self.0.push(Rc::clone(&text));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_text_is_kept_once_and_no_more_than_a_few() {
        let mut texts = Texts::default();
        let first = texts.shared("0");
        assert!(Rc::ptr_eq(&first, &texts.shared("0")));
        (1..=100).for_each(|n| drop(texts.shared(&n.to_string())));
        assert_eq!(texts.0.len(), TEXTS_MAX);
        assert_eq!((Rc::strong_count(&first), &*texts.shared("0")), (1, "0"));
    }
}
