//! What the check of the configuration says.

use locum_config::Severity;

use super::{Checks, Subject};

const NAME: &str = "configuration";

/// Errors and warnings one by one, what is only worth knowing as a number.
pub(super) fn findings(subject: &Subject<'_>, checks: &mut Checks) {
    let configuration = match &subject.configuration {
        Ok(configuration) => configuration,
        Err((why, fix)) => return checks.problem(NAME, None, why.as_str(), fix.clone().unwrap_or_default()),
    };
    let mut lints = 0_usize;
    for found in configuration.diagnostics() {
        let fix = if found.fix.is_empty() { format!("locum explain {}", found.code.id) } else { found.fix.to_string() };
        match found.severity() {
            Severity::Error => checks.problem(NAME, None, configuration.one_line(found), fix),
            Severity::Warning => checks.warning(NAME, None, configuration.one_line(found), fix),
            Severity::Lint => lints += 1,
        }
    }
    let count = configuration.model().instances.len();
    let instances = if count == 1 { "1 instance".to_owned() } else { format!("{count} instances") };
    if count == 0 {
        checks.warning(NAME, None, "there is no instance in it", "write a vrrp_instance block");
    } else if lints > 0 {
        let lints = Severity::Lint.counted(lints);
        checks.ok(NAME, None, format!("{instances}; `locum check` has {lints} worth knowing"));
    } else {
        checks.ok(NAME, None, instances);
    }
}
