//! A recording that is played: let run, held, moved.

use crate::action::Step;
use crate::link::Playing;
use crate::model::Model;
use crate::model::list::Moment;
use crate::text::time_of_day;
use crate::update::Command;

const STEP_US: u64 = 10_000_000;
const STEP_FAR_US: u64 = 300_000_000;
const SPEEDS: [u32; 4] = [1, 4, 16, 64];

/// Does what a key asks for.
pub(super) fn act(model: &mut Model, step: Step) -> Vec<Command> {
    let at = model.nodes.at;
    let now_us = model.now_us;
    let Some(play) = model.nodes.current().play else {
        model.say("this is no recording: what is shown happens now", false);
        return Vec::new();
    };
    let position_us = play.position_us(now_us);
    let playing = match step {
        Step::Back => Playing::Seek(position_us.saturating_sub(STEP_US)),
        Step::On => Playing::Seek(position_us.saturating_add(STEP_US)),
        Step::FarBack => Playing::Seek(position_us.saturating_sub(STEP_FAR_US)),
        Step::FarOn => Playing::Seek(position_us.saturating_add(STEP_FAR_US)),
        Step::Faster => {
            let next = SPEEDS.into_iter().find(|speed| *speed > play.speed).unwrap_or(1);
            model.say(format!("{next} times as fast as it happened"), false);
            Playing::Speed(next)
        }
        Step::Toggle => Playing::Run(!play.runs),
    };
    vec![Command::Play(at, playing)]
}

/// Goes to a point in time of the recording.
pub(super) fn seek(model: &mut Model, moment: Moment) -> Vec<Command> {
    let Some(play) = model.nodes.current().play else {
        model.say("this is no recording: what is shown happens now", false);
        return Vec::new();
    };
    let to_ms = match moment {
        // Of the day in which it is now; a recording over midnight has that time twice at most.
        Moment::OfDay(_) => {
            let end_ms = moment.unix_ms(play.end_us / 1_000);
            if end_ms.saturating_mul(1_000) < play.start_us { None } else { Some(end_ms) }
        }
        Moment::Ago(ms) => Some((play.position_us(model.now_us) / 1_000).saturating_sub(ms)),
    };
    let Some(to_ms) = to_ms else {
        let (start, end) = (time_of_day(play.start_us / 1_000), time_of_day(play.end_us / 1_000));
        model.say(format!("the recording is from {start} to {end} (UTC)"), true);
        return Vec::new();
    };
    vec![Command::Play(model.nodes.at, Playing::Seek(to_ms.saturating_mul(1_000)))]
}
