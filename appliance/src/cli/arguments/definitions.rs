//! The same tables as clap's definitions, of which manual pages and completions of shells are made.

use clap::builder::PossibleValue;
use clap::{Arg, ArgAction, Command};

use super::{Count, Operand, Opt, Program, Takes, Verb};

/// Options that every verb takes stand behind its own.
const EVERYBODYS: usize = 900;

/// A program as clap knows it.
pub(crate) fn command(program: &'static Program) -> Command {
    let sections = program.sections.iter().flat_map(|(title, options)| {
        let of_section = |option| argument(option).help_heading(*title);
        options.iter().map(of_section).collect::<Vec<_>>()
    });
    with_words(&program.root)
        .mut_args(|argument| {
            let at = program.root.options.iter().position(|option| option.name == argument.get_id().as_str());
            argument.global(true).display_order(EVERYBODYS + at.unwrap_or_default())
        })
        .args(sections)
        .subcommands(program.verbs.iter().map(with_words))
        .version(env!("CARGO_PKG_VERSION"))
        .after_help(program.closing)
}

fn with_words(verb: &'static Verb) -> Command {
    let mut command = Command::new(verb.name).about(verb.about).disable_help_flag(verb.passes_on);
    if !verb.more.is_empty() {
        command = command.long_about(format!("{}.\n\n{}", verb.about, verb.more));
    }
    let options = verb.options.iter().enumerate().map(|(at, option)| argument(option).display_order(at));
    let operands =
        verb.operands.iter().map(|it| operand(it).allow_hyphen_values(verb.passes_on).trailing_var_arg(verb.passes_on));
    command.args(options).args(operands)
}

fn argument(option: &'static Opt) -> Arg {
    let argument = Arg::new(option.name).long(option.name).short(option.short).help(option.help).hide(option.hidden);
    let argument = match option.takes {
        Takes::Nothing => argument.action(ArgAction::SetTrue),
        Takes::A(value) => argument.value_name(value),
        Takes::OneOf(value, choices) => {
            let choice = |(word, meaning): &(&'static str, &'static str)| PossibleValue::new(*word).help(*meaning);
            argument.value_name(value).value_parser(choices.iter().map(choice).collect::<Vec<_>>())
        }
        Takes::Perhaps(value, missing) => {
            argument.value_name(value).num_args(0..=1).require_equals(true).default_missing_value(missing)
        }
    };
    let argument = if option.repeats { argument.action(ArgAction::Append) } else { argument };
    let argument =
        argument.default_value(option.default).conflicts_with_all(option.conflicts).required(option.required);
    match option.requires {
        Some(other) => argument.requires(other),
        None => argument,
    }
}

fn operand(operand: &'static Operand) -> Arg {
    let argument = Arg::new(operand.name).help(operand.help).allow_negative_numbers(operand.negative);
    match operand.count {
        Count::One => argument.required(true),
        Count::Optional => argument,
        Count::Unless(option) => argument.required_unless_present(option),
        Count::Any => argument.num_args(0..),
        Count::AtLeastOne => argument.num_args(1..).required(true),
    }
}
