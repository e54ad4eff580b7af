//! A recording, played: what a service said is said again, at the pace at which it was heard, or faster.
//!
//! The file is read as it is played: a recording of a week costs no more memory than one of a minute. To go back, it is
//! played again from its beginning, as fast as the console takes it.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::time::{Duration, Instant};

use locum_control::{Answer, Event, Item, LINE_BYTES_MAX, Line, Value, from_json, from_value, readable};

use crate::link::{End, Link, Order, Playing, Purpose, Report};
use crate::model::node::Play;

/// What is said in a file's first line.
const VERSION: u32 = 1;
/// A line of the file: one of the socket, and when it was heard.
const FILE_LINE_BYTES_MAX: u64 = 2 * LINE_BYTES_MAX as u64;
/// So far from the end of the file, its last line is looked for.
const TAIL_BYTES: u64 = 4 * FILE_LINE_BYTES_MAX;
/// So often orders are looked at while lines are due all at once.
const LINES_PER_LOOK: u32 = 256;

/// The first line.
#[derive(Debug)]
struct Head {
    locum_recording: u32,
}

/// Each of the others.
#[derive(Debug)]
struct Recorded {
    at_unix_ms: u64,
    line: Value,
}

/// Only its time.
#[derive(Debug)]
struct Timed {
    at_unix_ms: u64,
}

readable! {
    Head { locum_recording }
    Recorded { at_unix_ms, line }
    Timed { at_unix_ms }
}

/// Plays the recording until the console ends.
pub(crate) fn run(link: &mut Link, path: &Path) {
    if link.report(Report::Connecting).is_err() {
        return;
    }
    let ended = match Player::open(path) {
        Ok(mut player) => loop {
            match player.play(link) {
                Ok(()) => {}
                Err(Stop::Over) => return,
                Err(Stop::Failed(reason)) => break reason,
            }
        },
        Err(reason) => reason,
    };
    // There is nothing to try again.
    let reason = format!("{}: {ended}", path.display());
    if link.report(Report::Lost { reason, retry_in: Duration::MAX }).is_err() {
        return;
    }
    while link.wait(None).is_ok() && link.order().is_ok() {}
}

/// Why playing does not go on.
enum Stop {
    /// The console ended.
    Over,
    /// The file cannot be read.
    Failed(String),
}

impl From<End> for Stop {
    fn from(_: End) -> Self {
        Self::Over
    }
}

struct Player {
    file: BufReader<File>,
    /// Where the lines begin, behind the head.
    first_byte: u64,
    start_us: u64,
    end_us: u64,
    /// Where it is, as of an instant.
    at_us: u64,
    as_of: Instant,
    runs: bool,
    speed: u32,
    /// The console knows where it is.
    is_told: bool,
    /// The next line.
    next: Option<Recorded>,
    /// What the lines mean depends on those before.
    talk: Talk,
}

/// The conversation so far.
#[derive(Debug, Default)]
pub(crate) struct Talk {
    /// The answer that is under way: its number, and what was asked.
    answer: Option<(Option<u64>, Purpose)>,
    /// Everything was told once.
    synced: bool,
    next_seq: Option<u64>,
}

impl Player {
    fn open(path: &Path) -> Result<Self, String> {
        let failed = |error: io::Error| error.to_string();
        let mut file = BufReader::new(File::open(path).map_err(failed)?);
        let head = read_line(&mut file).map_err(failed)?.unwrap_or_default();
        let first_byte = file.stream_position().map_err(failed)?;
        match from_json::<Head>(&head) {
            Ok(Head { locum_recording: VERSION }) => {}
            Ok(head) => {
                return Err(format!(
                    "a recording of version {}, and this console plays version {VERSION}",
                    head.locum_recording
                ));
            }
            Err(_) => return Err("this is no recording of locum".to_owned()),
        }
        let end_us = last_us(file.get_mut(), first_byte).map_err(failed)?;
        file.seek(SeekFrom::Start(first_byte)).map_err(failed)?;
        let mut player = Self {
            file,
            first_byte,
            start_us: 0,
            end_us,
            at_us: 0,
            as_of: Instant::now(),
            runs: true,
            speed: 1,
            is_told: false,
            next: None,
            talk: Talk::default(),
        };
        player.advance().map_err(failed)?;
        let Some(first) = &player.next else { return Err("the recording is empty".to_owned()) };
        player.start_us = us(first.at_unix_ms);
        player.at_us = player.start_us;
        player.end_us = player.end_us.max(player.start_us);
        Ok(player)
    }

