//! The command line: the names of the actions as words, with the argument that some of them take.

use locum_control::{Edit, Lasts, SortedSet, Verb};

use crate::action::{self, Action, Step, as_word};
use crate::columns::{Column, Columns};
use crate::model::list::Moment;
use crate::model::{Model, Sort};
use crate::options::Theme;
use crate::text::{moment, seconds};

/// What a command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Nothing: the line is empty.
    Nothing,
    Act(Action),
    /// An action on the instance of this name.
    On(Action, String),
    /// What it says in full, after a question.
    Order(Verb),
    Filter(String),
    Sort(Sort),
    Theme(Theme),
    Columns(Columns),
    /// A point in time of a recording.
    Seek(Moment),
    /// An action of the program around the console.
    Extra(char),
}

/// What a word does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Does {
    Action(Action),
    Extra(char),
}

const SEEK: &str = "seek";

/// What `line` asks for; else what is wrong with it.
pub(crate) fn read(model: &Model, line: &str) -> Result<Asked, String> {
    let (word, argument) = split(line);
    if word.is_empty() {
        return Ok(Asked::Nothing);
    }
    let words = words(model);
    let (name, does) = one_of(words.iter().map(|(name, does)| (name.as_str(), *does)), word, "command")?;
    match does {
        Does::Action(Action::Filter) if !argument.is_empty() => Ok(Asked::Filter(argument.to_owned())),
        Does::Action(Action::Sort) if !argument.is_empty() => {
            let orders = Sort::ALL.into_iter().map(|sort| (sort.name(), sort));
            one_of(orders, argument, "order").map(|(_, sort)| Asked::Sort(sort))
        }
        Does::Action(Action::Theme) if !argument.is_empty() => {
            let themes = Theme::ALL.into_iter().map(|theme| (theme.name(), theme));
            one_of(themes, argument, "theme").map(|(_, theme)| Asked::Theme(theme))
        }
        Does::Action(Action::Columns) if !argument.is_empty() => Columns::read(argument).map(Asked::Columns),
        Does::Action(Action::Play(_)) if name == SEEK => {
            let odd = || format!("\"{argument}\" is no time: 16:35:15, or 10m, which is ten minutes back");
            moment(argument).map(Asked::Seek).ok_or_else(odd)
        }
        Does::Action(action @ (Action::Yield | Action::Resume)) if !argument.is_empty() => {
            let (name, time) = split(argument);
            let groups: SortedSet<&str> = groups(model).collect();
            let names = model.replica().instances.keys().map(String::as_str).chain(groups).chain(["all"]);
            let (name, ()) = one_of(names.map(|name| (name, ())), name, "instance or group")?;
            let instance = (name != "all").then(|| name.to_owned());
            match (action, time) {
                (Action::Resume, "") => Ok(Asked::Order(Verb::Resume { instance })),
                (Action::Resume, _) => Err(format!("nothing comes after resume {name}")),
                (_, "") if instance.is_some() && model.replica().instances.contains_key(name) => {
                    Ok(Asked::On(action, name.to_owned()))
                }
                (_, time) => {
                    let lasts = if time.is_empty() { Lasts::Saved } else { Lasts::Seconds(typed_seconds(time)?) };
                    Ok(Asked::Order(Verb::Yield { instance, lasts: Some(lasts), last_resort: false }))
                }
            }
        }
        Does::Action(Action::Priority) if !split(argument).1.is_empty() => {
            let (name, number) = split(argument);
            let names = model.replica().instances.keys().map(|name| (name.as_str(), ()));
            let (name, ()) = one_of(names, name, "instance")?;
            if !number.parse::<u8>().is_ok_and(|number| number > 0) {
                return Err("a priority is a number from 1 to 254".to_owned());
            }
            let (instance, keyword) = (name.to_owned(), "priority".to_owned());
            let edits = vec![Edit::Set { instance, keyword, values: vec![number.to_owned()] }];
            let (lasts, dry_run) = (Lasts::UntilRestart, true);
            Ok(Asked::Order(Verb::Change { edits, lasts, confirm_within_s: None, revision: None, dry_run }))
        }
        Does::Action(Action::TakeBack) if !argument.is_empty() => match argument.parse() {
            Ok(number) => Ok(Asked::Order(Verb::Rollback { number: Some(number) })),
            Err(_) => Err("rollback takes the number of a change".to_owned()),
        },
        Does::Action(action @ (Action::Open | Action::Take | Action::Edit | Action::Priority))
            if !argument.is_empty() =>
        {
            let names = model.replica().instances.keys().map(|name| (name.as_str(), ()));
            one_of(names, argument, "instance").map(|(name, ())| Asked::On(action, name.to_owned()))
        }
        Does::Action(_) | Does::Extra(_) if !argument.is_empty() => Err(format!("{name} takes nothing after it")),
        Does::Action(action) => Ok(Asked::Act(action)),
        Does::Extra(key) => Ok(Asked::Extra(key)),
    }
}

