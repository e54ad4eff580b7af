//! Plain keywords: what stands behind one goes into one setting of the model. Tables say into which.

use super::statement::Statement;
use super::tracker::weight;
use super::values::Value;
use crate::model::{Setting, Weight};
use crate::schema::Keyword;
use crate::source::Span;

/// Plain keywords of a block, with the setting of a `T` that each one writes.
pub(super) type Slots<T> = [(&'static str, fn(&mut T) -> Slot<'_>)];

/// The setting that a keyword writes. Those of an `Opt…` say nothing unless they are written.
pub(super) enum Slot<'m> {
    /// On where the keyword stands.
    Flag(&'m mut Setting<bool>),
    /// Off where the keyword stands.
    NoFlag(&'m mut Setting<bool>),
    /// On or off; the keyword alone is on.
    Switch(&'m mut Setting<bool>),
    OptSwitch(&'m mut Option<Setting<bool>>),
    Text(&'m mut Setting<String>),
    OptText(&'m mut Option<Setting<String>>),
    /// Seconds with decimals, as whole milliseconds.
    Millis(&'m mut Setting<u32>),
    /// Seconds with decimals, as microseconds.
    Micros(&'m mut Setting<u32>),
    U8(&'m mut Setting<u8>),
    OptU8(&'m mut Option<Setting<u8>>),
    OptI8(&'m mut Option<Setting<i8>>),
    U32(&'m mut Setting<u32>),
    OptU32(&'m mut Option<Setting<u32>>),
    I32(&'m mut Setting<i32>),
    /// `WEIGHT [reverse]`
    Weight(&'m mut Weight),
}

/// Where a keyword and its value stand.
pub(super) struct Places {
    /// The place of what has no value.
    pub(super) keyword: Span,
    /// The place of a value.
    pub(super) value: Span,
    /// The place of a switch.
    pub(super) whole: Span,
}

impl Places {
    /// Each at its own words.
    pub(super) fn of(line: &Statement<'_>) -> Self {
        let whole = line.whole();
        Self { keyword: line.at(), value: line.args().first().map_or(whole, |word| word.at), whole }
    }

    /// The line for all of them.
    pub(super) fn line(line: &Statement<'_>) -> Self {
        let whole = line.whole();
        Self { keyword: whole, value: whole, whole }
    }
}

/// The setting that a keyword writes, if it is one of the plain ones.
pub(super) fn slot<'m, T>(slots: &Slots<T>, target: &'m mut T, keyword: &Keyword) -> Option<Slot<'m>> {
    let (_, slot) = slots.iter().find(|(name, _)| *name == keyword.name)?;
    Some(slot(target))
}

impl Slot<'_> {
    /// Takes over the values of a line, which have passed the schema: a number fits.
    pub(super) fn put(self, values: &[Value<'_>], places: &Places) {
        let Places { keyword, value: at, whole } = *places;
        match (self, values.first()) {
            (Self::Flag(slot), _) => *slot = Setting::written(true, keyword),
            (Self::NoFlag(slot), _) => *slot = Setting::written(false, keyword),
            (Self::Switch(slot), value) => *slot = switch(value, whole),
            (Self::OptSwitch(slot), value) => *slot = Some(switch(value, whole)),
            (Self::Text(slot), Some(Value::Text(text))) => *slot = Setting::written((*text).to_owned(), at),
            (Self::OptText(slot), Some(Value::Text(text))) => *slot = Some(Setting::written((*text).to_owned(), at)),
            (Self::Millis(slot), Some(Value::Millionths(us))) => *slot = number(us / 1_000, at).unwrap_or(*slot),
            (Self::Micros(slot), Some(Value::Millionths(us))) => *slot = number(*us, at).unwrap_or(*slot),
            (Self::U8(slot), Some(Value::Integer(value))) => *slot = number(*value, at).unwrap_or(*slot),
            (Self::OptU8(slot), Some(Value::Integer(value))) => *slot = number(*value, at),
            (Self::OptI8(slot), Some(Value::Integer(value))) => *slot = number(*value, at),
            (Self::U32(slot), Some(Value::Integer(value))) => *slot = number(*value, at).unwrap_or(*slot),
            (Self::OptU32(slot), Some(Value::Integer(value))) => *slot = number(*value, at),
            (Self::I32(slot), Some(Value::Integer(value))) => *slot = number(*value, at).unwrap_or(*slot),
            (Self::Weight(slot), _) => *slot = weight(values),
            _ => {}
        }
    }
}

fn switch(value: Option<&Value<'_>>, at: Span) -> Setting<bool> {
    Setting::written(!matches!(value, Some(Value::Switch(false))), at)
}

fn number<T: TryFrom<i64>>(value: i64, at: Span) -> Option<Setting<T>> {
    T::try_from(value).ok().map(|value| Setting::written(value, at))
}

#[cfg(test)]
mod tests {
    use super::super::{global, instance, probe, tracker};
    use super::*;
    use crate::model::Model;
    use crate::schema::{self, Kind, Place};

    /// Whether values of this schema fit.
    fn fits(slot: &Slot<'_>, keyword: &Keyword) -> bool {
        let kind = keyword.args.first().map(|arg| arg.kind);
        let within =
            |least: i64, most: i64| matches!(kind, Some(Kind::Integer { min, max, .. }) if min >= least && max <= most);
        let scaled = |divisor| matches!(kind, Some(Kind::Decimal { max_millionths, .. }) if max_millionths / divisor <= u32::MAX.into());
        match slot {
            Slot::Flag(_) | Slot::NoFlag(_) => kind.is_none(),
            Slot::Switch(_) | Slot::OptSwitch(_) => matches!(kind, None | Some(Kind::Switch)),
            Slot::Text(_) | Slot::OptText(_) => matches!(kind, Some(Kind::Word | Kind::Interface)),
            Slot::Millis(_) => scaled(1_000),
            Slot::Micros(_) => scaled(1),
            Slot::U8(_) | Slot::OptU8(_) => within(0, u8::MAX.into()),
            Slot::OptI8(_) => within(i8::MIN.into(), i8::MAX.into()),
            Slot::U32(_) | Slot::OptU32(_) => within(0, u32::MAX.into()),
            Slot::I32(_) | Slot::Weight(_) => within(i32::MIN.into(), i32::MAX.into()),
        }
    }

    #[track_caller]
    fn agree<T>(slots: &Slots<T>, place: &Place, mut target: T) {
        for (name, slot) in slots {
            let keyword = place.keyword(name).unwrap_or_else(|| panic!("{name} is no keyword of {}", place.name));
            assert!(fits(&slot(&mut target), keyword), "{name} in {}", place.name);
        }
    }

    #[test]
    fn each_plain_keyword_has_a_value_that_fits_its_setting() {
        let name = || Setting::implied(String::new());
        agree(global::PLAIN, &schema::GLOBAL_DEFS, Model::default().global);
        agree(instance::PLAIN, &schema::INSTANCE, instance::Draft::new(name(), Span::START, std::sync::Arc::default()));
        agree(tracker::PLAIN_OF_SCRIPTS, &schema::SCRIPT, tracker::new_script(name()));
        agree(tracker::PLAIN_OF_PROCESSES, &schema::TRACK_PROCESS, tracker::new_process(name()));
        agree(probe::PLAIN, &schema::PROBE, probe::new_probe(name()));
    }
}
