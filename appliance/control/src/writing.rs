//! Types into JSON.
//!
//! What a type says of itself is serde's, derived. The text is made here and not by `serde_json`, whose writer is for any
//! kind of stream: each field of each type is written by code of its own there, with a way out for the case that the stream
//! fails. Into memory nothing fails, so that a field costs a board's flash a call or two. The text is the same.

use std::fmt::{self, Write as _};

use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

/// A value as JSON, without blanks and on one line.
pub fn to_json<T: Serialize + ?Sized>(value: &T) -> String {
    let mut writer = Writer { text: String::new() };
    let written = value.serialize(&mut writer);
    debug_assert!(written.is_ok(), "a type that JSON has no form for");
    writer.text
}

/// A value as JSON, with a newline behind it.
pub fn to_json_line<T: Serialize + ?Sized>(value: &T) -> String {
    let mut line = to_json(value);
    line.push('\n');
    line
}

/// Why a value is not written: its type flattens what has no fields. That is a fault of the type, whatever the value.
#[derive(Debug)]
struct Unwritable;

impl fmt::Display for Unwritable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON has no form for it")
    }
}

impl std::error::Error for Unwritable {}

impl serde::ser::Error for Unwritable {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

type Written = Result<(), Unwritable>;

struct Writer {
    text: String,
}

impl Writer {
    fn put(&mut self, text: &str) -> Written {
        self.text.push_str(text);
        Ok(())
    }

    fn display(&mut self, value: &dyn fmt::Display) -> Written {
        let _ = write!(self.text, "{value}"); // a string takes everything
        Ok(())
    }

    fn quoted(&mut self, text: &str) {
        self.text.push('"');
        let _ = Escaped(&mut self.text).write_str(text);
        self.text.push('"');
    }

    /// The comma before what is not the first in its list or object.
    fn next(&mut self) {
        // A text ends with a quote, so that a bracket at the end is one that was opened.
        if !self.text.ends_with(['[', '{']) {
            self.text.push(',');
        }
    }

    fn key(&mut self, key: &str) {
        self.next();
        self.quoted(key);
        self.text.push(':');
    }

    fn open<'w>(&'w mut self, open: &str, close: Close) -> Nested<'w> {
        self.text.push_str(open);
        Nested { writer: self, close }
    }

    /// An object of one field, and in that what `open` begins.
    fn open_variant<'w>(&'w mut self, name: &str, open: &str, close: Close) -> Nested<'w> {
        self.text.push('{');
        self.key(name);
        self.open(open, close)
    }
}

/// Text as it stands between quotes.
struct Escaped<'s>(&'s mut String);

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for char in text.chars() {
            match char {
                '"' => self.0.push_str("\\\""),
                '\\' => self.0.push_str("\\\\"),
                '\n' => self.0.push_str("\\n"),
                '\r' => self.0.push_str("\\r"),
                '\t' => self.0.push_str("\\t"),
                '\u{8}' => self.0.push_str("\\b"),
                '\u{c}' => self.0.push_str("\\f"),
                '\0'..' ' => write!(self.0, "\\u{:04x}", u32::from(char))?,
                _ => self.0.push(char),
            }
        }
        Ok(())
    }
}

impl<'w> Serializer for &'w mut Writer {
    type Ok = ();
    type Error = Unwritable;
    type SerializeSeq = Nested<'w>;
    type SerializeTuple = Nested<'w>;
    type SerializeTupleStruct = Nested<'w>;
    type SerializeTupleVariant = Nested<'w>;
    type SerializeMap = Nested<'w>;
    type SerializeStruct = Nested<'w>;
    type SerializeStructVariant = Nested<'w>;

    fn serialize_bool(self, value: bool) -> Written {
        self.put(if value { "true" } else { "false" })
    }

    fn serialize_i8(self, value: i8) -> Written {
        self.serialize_i64(value.into())
    }

    fn serialize_i16(self, value: i16) -> Written {
        self.serialize_i64(value.into())
    }

    fn serialize_i32(self, value: i32) -> Written {
        self.serialize_i64(value.into())
    }

    fn serialize_i64(self, value: i64) -> Written {
        self.display(&value)
    }

    fn serialize_u8(self, value: u8) -> Written {
        self.serialize_u64(value.into())
    }

    fn serialize_u16(self, value: u16) -> Written {
        self.serialize_u64(value.into())
    }

    fn serialize_u32(self, value: u32) -> Written {
        self.serialize_u64(value.into())
    }

    fn serialize_u64(self, value: u64) -> Written {
        self.display(&value)
    }

    fn serialize_f32(self, value: f32) -> Written {
        self.serialize_f64(value.into())
    }

    fn serialize_f64(self, value: f64) -> Written {
        match serde_json::Number::from_f64(value) {
            Some(number) => self.display(&number),
            None => self.serialize_unit(),
        }
    }

    fn serialize_char(self, value: char) -> Written {
        self.collect_str(&value)
    }

