//! One line of a block: its keyword, its values, and what there is to say about them.

use super::Reader;
use super::statement::{Statement, Word};
use super::values::{self, Value};
use crate::diagnostic::{Diagnostic, code};
use crate::model::{Script, Setting};
use crate::schema::{self, Count, Keyword, Kind, Place, Status};
use crate::source::Span;
use crate::suggest::closest;

impl Reader<'_> {
    /// Looks up the keyword of a statement, says what the schema has to say about it, and checks its values and whether
    /// it has a block. `None` when there is nothing to act on.
    pub(super) fn keyword(&mut self, place: &'static Place, statement: &Statement<'_>) -> Option<&'static Keyword> {
        let name = statement.keyword();
        let Some(written) = place.keyword(name) else {
            self.hide_misspelt_secret(statement);
            self.unknown(place, statement);
            return None;
        };
        let mut keyword = written;
        match written.status {
            Status::Supported => {}
            Status::NoEffect(why) => self.diagnostics.push(
                Diagnostic::new(&code::L002_NO_EFFECT, statement.at(), format_args!("`{name}` has no effect"))
                    .why(sentence(why)),
            ),
            Status::Outside(instead) => {
                let lvs = written.block.is_some_and(|place| place.name == "LVS");
                let code = if lvs { &code::W003_LVS } else { &code::W001_OUTSIDE };
                self.diagnostics.push(
                    Diagnostic::new(code, statement.at(), format_args!("`{name}` is not part of locum"))
                        .why(sentence(instead)),
                );
            }
            Status::Renamed(new) => {
                self.diagnostics.push(
                    Diagnostic::new(
                        &code::L003_RENAMED,
                        statement.at(),
                        format_args!("`{name}` is now called `{new}`"),
                    )
                    .fix(format_args!("write `{new}`")),
                );
                keyword = place.keyword(new)?;
            }
        }
        match (keyword.block, &statement.block) {
            (Some(_), None) => {
                self.diagnostics.push(
                    Diagnostic::new(&code::E013_BLOCK, statement.whole(), format_args!("`{name}` needs a block"))
                        .label("no `{` follows")
                        .fix(format_args!("write `{name} {{ … }}`")),
                );
                return None;
            }
            (None, Some(block)) => {
                self.diagnostics.push(
                    Diagnostic::new(&code::E013_BLOCK, block.open, format_args!("`{name}` takes no block"))
                        .label("this block belongs to nothing"),
                );
            }
            (Some(_), Some(_)) | (None, None) => {}
        }
        Some(keyword)
    }

    /// A word that is no keyword of this place.
    fn unknown(&mut self, place: &'static Place, statement: &Statement<'_>) {
        let name = statement.keyword();
        let elsewhere = if self.diagnostics.is_full() { Vec::new() } else { schema::places_of(name) };
        let inside = if place.name == schema::FILE.name { String::new() } else { format!(" in `{}`", place.name) };
        if let Some(home) = elsewhere.first() {
            let home = if home.name == schema::FILE.name {
                "outside all blocks".to_owned()
            } else {
                format!("in `{}`", home.name)
            };
            self.diagnostics.push(
                Diagnostic::new(&code::E011_MISPLACED, statement.at(), format_args!("`{name}` means nothing here"))
                    .label(format_args!("belongs {home}"))
                    .fix(format_args!("move it {}", home.replacen("in ", "into ", 1))),
            );
            return;
        }
        let mut diagnostic = Diagnostic::new(
            &code::E010_UNKNOWN,
            statement.at(),
            format_args!("unknown keyword `{}`{inside}", shorten(name)),
        );
        let fix = match synonym(name) {
            Some(meant) if place.keyword(meant).is_some() => Some(meant),
            _ => self.diagnostics.suggest(name, place.keywords.iter().map(|keyword| keyword.name)),
        };
        diagnostic = match fix {
            Some(meant) => diagnostic.fix(format_args!("did you mean `{meant}`?")),
            None if name.starts_with("//") || name.starts_with("--") || name.starts_with(';') => {
                diagnostic.fix("comments start with `#` or `!`")
            }
            None if name.starts_with('$')
                && statement.args().first().is_some_and(|word| word.text.starts_with('=')) =>
            {
                diagnostic
                    .fix(format_args!("if it is to be defined here, write it without a blank: `{}=…`", shorten(name)))
            }
            None if matches!(place.name, "vrrp_sync_group" | "track_group") && statement.args().is_empty() => {
                diagnostic.fix("if this is a member, put it into `group { … }`")
            }
            None => diagnostic.label("not in keepalived.conf(5)"),
        };
        self.diagnostics.push(diagnostic);
    }

    /// The values of a statement, as the schema of its keyword has them. `None` when one of them is wrong.
    pub(super) fn values<'w>(&mut self, keyword: &Keyword, statement: &'w Statement<'_>) -> Option<Vec<Value<'w>>> {
        // What has no effect cannot be so wrong that an instance must not run.
        let secret = || keyword.args.iter().any(|arg| arg.kind == Kind::Secret);
        if matches!(keyword.status, Status::NoEffect(_)) && !secret() {
            return None;
        }
        self.read_values(keyword, statement.args(), statement.whole(), Extra::Warn).map(|(values, _)| values)
    }

    /// Reads the values that `keyword` takes off the front of `words`; gives them and the number of words.
    pub(super) fn read_values<'w>(
        &mut self,
        keyword: &Keyword,
        words: &'w [Word<'_>],
        whole: Span,
        extra: Extra,
    ) -> Option<(Vec<Value<'w>>, usize)> {
        let mut values = Vec::new();
        let mut used = 0;
        let mut good = true;
        if let Some(equals) = words.first().filter(|word| word.text == "=") {
            self.diagnostics.push(
                Diagnostic::new(&code::E014_NOT_A_NUMBER, equals.at, "`=` between keyword and value")
                    .label("keepalived.conf has none")
                    .fix("take it away"),
            );
            return None;
        }
        for (index, arg) in keyword.args.iter().enumerate() {
            // `all` in `garp_extra_if all 100`: where it is missing, the next value stands in its place.
            let more = keyword.args.iter().skip(index + 1).any(|arg| arg.count == Count::One);
            loop {
                let Some(word) = words.get(used) else {
                    if arg.count == Count::One {
                        self.missing(keyword, arg.name, arg.kind, whole);
                        return None;
                    }
                    break;
                };
                if arg.kind == Kind::Secret {
                    self.secrets.push(word.at);
                }
                match values::read(word, arg.kind) {
                    Ok(read) => {
                        if let Some(meant) = read.other_case {
                            self.other_case(word, meant);
                        }
                        values.push(read.value);
                        used += 1;
                    }
                    Err(_) if arg.count == Count::Optional && (extra == Extra::Leave || more) => break,
                    Err(refusal) => {
                        used += 1;
                        good = false;
                        self.refused(keyword, word, &refusal);
                    }
                }
                if arg.count != Count::Any {
                    break;
                }
            }
        }
        if extra == Extra::Warn
            && keyword.block.is_none()
            && let (Some(first), Some(last)) = (words.get(used), words.last())
        {
            self.extra(keyword, first.at.to(last.at));
        }
        good.then_some((values, used))
    }

    fn missing(&mut self, keyword: &Keyword, name: &str, kind: Kind, at: Span) {
        let written: Vec<&str> =
            keyword.args.iter().filter(|arg| arg.count == Count::One).map(|arg| arg.name).collect();
        let usage = format!("{} {}", keyword.name, written.join(" "));
        self.diagnostics.push(
            Diagnostic::new(&code::E012_MISSING_VALUE, at, format_args!("`{}` needs a value", keyword.name))
                .label(format_args!("{name} is missing: {}", values::describe(kind)))
                .fix(if keyword.default.is_empty() {
                    format!("write `{usage}`")
                } else {
                    format!("write `{usage}`, or take the line away: the default is {}", keyword.default)
                }),
        );
    }

    fn refused(&mut self, keyword: &Keyword, word: &Word<'_>, refusal: &values::Refusal) {
        let shown = if keyword.args.iter().any(|arg| arg.kind == Kind::Secret) { "…" } else { shorten(&word.text) };
        let message = if refusal.code == &code::E015_RANGE {
            format!("{shown} is out of range for `{}`", keyword.name)
        } else {
            format!("`{shown}` is no value for `{}`", keyword.name)
        };
        self.diagnostics.push(
            Diagnostic::new(refusal.code, word.at, message)
                .label(format_args!("expected {}", refusal.expected))
                .fix(refusal.fix.clone()),
        );
    }

    pub(super) fn other_case(&mut self, word: &Word<'_>, meant: &'static str) {
        self.diagnostics.push(
            Diagnostic::new(&code::L001_CASE, word.at, format_args!("`{}` is read as `{meant}`", shorten(&word.text)))
                .why("keepalived does not know the word in this case and uses its default instead.")
                .fix(format_args!("write `{meant}`")),
        );
    }

    pub(super) fn extra(&mut self, keyword: &Keyword, at: Span) {
        let diagnostic =
            Diagnostic::new(&code::W010_EXTRA, at, format_args!("more words than `{}` takes", keyword.name))
                .label("ignored");
        // A password may stand behind it, if somebody put both on one line.
        if keyword.name == "auth_type" {
            self.secrets.push(at);
        }
        self.diagnostics.push(match keyword.args.first() {
            None => diagnostic.fix("take them away"),
            Some(arg) if arg.kind == Kind::Secret => {
                self.secrets.push(at);
                diagnostic.fix("put the password in double quotes if it holds blanks")
            }
            Some(_) => diagnostic.fix("take them away, or put a value that holds blanks in double quotes"),
        });
    }

    /// A keyword that stands twice where one value is wanted.
    pub(super) fn repeated(&mut self, keyword: &Keyword, at: Span, before: Span, counts: &'static str) {
        self.diagnostics.push(
            Diagnostic::new(&code::W011_REPEATED, at, format_args!("`{}` stands twice", keyword.name))
                .label("again here")
                .related(before, "first here")
                .why(counts)
                .fix("take one of them away"),
        );
    }

    /// Reads the name of a block and sees that no other of its kind has it.
    pub(super) fn name(&mut self, keyword: &'static Keyword, statement: &Statement<'_>) -> Option<Setting<String>> {
        let values = self.values(keyword, statement)?;
        let (Some(Value::Text(name)), Some(word)) = (values.first(), statement.args().first()) else { return None };
        if let Some(extra) = statement.words.get(2) {
            self.extra(keyword, extra.at);
        }
        if let Some(before) = self.names.get(&(keyword.name, (*name).to_owned())) {
            let before = *before;
            let diagnostic = Diagnostic::new(
                &code::E019_DUPLICATE_NAME,
                word.at,
                format_args!("there are two `{} {}`", keyword.name, shorten(name)),
            )
            .label("the same name again")
            .related(before, "first here")
            .why("It cannot be told which one is meant.")
            .fix("give one of them another name");
            let is_instance = keyword.name == "vrrp_instance";
            if is_instance {
                self.failed.insert((*name).to_owned());
            }
            self.diagnostics.push(if is_instance { diagnostic.instance(name) } else { diagnostic });
            return None;
        }
        self.names.insert((keyword.name, (*name).to_owned()), word.at);
        Some(Setting::written((*name).to_owned(), word.at))
    }

    /// Reads over a block that is known and not acted on, so that at least its values are checked.
    pub(super) fn pass_over(&mut self, keyword: &'static Keyword, statement: &Statement<'_>) {
        if keyword.block.is_none() {
            self.values(keyword, statement);
        }
    }

    /// A command line with the user and group to run it as.
    pub(super) fn command(&mut self, keyword: &Keyword, statement: &Statement<'_>) -> Option<Setting<Script>> {
        let whole = statement.whole();
        let args = statement.args();
        let first = args.first();
        // Unquoted, single quotes hold blanks together; the words were split at them.
        if let Some(first) =
            first.filter(|word| word.raw.starts_with('\'') && !word.raw.get(1..).unwrap_or_default().contains('\''))
        {
            let joined: Vec<&str> = args.iter().map(|word| word.raw.as_ref()).collect();
            let words = crate::lex::split_command(&joined.join(" "));
            return Some(Setting::written(Script { words, user: None, group: None }, first.at.to(whole)));
        }
        let values = self.values(keyword, statement)?;
        let mut values = values.into_iter();
        let Some(Value::Command(words)) = values.next() else { return None };
        let mut text = || match values.next() {
            Some(Value::Text(text)) => Some(text.to_owned()),
            _ => None,
        };
        let (user, group) = (text(), text());
        if let (Some(user), Some(word)) = (&user, args.get(1))
            && !first.is_some_and(|word| word.raw.starts_with('"'))
            && looks_like_argument(user)
        {
            self.diagnostics.push(
                Diagnostic::new(
                    &code::W019_SCRIPT_USER,
                    word.at,
                    format_args!("`{}` is taken as the user that the script runs as", shorten(user)),
                )
                .label("not an argument of the script")
                .fix(format_args!(
                    "put command and arguments in quotes: `{} \"{}\"`",
                    keyword.name,
                    args.iter().map(|word| word.text.as_ref()).collect::<Vec<_>>().join(" ")
                )),
            );
        }
        Some(Setting::written(Script { words, user, group }, whole))
    }

    /// `auth_pas secret`: what stands after a misspelt word for a password is one all the same.
    fn hide_misspelt_secret(&mut self, statement: &Statement<'_>) {
        let name = statement.keyword().to_ascii_lowercase();
        if name.contains("pass")
            || name.contains("pw")
            || name.contains("key")
            || name.contains("secret")
            || closest(&name, ["auth_pass", "key"].into_iter()).is_some()
        {
            self.secrets.extend(statement.args().iter().map(|word| word.at));
        }
    }
}

