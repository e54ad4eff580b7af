//! Where whoever sits at a client came from.

use std::net::IpAddr;

use serde::Serialize;

use crate::reading::{FromJson, Reader, readable};
use crate::{Request, Value, to_json_line};

/// The addresses of the ssh session that a client runs in (`SSH_CONNECTION`, ssh(1)).
///
/// The service cannot see them by itself. It notes them beside what the kernel says of the client, and is careful with
/// changes that come in through a virtual address. They are the client's word: nobody is allowed more by them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Session {
    /// Where the user came from.
    pub from: IpAddr,
    /// Which of this machine's addresses was connected to.
    pub at: IpAddr,
}

impl Session {
    /// That of this process, if it runs in one.
    pub fn of_this_process() -> Option<Self> {
        Self::parse(&std::env::var("SSH_CONNECTION").ok()?)
    }

    /// `text` is "FROM PORT AT PORT"; an address of a link is followed by its zone ("fe80::1%eth0").
    fn parse(text: &str) -> Option<Self> {
        let address = |word: Option<&str>| word?.split('%').next()?.parse().ok();
        let mut words = text.split_ascii_whitespace();
        let from = address(words.next())?;
        Some(Self { from, at: address(words.nth(1))? })
    }

    /// The line that says so, its newline included.
    pub fn line(self) -> Vec<u8> {
        to_json_line(&Said::Session { session: self }).into_bytes()
    }
}

/// Any line that a client sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Said {
    /// Where it runs: before its first request, and not answered.
    Session {
        /// The ssh session.
        session: Session,
    },
    /// A question or an order.
    Request(Request),
}

readable! {
    Session { from, at }
}

impl FromJson for Said {
    fn read(value: &Value, reader: &mut Reader) -> Self {
        match value.get("session") {
            Some(_) => Self::Session { session: reader.field(value, "session") },
            None => Self::Request(Request::read(value, reader)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::from_json;

    #[test]
    fn the_session_is_what_ssh_says() {
        let session = |from: &str, at: &str| {
            let address = |text: &str| text.parse().expect("an address");
            Some(Session { from: address(from), at: address(at) })
        };
        assert_eq!(Session::parse("10.0.0.5 51722 10.0.0.1 22"), session("10.0.0.5", "10.0.0.1"));
        assert_eq!(Session::parse("fe80::5%eth0 51722 fe80::1%eth0 22"), session("fe80::5", "fe80::1"));
        for odd in ["", "10.0.0.5", "10.0.0.5 51722", "UNKNOWN 65535 UNKNOWN 65535", "10.0.0.5 1 here 22"] {
            assert_eq!(Session::parse(odd), None, "{odd}");
        }
    }

    #[test]
    fn a_session_comes_back_as_it_was_said() {
        let session = Session::parse("10.0.0.5 51722 fe80::1%eth0 22").expect("a session");
        let line = session.line();
        assert_eq!(line, b"{\"session\":{\"from\":\"10.0.0.5\",\"at\":\"fe80::1\"}}\n");
        assert_eq!(from_json::<Said>(&line).ok(), Some(Said::Session { session }));
        assert!(from_json::<Said>(br#"{"session":{"from":"10.0.0.5"}}"#).is_err());
        assert!(from_json::<Said>(br#"{"session":"10.0.0.5"}"#).is_err());
    }
}