    /// Reads the next line that makes sense; a torn one, as a recorder leaves it that was killed, does not.
    fn advance(&mut self) -> io::Result<()> {
        self.next = None;
        while let Some(line) = read_line(&mut self.file)? {
            if let Ok(recorded) = from_json::<Recorded>(&line) {
                self.next = Some(recorded);
                return Ok(());
            }
        }
        Ok(())
    }

    fn position_us(&self) -> u64 {
        let passed_us = if self.runs { u64::try_from(self.as_of.elapsed().as_micros()).unwrap_or(u64::MAX) } else { 0 };
        // A clock that was set back while it was recorded must not end it before its time.
        let end_us = self.next.as_ref().map_or(self.end_us, |next| us(next.at_unix_ms).max(self.end_us));
        self.at_us.saturating_add(passed_us.saturating_mul(self.speed.into())).min(end_us)
    }

    /// Says what is due, and waits for what comes then.
    fn play(&mut self, link: &mut Link) -> Result<(), Stop> {
        self.tell(link)?;
        loop {
            let mut said = 0;
            while let Some(next) = self.next.take_if(|next| us(next.at_unix_ms) <= self.at_us) {
                self.say(link, next)?;
                said += 1;
                if said % LINES_PER_LOOK == 0 && self.orders(link)? {
                    return Ok(());
                }
            }
            if !self.is_told {
                self.tell(link)?;
            }
            let wait = match &self.next {
                Some(next) if self.runs => {
                    let left_us = us(next.at_unix_ms).saturating_sub(self.position_us()) / u64::from(self.speed.max(1));
                    Some(Duration::from_micros(left_us))
                }
                // At its end it holds by itself.
                None if self.runs => {
                    self.hold(self.end_us);
                    self.tell(link)?;
                    None
                }
                Some(_) | None => None,
            };
            if wait != Some(Duration::ZERO) {
                link.wait(wait)?;
            }
            if self.orders(link)? {
                return Ok(());
            }
            let now_us = self.position_us();
            (self.at_us, self.as_of) = (now_us, Instant::now());
        }
    }

    /// Takes orders; whether there were any.
    fn orders(&mut self, link: &mut Link) -> Result<bool, Stop> {
        let mut changed = false;
        while let Some(order) = link.order()? {
            let Order::Play(playing) = order else { continue };
            let position_us = self.position_us();
            (self.at_us, self.as_of, changed) = (position_us, Instant::now(), true);
            match playing {
                Playing::Run(runs) => {
                    if runs && position_us >= self.end_us {
                        self.seek(link, self.start_us)?;
                    }
                    self.runs = runs;
                }
                Playing::Speed(speed) => self.speed = speed.max(1),
                Playing::Seek(to_us) => self.seek(link, to_us)?,
            }
        }
        Ok(changed)
    }

    fn hold(&mut self, at_us: u64) {
        (self.at_us, self.as_of, self.runs) = (at_us, Instant::now(), false);
    }

    /// Goes to a time. What is in between is said at once, and what lies behind is said again from the start.
    fn seek(&mut self, link: &mut Link, to_us: u64) -> Result<(), Stop> {
        let to_us = to_us.clamp(self.start_us, self.end_us);
        let failed = |error: io::Error| Stop::Failed(error.to_string());
        if to_us < self.at_us {
            self.file.seek(SeekFrom::Start(self.first_byte)).map_err(failed)?;
            self.talk = Talk::default();
            link.report(Report::Rewound)?;
            self.advance().map_err(failed)?;
        }
        (self.at_us, self.as_of) = (to_us, Instant::now());
        Ok(())
    }