    fn serialize_str(self, text: &str) -> Written {
        self.quoted(text);
        Ok(())
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Written {
        self.collect_seq(bytes)
    }

    fn serialize_none(self) -> Written {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Written {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Written {
        self.put("null")
    }

    fn serialize_unit_struct(self, _: &'static str) -> Written {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, name: &'static str) -> Written {
        self.serialize_str(name)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Written {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        value: &T,
    ) -> Written {
        value.serialize(&mut *self.open_variant(name, "", Close::Object).writer)?;
        self.put("}")
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Nested<'w>, Unwritable> {
        Ok(self.open("[", Close::List))
    }

    fn serialize_tuple(self, _: usize) -> Result<Nested<'w>, Unwritable> {
        Ok(self.open("[", Close::List))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Nested<'w>, Unwritable> {
        Ok(self.open("[", Close::List))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        _: usize,
    ) -> Result<Nested<'w>, Unwritable> {
        Ok(self.open_variant(name, "[", Close::ListInObject))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Nested<'w>, Unwritable> {
        Ok(self.open("{", Close::Object))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Nested<'w>, Unwritable> {
        Ok(self.open("{", Close::Object))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        _: usize,
    ) -> Result<Nested<'w>, Unwritable> {
        Ok(self.open_variant(name, "{", Close::ObjectInObject))
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Written {
        self.text.push('"');
        let _ = write!(Escaped(&mut self.text), "{value}"); // a string takes everything
        self.put("\"")
    }
}

/// A list or an object that is being written, and what ends it.
struct Nested<'w> {
    writer: &'w mut Writer,
    close: Close,
}

/// What ends a list or an object, and the object of one field around it. Together with the writer it fits two registers.
#[derive(Clone, Copy)]
enum Close {
    List,
    Object,
    ListInObject,
    ObjectInObject,
}

impl Nested<'_> {
    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        value.serialize(&mut *self.writer)
    }

    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        self.writer.next();
        self.value(value)
    }

    fn field<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Written {
        self.writer.key(key);
        self.value(value)
    }

    fn close(self) -> Written {
        self.writer.put(match self.close {
            Close::List => "]",
            Close::Object => "}",
            Close::ListInObject => "]}",
            Close::ObjectInObject => "}}",
        })
    }
}

impl SerializeSeq for Nested<'_> {
    type Ok = ();
    type Error = Unwritable;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        self.element(value)
    }

    fn end(self) -> Written {
        self.close()
    }
}

impl SerializeTuple for Nested<'_> {
    type Ok = ();
    type Error = Unwritable;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        self.element(value)
    }

    fn end(self) -> Written {
        self.close()
    }
}

impl SerializeTupleStruct for Nested<'_> {
    type Ok = ();
    type Error = Unwritable;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        self.element(value)
    }

    fn end(self) -> Written {
        self.close()
    }
}

impl SerializeTupleVariant for Nested<'_> {
    type Ok = ();
    type Error = Unwritable;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        self.element(value)
    }

    fn end(self) -> Written {
        self.close()
    }
}

impl SerializeMap for Nested<'_> {
    type Ok = ();
    type Error = Unwritable;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Written {
        self.writer.next();
        let start = self.writer.text.len();
        self.value(key)?;
        // A number: in JSON a key is a text.
        if !self.writer.text.get(start..).is_some_and(|key| key.starts_with('"')) {
            self.writer.text.insert(start, '"');
            self.writer.text.push('"');
        }
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        self.writer.text.push(':');
        self.value(value)
    }

    fn end(self) -> Written {
        self.close()
    }
}

impl SerializeStruct for Nested<'_> {
    type Ok = ();
    type Error = Unwritable;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Written {
        self.field(key, value)
    }

    fn end(self) -> Written {
        self.close()
    }
}

impl SerializeStructVariant for Nested<'_> {
    type Ok = ();
    type Error = Unwritable;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Written {
        self.field(key, value)
    }

    fn end(self) -> Written {
        self.close()
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;
    use serde_json::json;

    use super::*;
    use crate::SortedMap;

    /// It is written as serde_json writes it.
    #[track_caller]
    fn same<T: Serialize + ?Sized>(value: &T) {
        assert_eq!(to_json(value), serde_json::to_string(value).unwrap());
    }

    #[test]
    fn each_shape_is_written_as_serde_json_writes_it() {
        #[derive(Serialize)]
        struct Unit;
        #[derive(Serialize)]
        struct Newtype(u8);
        #[derive(Serialize)]
        struct Pair(i8, Option<&'static str>);
        #[derive(Serialize)]
        struct Fields {
            empty: Vec<u8>,
            inner: Variant,
            #[serde(flatten)]
            more: Tagged,
        }
        #[derive(Serialize)]
        enum Variant {
            Unit,
            Newtype(String),
            Pair(u8, u8),
            Fields { a: bool, b: [u16; 2] },
        }
        #[derive(Serialize)]
        #[serde(tag = "kind")]
        enum Tagged {
            Unit,
            Fields { a: i64 },
        }
        same(&Unit);
        same(&Newtype(3));
        same(&Pair(-1, None));
        same(&Pair(-128, Some("x")));
        same(&Fields { empty: Vec::new(), inner: Variant::Unit, more: Tagged::Unit });
        same(&Fields { empty: vec![1], inner: Variant::Newtype("]{".into()), more: Tagged::Fields { a: i64::MIN } });
        same(&[Variant::Pair(1, 2), Variant::Fields { a: true, b: [0, u16::MAX] }]);
        same(&((), 'ä', u64::MAX, i16::MIN, 1.0_f32));
        same(&SortedMap::from([(7_u16, "seven"), (8, "eight")]));
        same(&SortedMap::from([("[", SortedMap::<u8, u8>::new())]));
    }

    #[test]
    fn a_text_is_escaped_as_serde_json_does() {
        let all: String = (0..0x250).filter_map(char::from_u32).chain("\u{2028}\u{fffd}🦀".chars()).collect();
        same(&all);
        same(&format_args!("\"{all}"));
        same("");
    }

    #[test]
    fn numbers_with_decimals_and_values_that_were_read_come_back() {
        for number in [0.0, -0.0, 1.0, 0.1, 1e21, 1.5e-9, f64::MAX, f64::MIN_POSITIVE, f64::NAN, f64::INFINITY] {
            same(&number);
        }
        same(&json!({"a": [1, -1, 1.5, null, true, {"b": []}, {}], "[": "{"}));
    }
}
