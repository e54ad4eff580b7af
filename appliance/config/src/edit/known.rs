//! What the schema knows of the words of an edit.

use super::{EditError, Tried};
use crate::schema::{AUTHENTICATION, Count, FILE, INSTANCE, Place, Status};
use crate::suggest::closest;

/// The keyword of a kind of block, in its present spelling, and what may stand in it.
pub(super) fn kind_of(keyword: &str) -> Tried<(&'static str, &'static Place)> {
    let known = FILE.keyword(canonical(&FILE, keyword));
    match known.map(|known| (known, known.block)) {
        Some((known, Some(place))) if !known.args.is_empty() && !place.keywords.is_empty() => Ok((known.name, place)),
        _ => Err(EditError::UnknownBlock(keyword.to_owned()).into()),
    }
}

/// A keyword that an edit may set, in its present spelling.
pub(crate) fn option(place: &'static Place, word: &str) -> Tried<&'static str> {
    let authentication = || AUTHENTICATION.keyword(word).filter(|_| place.name == INSTANCE.name);
    let Some(keyword) = place.keyword(word).or_else(authentication) else {
        let near = closest(word, place.keywords.iter().map(|keyword| keyword.name));
        let (keyword, near) = (word.to_owned(), near.map(str::to_owned));
        return Err(EditError::UnknownKeyword { keyword, place: place.name, near }.into());
    };
    if keyword.block.is_some() {
        return Err(EditError::TakesBlock(word.to_owned()).into());
    }
    Ok(match keyword.status {
        Status::Renamed(new) => new,
        Status::Supported | Status::NoEffect(_) | Status::Outside(_) => keyword.name,
    })
}

/// Words beyond those that a keyword takes would be read over, so that the answer would be wrong.
pub(super) fn few_enough(place: &'static Place, keyword: &str, values: &[String]) -> Tried<()> {
    let known = place.keyword(keyword).or_else(|| AUTHENTICATION.keyword(keyword));
    let args = known.map(|known| known.args).unwrap_or_default();
    let endless = args.iter().any(|arg| arg.count == Count::Any);
    if endless || values.len() <= args.len() {
        return Ok(());
    }
    Err(EditError::TooManyValues { keyword: keyword.to_owned(), most: args.len() }.into())
}

/// A list of a place.
pub(crate) struct List {
    pub(crate) keyword: &'static str,
    /// Several names may share a line.
    pub(super) many_per_line: bool,
    /// The first word of a line tells it from the others.
    pub(super) first_tells: bool,
}

pub(crate) fn list_of(place: &'static Place, word: &str) -> Tried<List> {
    let keyword = place.keyword(word).ok_or_else(|| EditError::NoList(word.to_owned()))?;
    match keyword.block.and_then(|block| block.entry.as_ref()) {
        Some(entry) if !entry.first.name.starts_with('…') => Ok(List {
            keyword: keyword.name,
            many_per_line: entry.many_per_line,
            first_tells: !keyword.name.ends_with("_routes") && !keyword.name.ends_with("_rules"),
        }),
        _ => Err(EditError::NoList(word.to_owned()).into()),
    }
}

/// The present spelling of a keyword.
pub(super) fn canonical<'w>(place: &Place, word: &'w str) -> &'w str {
    match place.keyword(word).map(|keyword| keyword.status) {
        Some(Status::Renamed(new)) => new,
        _ => word,
    }
}