/// What to do with words beyond those that a keyword takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Extra {
    Warn,
    /// They belong to the next option of the line.
    Leave,
}

/// Words that people use for a keyword, too far from it to be typing errors.
#[rustfmt::skip] // a row a keyword
const SYNONYMS: [(&str, &[&str]); 11] = [
    ("advert_int", &["advert_interval", "advertisement_interval", "adv_int", "advertise_interval", "hello_interval"]),
    ("virtual_router_id", &["vrid", "router_id", "virtual_id", "vr_id"]),
    ("nopreempt", &["no_preempt", "preempt_off"]),
    ("priority", &["prio"]),
    ("interface", &["iface", "device", "dev", "nic"]),
    ("virtual_ipaddress", &["vip", "vips", "virtual_ip", "virtual_ips", "virtual_address", "virtual_addresses", "virtual_ipaddresses"]),
    ("auth_pass", &["password", "auth_password"]),
    ("unicast_peer", &["unicast_peers", "peers", "peer"]),
    ("unicast_src_ip", &["src_ip", "source_ip", "unicast_source_ip"]),
    ("interval", &["check_interval"]),
    ("vrrp_script", &["vrrp_track_script"]),
];

/// The keyword that is meant by such a word.
fn synonym(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    SYNONYMS.iter().find(|(_, words)| words.contains(&name.as_str())).map(|(keyword, _)| *keyword)
}

/// A word after an unquoted script that is rather an argument than a user.
fn looks_like_argument(word: &str) -> bool {
    const STATES: [&str; 5] = ["master", "backup", "fault", "stop", "start"];
    STATES.iter().any(|state| state.eq_ignore_ascii_case(word))
        || word.starts_with('-')
        || word.contains(['/', '.', '='])
        || word.starts_with(|c: char| c.is_ascii_digit()) && word.parse::<u32>().is_err()
}

/// A clause of the schema as a sentence.
pub(super) fn sentence(clause: &str) -> String {
    let mut sentence = format!("{clause}.");
    if let Some(first) = sentence.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    sentence
}

/// A word of the file for a message: not more of it than helps.
pub(crate) fn shorten(word: &str) -> &str {
    match word.char_indices().nth(60) {
        Some((end, _)) => word.get(..end).unwrap_or(word),
        None => word,
    }
}
