//! `net_namespace` and `instance`

use super::Reader;
use super::statement::Statement;
use super::values::Value;
use crate::diagnostic::{Diagnostic, code};
use crate::model::Setting;
use crate::schema::Keyword;

/// Bytes of such a name: it becomes a part of file names, which have 255 at most.
const NAME_BYTES: usize = 64;

impl Reader<'_> {
    pub(super) fn home(&mut self, keyword: &'static Keyword, statement: &Statement<'_>) {
        let Some(values) = self.values(keyword, statement) else { return };
        let Some(Value::Text(name)) = values.first() else { return };
        let at = statement.args().first().map_or(statement.whole(), |word| word.at);
        if !is_file_name(name) {
            self.diagnostics.push(
                Diagnostic::new(&code::E034_NAME, at, format_args!("`{}` takes the name of a file", keyword.name))
                    .label("no name of a file")
                    .why("Where the service keeps what must survive a restart follows from it, so it does not start.")
                    .fix(format_args!("write 1 to {NAME_BYTES} bytes without `/`, as `ip netns list` has them"))
                    .refuse_start(),
            );
            return;
        }
        let home = &mut self.model.home;
        let slot = if keyword.name == "instance" { &mut home.instance } else { &mut home.net_namespace };
        *slot = Some(Setting::written((*name).to_owned(), at));
    }
}

fn is_file_name(name: &str) -> bool {
    let is_bad = |byte: u8| byte == b'/' || byte.is_ascii_control();
    (1..=NAME_BYTES).contains(&name.len()) && !matches!(name, "." | "..") && !name.bytes().any(is_bad)
}
