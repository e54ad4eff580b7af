//! Types out of JSON.
//!
//! serde's derived readers are made for every format there is and cost a router's flash several hundred kilobytes. These are
//! made for one: text becomes a [`Value`], and a type takes its fields out of that. Writing stands in `writing.rs`.
//!
//! Reading a value goes on when something in it is wrong; the first such thing is kept, and [`from_json`] says it in place
//! of a result. So no reader of a type has to stop half-way.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr};

use serde::Serialize;
use serde_json::Value;

use crate::{Block, Cause, Family, Reject, SortedMap, State, to_json};

/// Reads a type from a JSON text.
///
/// # Errors
/// What is wrong with the text.
pub fn from_json<T: FromJson>(text: &[u8]) -> Result<T, JsonError> {
    from_value(&serde_json::from_slice(text).map_err(JsonError::Syntax)?)
}

/// Reads a type from JSON that was read before.
///
/// # Errors
/// What is wrong with it.
pub fn from_value<T: FromJson>(value: &Value) -> Result<T, JsonError> {
    let mut reader = Reader::default();
    let read = T::read(value, &mut reader);
    reader.wrong.map_or(Ok(read), Err)
}

/// The word that JSON has for a value without particulars: "link_down".
pub fn word(value: &impl Serialize) -> String {
    without_quotes(to_json(value))
}

fn without_quotes(mut json: String) -> String {
    json.retain(|char| char != '"');
    json
}

/// What can be read from JSON.
pub trait FromJson: Sized {
    /// Reads it; null is what is absent. If it cannot be read, tells `reader`, and what is returned means nothing.
    fn read(value: &Value, reader: &mut Reader) -> Self;
}

/// Why a text makes no sense.
#[derive(Debug)]
pub enum JsonError {
    /// It is no JSON.
    Syntax(serde_json::Error),
    /// A field is absent, or is something else than it should be.
    Field {
        /// Its name; empty for the text as a whole.
        name: &'static str,
        /// What should be there.
        expected: &'static str,
    },
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(error) => error.fmt(f),
            Self::Field { name: "", expected } => write!(f, "expected {expected}"),
            Self::Field { name, expected } => write!(f, "`{name}`: expected {expected}"),
        }
    }
}

impl std::error::Error for JsonError {}

impl From<JsonError> for io::Error {
    fn from(error: JsonError) -> Self {
        Self::new(io::ErrorKind::InvalidData, error)
    }
}

/// Takes fields out of objects and keeps the first thing that is wrong.
#[derive(Debug, Default)]
pub struct Reader {
    /// The field that is being read.
    name: &'static str,
    wrong: Option<JsonError>,
}

impl Reader {
    /// A field of an object.
    pub fn field<T: FromJson>(&mut self, object: &Value, name: &'static str) -> T {
        T::read(self.open(object, name), self)
    }

    /// A field of an object that may be absent.
    pub fn field_or_default<T: FromJson + Default>(&mut self, object: &Value, name: &'static str) -> T {
        let value = self.open(object, name);
        if value.is_null() { T::default() } else { T::read(value, self) }
    }

    /// The field that says which kind of object it is.
    pub fn tag<'value>(&mut self, object: &'value Value, name: &'static str) -> &'value str {
        self.open(object, name).as_str().unwrap_or_default()
    }

    /// What stands in a field, which is the one that is being read from now on.
    fn open<'value>(&mut self, object: &'value Value, name: &'static str) -> &'value Value {
        self.name = name;
        object.get(name).unwrap_or(&Value::Null)
    }

    /// Which of some words a value is: the first if it is none of them, which is noted.
    pub(crate) fn word_of(&mut self, value: &Value, words: &dyn Fn(usize) -> Option<String>) -> usize {
        let text = value.as_str().unwrap_or_default();
        (0..).map_while(words).position(|word| word == text).unwrap_or_else(|| {
            self.expected("one of the words that this version knows");
            0
        })
    }

    /// Notes that what is being read is no such thing.
    pub fn expected(&mut self, expected: &'static str) {
        self.wrong.get_or_insert(JsonError::Field { name: self.name, expected });
    }

