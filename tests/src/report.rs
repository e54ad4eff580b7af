//! What is said about a test that failed, so that it can be understood without running it again.

use std::fmt::Write as _;
use std::fs;
use std::thread;

use crate::capture::write_pcap;
use crate::command::target_dir;
use crate::decode::{ArpKind, Frame};
use crate::lab::Lab;
use crate::timeline::Record;

/// How many of the last lines of the timeline and of each log are printed. All of it is in the files.
const LINES_MAX: usize = 60;

/// Saves the capture, the logs and the configurations, and prints the ends of them.
pub(crate) fn print(lab: &mut Lab) {
    let timeline = lab.timeline();
    let name = thread::current().name().unwrap_or("test").replace("::", "-");
    let folder = target_dir().join("lab-failures").join(name);
    let mut text = String::new();
    let lines: Vec<String> = timeline.records().iter().filter(|record| is_telling(record)).map(line).collect();
    section(&mut text, "what the switch saw (without echoes)", &lines);
    let disturbances: Vec<String> =
        lab.disturbances().iter().map(|it| format!("{} from {:?} to {:?}", it.node, it.from, it.until)).collect();
    section(&mut text, "who was disturbed", &disturbances);
    // A failure to save must not hide the failure of the test.
    let _ = fs::remove_dir_all(&folder);
    let _ = fs::create_dir_all(&folder);
    let _ = fs::write(folder.join("timeline"), lines.join("\n"));
    let pcap = folder.join("switch.pcap");
    let saved = write_pcap(&pcap, timeline.records());
    for router in lab.routers() {
        let log = router.log();
        let lines: Vec<String> = log.lines().map(str::to_owned).collect();
        section(&mut text, &format!("log of {} ({:?})", router.node(), router.daemon()), &lines);
        let _ = fs::write(folder.join(format!("{}.log", router.node())), log);
        let _ = fs::copy(router.configuration(), folder.join(format!("{}.conf", router.node())));
    }
    match saved {
        Ok(()) => eprintln!("{text}\nthe capture: {}; logs and configurations lie beside it", pcap.display()),
        Err(error) => eprintln!("{text}\nthe capture could not be saved as {}: {error}", pcap.display()),
    }
}

fn section(text: &mut String, title: &str, lines: &[String]) {
    let first = lines.len().saturating_sub(LINES_MAX);
    let left_out = if first > 0 { format!(", the last {LINES_MAX} of {} lines", lines.len()) } else { String::new() };
    let _ = write!(text, "\n--- {title}{left_out}\n{}\n", lines[first..].join("\n"));
}

/// Echoes are too many, and the questions of ARP say little.
fn is_telling(record: &Record) -> bool {
    match &record.frame {
        Frame::Advert(_) => true,
        Frame::Arp(arp) => arp.kind != ArpKind::Request,
        Frame::Echo(_) | Frame::Other => false,
    }
}

fn line(record: &Record) -> String {
    let what = match &record.frame {
        Frame::Advert(advert) => format!("{advert:?}"),
        Frame::Arp(arp) => format!("{arp:?}"),
        Frame::Echo(echo) => format!("{echo:?}"),
        Frame::Other => "other".to_owned(),
    };
    format!("{:?} {} {what}", record.at, record.from)
}