/// The ways in which `line` can go on: what stands before its last word, and that word completed.
pub(crate) fn completions(model: &Model, line: &str) -> (String, Vec<String>) {
    let line = line.trim_start();
    let Some((word, argument)) = line.split_once(' ') else {
        let words = words(model).into_iter().map(|(name, _)| name);
        return (String::new(), words.filter(|name| begins(name, line)).collect());
    };
    let words = words(model);
    let does = one_of(words.iter().map(|(name, does)| (name.as_str(), *does)), word, "command").map(|(_, does)| does);
    let argument = argument.trim_start();
    let names: Vec<&str> = match does {
        Ok(Does::Action(Action::Yield | Action::Resume)) => {
            let groups: SortedSet<&str> = groups(model).collect();
            model.replica().instances.keys().map(String::as_str).chain(groups).chain(["all"]).collect()
        }
        Ok(Does::Action(Action::Open | Action::Take | Action::Edit | Action::Priority)) => {
            model.replica().instances.keys().map(String::as_str).collect()
        }
        Ok(Does::Action(Action::Sort)) => Sort::ALL.into_iter().map(Sort::name).collect(),
        Ok(Does::Action(Action::Columns)) => {
            let (before, last) = argument.rsplit_once([' ', ',']).unwrap_or(("", argument));
            let names = Column::ALL.into_iter().map(Column::name).chain(["auto"]);
            let names = names.filter(|name| begins(name, last)).map(str::to_owned).collect();
            let before = if before.is_empty() { String::new() } else { format!("{before} ") };
            return (format!("{word} {before}"), names);
        }
        Ok(Does::Action(Action::Theme)) => Theme::ALL.into_iter().map(Theme::name).collect(),
        Ok(_) | Err(_) => Vec::new(),
    };
    let names = names.into_iter().filter(|name| begins(name, argument)).map(str::to_owned).collect();
    (format!("{word} "), names)
}

/// What is completed with: as much as all of the ways have in common.
pub(crate) fn in_common(names: &[String]) -> String {
    let Some((first, rest)) = names.split_first() else { return String::new() };
    let is_shared = |index: usize, letter: char| rest.iter().all(|name| name.chars().nth(index) == Some(letter));
    first
        .chars()
        .enumerate()
        .take_while(|(index, letter)| is_shared(*index, *letter))
        .map(|(_, letter)| letter)
        .collect()
}

/// The words of the present screen. Moving about is for keys.
fn words(model: &Model) -> Vec<(String, Does)> {
    let bindings = action::in_context(model.screen.context()).filter(|binding| {
        !matches!(
            binding.action,
            Action::Up
                | Action::Down
                | Action::PageUp
                | Action::PageDown
                | Action::Top
                | Action::Bottom
                | Action::Command
                | Action::Play(Step::Back | Step::On | Step::FarBack | Step::FarOn)
                | Action::Interrupt
        )
    });
    let own = bindings.map(|binding| (as_word(binding.name), Does::Action(binding.action)));
    let extra = model.extra_actions.iter().map(|extra| (as_word(&extra.name), Does::Extra(extra.key)));
    // The one thing that has no key, because it needs a time.
    let seek = model.nodes.current().play.map(|_| (SEEK.to_owned(), Does::Action(Action::Play(Step::Toggle))));
    own.chain(extra).chain(seek).collect()
}

fn groups(model: &Model) -> impl Iterator<Item = &str> {
    model.replica().instances.values().filter_map(|instance| instance.status.group.as_deref())
}

/// A time as it is typed.
fn typed_seconds(text: &str) -> Result<u64, String> {
    seconds(text).ok_or_else(|| format!("\"{text}\" is no time: 90s, 5m, 2h"))
}

fn split(line: &str) -> (&str, &str) {
    let line = line.trim();
    line.split_once(char::is_whitespace).map_or((line, ""), |(word, argument)| (word, argument.trim_start()))
}

/// Whether `name` begins with `start`, whatever the case of the letters.
fn begins(name: &str, start: &str) -> bool {
    name.to_lowercase().starts_with(&start.to_lowercase())
}

