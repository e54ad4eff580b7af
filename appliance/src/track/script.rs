//! `vrrp_script`: a command that is run at intervals; exit status 0 is success.

use std::pin::Pin;
use std::time::Duration;

use locum_config::model::VrrpScript;

use super::board::Pen;
use super::watch::{Answer, Check, Plan, Verdict};
use crate::script::{Command, Customs, End, NotStarted, Outcome, Run, Security, check};

/// A script that is asked.
pub(super) struct Script {
    command: Command,
    security: Security,
    timeout: Duration,
    /// It could be started before: that it cannot any more is a failure.
    has_run: bool,
    /// A run that took too long and is being ended.
    overdue: Option<Run>,
}

impl Script {
    /// One, and how often it is asked; `None` for one that is broken.
    pub(super) fn planned(script: &VrrpScript, customs: &Customs) -> Option<(Box<dyn Check>, Plan)> {
        let command = Command::new(script.command.as_ref()?, customs);
        let asked = Self {
            command,
            security: customs.security,
            timeout: Duration::from_millis(u64::from(*script.timeout_ms)),
            has_run: false,
            overdue: None,
        };
        let plan = Plan {
            interval: Duration::from_millis(u64::from(*script.interval_ms)),
            rise: *script.rise,
            fall: *script.fall,
            fail_hold: Duration::ZERO,
            recover_hold: Duration::ZERO,
            starts_failed: *script.starts_failed,
        };
        Some((Box::new(asked), plan))
    }

    /// What keeps it from being run counts as a failure if it ran before, or if it is to count as failed until it ran.
    fn refused(&self, why: String) -> Verdict {
        let answer = if self.has_run { Answer::Bad } else { Answer::Unasked };
        Verdict { answer, result: why, duration: Duration::ZERO, last_lines: Vec::new() }
    }

    async fn run(&mut self) -> Verdict {
        self.command.look_again();
        if let Err(why) = check(&self.command, self.security) {
            return self.refused(why.to_string());
        }
        let mut run = match Run::start(&self.command) {
            Ok(run) => run,
            // Out of processes or memory: that is not the script's word.
            Err(why @ NotStarted::System(_)) => {
                let result = why.to_string();
                return Verdict { answer: Answer::Unasked, result, duration: Duration::ZERO, last_lines: Vec::new() };
            }
            Err(why) => return self.refused(why.to_string()),
        };
        self.has_run = true;
        match run.ended(self.timeout).await {
            Some(outcome) => verdict(outcome),
            None => {
                self.overdue = Some(run);
                // keepalived.conf(5): "seconds after which script is considered to have failed".
                let result = End::TimedOut(self.timeout).to_string();
                Verdict { answer: Answer::Bad, result, duration: self.timeout, last_lines: Vec::new() }
            }
        }
    }
}

impl Check for Script {
    fn check(&mut self) -> Pin<Box<dyn Future<Output = Verdict> + '_>> {
        Box::pin(self.run())
    }

    fn settle<'a>(&'a mut self, pen: &'a Pen) -> Option<Pin<Box<dyn Future<Output = ()> + 'a>>> {
        let run = self.overdue.take()?;
        Some(Box::pin(async move { pen.printed(run.stop(self.timeout).await.last_lines) }))
    }
}

fn verdict(outcome: Outcome) -> Verdict {
    Verdict {
        answer: if outcome.is_success() { Answer::Good } else { Answer::Bad },
        result: outcome.end.to_string(),
        duration: outcome.duration,
        last_lines: outcome.last_lines,
    }
}