    fn or<T>(&mut self, read: Option<T>, expected: &'static str, placeholder: T) -> T {
        read.unwrap_or_else(|| {
            self.expected(expected);
            placeholder
        })
    }
}

/// A word, or an object with one key: the word or key, and what stands under it.
pub(crate) fn word_or_key(value: &Value) -> (&str, &Value) {
    match value {
        Value::String(word) => (word, &Value::Null),
        Value::Object(object) if object.len() == 1 => {
            object.iter().next().map_or(("", &Value::Null), |(key, inner)| (key.as_str(), inner))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => ("", &Value::Null),
    }
}

/// Has structures read from objects: the fields that must be there (an `Option` may be absent); after `or_default` those that
/// may be absent; after `within` those whose own fields stand in the same object.
#[macro_export]
macro_rules! readable {
    ($($type:ident { $($field:ident),* $(,)? $(; or_default $($may:ident),*)? $(; within $($within:ident),*)? })*) => { $(
        impl $crate::FromJson for $type {
            fn read(value: &$crate::Value, reader: &mut $crate::Reader) -> Self {
                Self {
                    $($field: reader.field(value, stringify!($field)),)*
                    $($($may: reader.field_or_default(value, stringify!($may)),)*)?
                    $($($within: $crate::FromJson::read(value, reader),)*)?
                }
            }
        }
    )* };
}

/// Has an enum of mere words read: the words are those that it is written with.
macro_rules! readable_words {
    ($($type:ident: $first:ident $(, $variant:ident)*;)*) => { $(
        impl $crate::FromJson for $type {
            fn read(value: &$crate::Value, reader: &mut $crate::Reader) -> Self {
                const ALL: &[$type] = &[$type::$first $(, $type::$variant)*];
                // None is forgotten.
                const _: fn(&$type) = |one| match one { $type::$first $(| $type::$variant)* => () };
                let at = reader.word_of(value, &|at| ALL.get(at).map($crate::word));
                ALL.get(at).copied().unwrap_or($type::$first)
            }
        }
    )* };
}

/// Has an enum read whose objects say in the field `tag` which variant they are.
macro_rules! readable_by {
    (
        $type:ident by $tag:literal or $placeholder:ident $({ $($nothing:tt)* })?;
        $($word:literal => $variant:ident $({ $($field:ident),* $(; or_default $($may:ident),*)? })? $(($($within:tt)*))?,)*
    ) => {
        impl $crate::FromJson for $type {
            fn read(value: &$crate::Value, reader: &mut $crate::Reader) -> Self {
                // None is forgotten.
                const _: fn(&$type) = |one| match one { $($type::$variant { .. })|* => () };
                match reader.tag(value, $tag) {
                    $($word => readable_by!(
                        @ value, reader, $type::$variant $({ $($field),* $(; $($may),*)? })? $(($($within)*))?
                    ),)*
                    _ => {
                        reader.expected(concat!("one of:", $(" ", $word),*));
                        $type::$placeholder $({ $($nothing)* })?
                    }
                }
            }
        }
    };
    // A variant whose own fields stand in the same object.
    (@ $value:ident, $reader:ident, $type:ident::$variant:ident (..)) => {
        $type::$variant($crate::FromJson::read($value, $reader))
    };
    (@ $value:ident, $reader:ident, $type:ident::$variant:ident $({ $($field:ident),* $(; $($may:ident),*)? })?) => {
        $type::$variant {
            $($($field: $reader.field($value, stringify!($field)),)*
            $($($may: $reader.field_or_default($value, stringify!($may)),)*)?)?
        }
    };
}

pub(crate) use {readable, readable_by, readable_words};

macro_rules! readable_numbers {
    ($($type:ty, $of:ident, $expected:literal;)*) => { $(
        impl FromJson for $type {
            fn read(value: &Value, reader: &mut Reader) -> Self {
                reader.or(value.$of().and_then(|number| number.try_into().ok()), $expected, 0)
            }
        }
    )* };
}

readable_numbers! {
    u8, as_u64, "a number from 0 to 255";
    u16, as_u64, "a number from 0 to 65535";
    u32, as_u64, "a number from 0 to 4294967295";
    u64, as_u64, "a number from 0 to 18446744073709551615";
    i16, as_i64, "a number from -32768 to 32767";
    i32, as_i64, "a number from -2147483648 to 2147483647";
}

impl FromJson for bool {
    fn read(value: &Value, reader: &mut Reader) -> Self {
        reader.or(value.as_bool(), "true or false", false)
    }
}

impl FromJson for String {
    fn read(value: &Value, reader: &mut Reader) -> Self {
        reader.or(value.as_str(), "text", "").to_owned()
    }
}

impl FromJson for IpAddr {
    fn read(value: &Value, reader: &mut Reader) -> Self {
        let address = value.as_str().and_then(|text| text.parse().ok());
        reader.or(address, "an address", Self::V4(Ipv4Addr::UNSPECIFIED))
    }
}

impl FromJson for Value {
    fn read(value: &Value, _: &mut Reader) -> Self {
        value.clone()
    }
}

impl<T: FromJson> FromJson for Option<T> {
    fn read(value: &Value, reader: &mut Reader) -> Self {
        (!value.is_null()).then(|| T::read(value, reader))
    }
}

impl<T: FromJson> FromJson for Box<T> {
    fn read(value: &Value, reader: &mut Reader) -> Self {
        Self::new(T::read(value, reader))
    }
}

impl<T: FromJson> FromJson for Vec<T> {
    fn read(value: &Value, reader: &mut Reader) -> Self {
        let list = reader.or(value.as_array().map(Vec::as_slice), "a list", &[]);
        let mut all = Self::with_capacity(list.len());
        for value in list {
            all.push(T::read(value, reader));
        }
        all
    }
}

impl<K: FromJson + Ord, V: FromJson> FromJson for SortedMap<K, V> {
    fn read(value: &Value, reader: &mut Reader) -> Self {
        let Some(object) = value.as_object() else {
            reader.expected("an object");
            return Self::new();
        };
        // A key is a value that is written as text.
        let entry = |(key, value): (&String, _)| (K::read(&Value::String(key.clone()), reader), V::read(value, reader));
        object.iter().map(entry).collect()
    }
}

impl<const N: usize> FromJson for [u8; N] {
    fn read(value: &Value, reader: &mut Reader) -> Self {
        let bytes: Option<Self> = Vec::read(value, reader).try_into().ok();
        reader.or(bytes, "a list of another length", [0; N])
    }
}

// The vocabulary of the core, which has no JSON.

readable_words! {
    State: Init, Fault, Backup, Master;
    Family: Ipv4, Ipv6;
    Block: Configuration, InterfaceMissing, LinkDown, NoSourceAddress, Refused, Tracker, Group;
    Reject: Malformed, UnknownVrid, OwnSource, Ttl, Version, PacketType, Length, Checksum, Multicast, Group, Unicast,
        UnknownPeer, AuthenticationType, Password, Interval, Addresses, LocalOwner;
}

readable_by! {
    Cause by "kind" or Start;
    "start_owner" => StartOwner,
    "start" => Start,
    "nobody_heard" => NobodyHeard { waited_us },
    "master_silent" => MasterSilent { master, silent_us, intervals },
    "priority_zero" => PriorityZero { from },
    "we_preempt" => WePreempt { master, priority },
    "resumed" => Resumed { master, priority },
    "preempted_by" => PreemptedBy { by, priority },
    "tie_lost" => TieLost { to, priority },
    "blocked" => Blocked { block },
    "recovered" => Recovered { block },
    "tracker_failed" => TrackerFailed { tracker },
    "tracker_recovered" => TrackerRecovered { tracker },
    "group_moved" => GroupMoved { member },
    "reconfigured" => Reconfigured,
    "removed" => Removed,
    "yielded" => Yielded,
    "vip_lost" => VipLost,
    "goes_on" => GoesOn,
    "yield_ended" => YieldEnded,
    "nobody_took_over" => NobodyTookOver { waited_us },
    "taken" => Taken { master },
    "held_up" => HeldUp { overdue_us },
    "shutdown" => Shutdown,
    "killed" => Killed,
}