/// The thing of this name, or the only one whose name begins so.
fn one_of<'a, T>(things: impl Iterator<Item = (&'a str, T)>, start: &str, kind: &str) -> Result<(&'a str, T), String> {
    const NAMED_MAX: usize = 6;
    let mut found: Vec<(&str, T)> = Vec::new();
    for (name, thing) in things.filter(|(name, _)| begins(name, start)) {
        if name == start {
            return Ok((name, thing));
        }
        found.push((name, thing));
    }
    let names: Vec<&str> = found.iter().take(NAMED_MAX).map(|(name, _)| *name).collect();
    let more = if found.len() > NAMED_MAX { ", ..." } else { "" };
    let several = format!("\"{start}\" can be {}{more}", names.join(", "));
    match (found.pop(), found.is_empty()) {
        (None, _) => Err(format!("there is no {kind} \"{start}\" here")),
        (Some(only), true) => Ok(only),
        (Some(_), false) => Err(several),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::Context;
    use crate::fixture::{attached, statuses};
    use crate::model::Screen;
    use crate::options::ExtraAction;

    fn model() -> Model {
        let statuses =
            vec![statuses::backup("VI_1", 45), statuses::waiting("VI_10", 46), statuses::master("outside", 47)];
        let mut model = attached(80, 24, statuses);
        model.extra_actions = vec![ExtraAction { key: 'c', name: "cut".into(), help: "pull the cable".into() }];
        model
    }

    #[test]
    fn words_may_be_cut_short_as_long_as_they_are_clear() {
        let model = model();
        for (line, asked) in [
            ("", Asked::Nothing),
            ("  ", Asked::Nothing),
            ("q", Asked::Act(Action::Quit)),
            ("QUIT", Asked::Act(Action::Quit)),
            ("pe", Asked::Act(Action::Peers)),
            ("open outside", Asked::On(Action::Open, "outside".into())),
            ("o out", Asked::On(Action::Open, "outside".into())),
            ("resume VI_1", Asked::Order(Verb::Resume { instance: Some("VI_1".into()) })),
            ("resume all", Asked::Order(Verb::Resume { instance: None })),
            ("rollback 7", Asked::Order(Verb::Rollback { number: Some(7) })),
            ("edit out", Asked::On(Action::Edit, "outside".into())),
            ("filter !backup eth0", Asked::Filter("!backup eth0".into())),
            ("filter", Asked::Act(Action::Filter)),
            ("sort v", Asked::Sort(Sort::Vrid)),
            ("sort", Asked::Act(Action::Sort)),
            ("theme light", Asked::Theme(Theme::Light)),
            ("cut", Asked::Extra('c')),
        ] {
            assert_eq!(read(&model, line), Ok(asked), "{line}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let model = model();
        for (line, words) in [
            ("frobnicate", "no command \"frobnicate\""),
            ("re", "can be resume, reload, redraw"),
            ("columns nme", "no column \"nme\""),
            ("open VI", "can be VI_1, VI_10"),
            ("open VI_9", "no instance \"VI_9\""),
            ("sort x", "no order \"x\""),
            ("quit now", "takes nothing"),
            ("cut it", "takes nothing"),
        ] {
            let error = read(&model, line).unwrap_err();
            assert!(error.contains(words), "{line}: {error}");
        }
    }

    #[test]
    fn a_line_is_completed_as_far_as_it_is_clear() {
        let model = model();
        for (line, before, common) in [
            ("pe", "", "peers"),
            ("re", "", "re"),
            ("open V", "open ", "VI_1"),
            ("open o", "open ", "outside"),
            ("sort n", "sort ", "name"),
            ("theme c", "theme ", "colour-blind"),
            ("filter x", "filter ", ""),
            ("nothing x", "nothing ", ""),
        ] {
            let (found, names) = completions(&model, line);
            assert_eq!((found.as_str(), in_common(&names).as_str()), (before, common), "{line}");
        }
    }

    #[test]
    fn every_word_can_be_typed_in_full() {
        let mut model = model();
        for screen in [Screen::Overview, Screen::Instance, Screen::Peers] {
            model.screen = screen;
            let words = words(&model);
            for (word, does) in &words {
                assert!(word.chars().all(|letter| letter.is_ascii_lowercase() || "-8".contains(letter)), "{word}");
                let asked = match does {
                    Does::Action(action) => Asked::Act(*action),
                    Does::Extra(key) => Asked::Extra(*key),
                };
                assert_eq!(read(&model, word), Ok(asked), "{screen:?}");
            }
            assert!(!words.is_empty() && screen.context() != Context::Help);
        }
    }
}
