//! A blocking client for the command line, the console and tests.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use crate::{
    Answer, FramingError, Hello, Item, Line, LineBuffer, Notice, PROTOCOL, Refusal, Request, Session, Verb, from_json,
    to_json_line,
};

/// How long the server may take for its first line and between the lines of an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// How many notices may wait while an answer is read.
const NOTICES_MAX: usize = 4096;

/// Why talking to the service failed.
#[derive(Debug)]
pub enum ClientError {
    /// Nobody listens there, or we may not connect.
    Connect(io::Error),
    /// The connection broke.
    Broken(io::Error),
    /// The server closed the connection.
    Closed,
    /// The server did not answer in time.
    Timeout,
    /// The server said something that makes no sense.
    Nonsense(String),
    /// The server speaks another version of the protocol.
    Protocol(u32),
    /// The server refused the request, or it failed.
    Refused(Refusal),
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(error) => write!(f, "no service answers: {error}"),
            Self::Broken(error) => write!(f, "the connection to the service broke: {error}"),
            Self::Closed => f.write_str("the service closed the connection"),
            Self::Timeout => write!(f, "the service did not answer within {} s", ANSWER_TIMEOUT.as_secs()),
            Self::Nonsense(what) => write!(f, "the service said something that makes no sense: {what}"),
            Self::Protocol(theirs) => {
                write!(f, "the service speaks version {theirs} of the control protocol, this program {PROTOCOL}")
            }
            Self::Refused(refusal) => f.write_str(&refusal.message),
        }
    }
}

impl std::error::Error for ClientError {}

impl From<FramingError> for ClientError {
    fn from(error: FramingError) -> Self {
        Self::Nonsense(error.to_string())
    }
}

/// A connection to the service.
#[derive(Debug)]
pub struct Client {
    stream: UnixStream,
    buffer: LineBuffer,
    hello: Hello,
    next_id: u64,
    notices: VecDeque<Notice>,
}

impl Client {
    /// Connects, reads the server's first line, and says in which ssh session this process runs.
    ///
    /// # Errors
    /// [`ClientError::Connect`] when nobody listens; [`ClientError::Protocol`] when the server is of another version.
    pub fn connect(path: &Path) -> Result<Self, ClientError> {
        let mut client = Self::over(UnixStream::connect(path).map_err(ClientError::Connect)?)?;
        if let Some(session) = Session::of_this_process() {
            client.stream.write_all(&session.line()).map_err(ClientError::Broken)?;
        }
        Ok(client)
    }

    /// Reads the server's first line from a connection that stands already, such as that to a command which carries the
    /// conversation to another machine.
    ///
    /// # Errors
    /// [`ClientError::Protocol`] when the server is of another version.
    pub fn over(stream: UnixStream) -> Result<Self, ClientError> {
        stream.set_read_timeout(Some(ANSWER_TIMEOUT)).map_err(ClientError::Broken)?;
        stream.set_write_timeout(Some(ANSWER_TIMEOUT)).map_err(ClientError::Broken)?;
        let mut buffer = LineBuffer::default();
        let hello = match read_line(&stream, &mut buffer)? {
            Line::Hello(hello) if hello.locum == PROTOCOL => hello,
            Line::Hello(hello) => return Err(ClientError::Protocol(hello.locum)),
            Line::Answer { .. } | Line::Notice(_) => {
                return Err(ClientError::Nonsense("its first line is no greeting".into()));
            }
        };
        Ok(Self { stream, buffer, hello, next_id: 1, notices: VecDeque::new() })
    }

    /// The server's first line.
    pub const fn hello(&self) -> &Hello {
        &self.hello
    }

    /// Asks, and collects the whole answer. Notices that arrive meanwhile are kept for [`Client::next_notice`].
    ///
    /// # Errors
    /// [`ClientError::Refused`] with the server's reason; the others when the conversation itself fails.
    pub fn request(&mut self, verb: Verb) -> Result<(Vec<Item>, String), ClientError> {
        let id = self.next_id;
        self.next_id += 1;
        let line = to_json_line(&Request { id, verb });
        self.stream.write_all(line.as_bytes()).map_err(ClientError::Broken)?;
        let mut items = Vec::new();
        loop {
            match read_line(&self.stream, &mut self.buffer)? {
                Line::Answer { id: theirs, answer } if theirs == Some(id) || theirs.is_none() => match answer {
                    Answer::Item(item) => items.push(item),
                    Answer::Done(text) => return Ok((items, text)),
                    Answer::Error(refusal) => return Err(ClientError::Refused(refusal)),
                },
                Line::Answer { .. } | Line::Hello(_) => {
                    return Err(ClientError::Nonsense("an answer nobody asked for".into()));
                }
                Line::Notice(notice) => {
                    if self.notices.len() >= NOTICES_MAX {
                        self.notices.pop_front();
                    }
                    self.notices.push_back(notice);
                }
            }
        }
    }

    /// Waits for the next notice after [`Verb::Watch`], at most `timeout`, for ever if there is none.
    ///
    /// # Errors
    /// [`ClientError::Timeout`] when none came; the others when the conversation itself fails.
    pub fn next_notice(&mut self, timeout: Option<Duration>) -> Result<Notice, ClientError> {
        if let Some(notice) = self.notices.pop_front() {
            return Ok(notice);
        }
        self.stream.set_read_timeout(timeout).map_err(ClientError::Broken)?;
        let line = read_line(&self.stream, &mut self.buffer);
        self.stream.set_read_timeout(Some(ANSWER_TIMEOUT)).map_err(ClientError::Broken)?;
        match line? {
            Line::Notice(notice) => Ok(notice),
            Line::Hello(_) | Line::Answer { .. } => Err(ClientError::Nonsense("an answer nobody asked for".into())),
        }
    }
}

fn read_line(mut stream: &UnixStream, buffer: &mut LineBuffer) -> Result<Line, ClientError> {
    loop {
        if let Some(line) = buffer.next_line() {
            return from_json(line?.as_bytes()).map_err(|error| ClientError::Nonsense(error.to_string()));
        }
        let mut chunk = [0; 4096];
        let count = match stream.read(&mut chunk) {
            Ok(0) => return Err(ClientError::Closed),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                return Err(ClientError::Timeout);
            }
            Err(error) => return Err(ClientError::Broken(error)),
        };
        buffer.extend(chunk.get(..count).unwrap_or_default());
    }
}