    /// Says where it is.
    fn tell(&mut self, link: &mut Link) -> Result<(), Stop> {
        self.is_told = true;
        self.tell_at(link, self.at_us)
    }

    fn tell_at(&self, link: &mut Link, at_us: u64) -> Result<(), Stop> {
        let play = Play {
            start_us: self.start_us,
            end_us: self.end_us,
            at_us,
            as_of_us: 0,
            runs: self.runs,
            speed: self.speed,
        };
        Ok(link.report(Report::Played(play))?)
    }

    /// Says a line again, and reads the next one.
    fn say(&mut self, link: &mut Link, recorded: Recorded) -> Result<(), Stop> {
        let at_us = us(recorded.at_unix_ms);
        self.end_us = self.end_us.max(at_us);
        match from_value::<Line>(&recorded.line) {
            Ok(line) => {
                // These set the clocks, so it must be known what time it was.
                if matches!(line, Line::Hello(_) | Line::Answer { answer: Answer::Item(Item::Service(_)), .. }) {
                    self.tell_at(link, at_us)?;
                    self.is_told = false;
                }
                for report in self.talk.heard(line) {
                    link.report(report)?;
                }
            }
            Err(_) => link.report(Report::Odd)?,
        }
        self.advance().map_err(|error| Stop::Failed(error.to_string()))
    }
}

impl Talk {
    /// What a line means. What was asked is not recorded; the answers tell it.
    pub(crate) fn heard(&mut self, line: Line) -> Vec<Report> {
        match line {
            Line::Hello(hello) => {
                *self = Self::default();
                vec![Report::Connected(hello)]
            }
            Line::Answer { id, answer: Answer::Item(item) } => {
                let mut reports = Vec::new();
                if self.answer.as_ref().is_none_or(|(under_way, _)| *under_way != id) {
                    let purpose = if let Item::Service(_) = item {
                        if self.synced { Purpose::All } else { Purpose::Watch }
                    } else if let Item::Instance(status) = &item {
                        Purpose::One(status.name.clone())
                    } else {
                        // What operators asked for besides is no part of the picture.
                        return reports;
                    };
                    reports.push(Report::Begin(purpose.clone()));
                    self.answer = Some((id, purpose));
                }
                reports.push(Report::Item(Box::new(item)));
                reports
            }
            Line::Answer { id, answer: Answer::Done(text) } => {
                let Some((_, purpose)) = self.answer.take_if(|(under_way, _)| *under_way == id) else {
                    return Vec::new();
                };
                self.synced = true;
                vec![Report::Done(purpose, text)]
            }
            Line::Answer { answer: Answer::Error(_), .. } => Vec::new(),
            Line::Notice(notice) => {
                if matches!(notice.event, Event::Lagged { .. }) {
                    // It was asked for everything again.
                    self.synced = false;
                }
                let is_gap = self.next_seq.is_some_and(|expected| expected != notice.seq);
                self.next_seq = Some(notice.seq.wrapping_add(1));
                let gap = is_gap.then_some(Report::Gap);
                gap.into_iter().chain([Report::Notice(Box::new(notice))]).collect()
            }
        }
    }
}

const fn us(unix_ms: u64) -> u64 {
    unix_ms.saturating_mul(1_000)
}

/// A line without its newline; `None` at the end of the file. What is longer than any line that could have been heard is
/// cut, and so makes no sense.
fn read_line(file: &mut BufReader<File>) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    if file.by_ref().take(FILE_LINE_BYTES_MAX).read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    Ok(Some(line))
}

/// When the last line was heard.
fn last_us(file: &mut File, first_byte: u64) -> io::Result<u64> {
    let size = file.seek(SeekFrom::End(0))?;
    let from = size.saturating_sub(TAIL_BYTES).max(first_byte);
    file.seek(SeekFrom::Start(from))?;
    let mut tail = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut tail)?;
    let mut lines = tail.rsplit(|byte| *byte == b'\n');
    Ok(lines.find_map(|line| from_json::<Timed>(line).ok()).map_or(0, |timed| us(timed.at_unix_ms)))
}

#[cfg(test)]
mod tests;
