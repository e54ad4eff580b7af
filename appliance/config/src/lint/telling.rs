//! Who is told: mail, FIFOs, and the scripts of the service as a whole.

use crate::around::{MailSupport, Surroundings};
use crate::diagnostic::{Diagnostic, Diagnostics, code};
use crate::model::{MailSecurity, Model, NotifyFifo};
use crate::source::Span;

/// Settings about telling that lead nowhere, or give something away.
pub(super) fn check(model: &Model, around: &Surroundings<'_>, found: &mut Diagnostics) {
    alerts(model, around, found);
    login(model, around, found);
    for (fifo, name) in
        [(&model.global.notify_fifo, "notify_fifo"), (&model.global.vrrp_notify_fifo, "vrrp_notify_fifo")]
    {
        unread(fifo, name, found);
    }
}

/// Mail that is asked for and cannot go.
fn alerts(model: &Model, around: &Surroundings<'_>, found: &mut Diagnostics) {
    let mail = &model.global.mail;
    let of_instances = model.instances.iter().map(|instance| instance.smtp_alert);
    let alert = of_instances.chain(model.sync_groups.iter().map(|group| group.smtp_alert)).find(|alert| alert.value);
    let Some(at) = alert.and_then(|alert| alert.at) else { return };
    if around.mail == Some(MailSupport::None) {
        found.push(
            Diagnostic::new(&code::W035_MAIL, at, "mail is asked for, and this locum was built without `mail`")
                .label("no mail will come")
                .fix("have a script send it: `notify \"COMMAND\"`"),
        );
        return;
    }
    let lacks = match (&mail.server, mail.to.is_empty()) {
        (None, _) => "smtp_server HOST",
        (Some(_), true) => "notification_email { ADDRESS }",
        (Some(_), false) => return,
    };
    found.push(
        Diagnostic::new(&code::W035_MAIL, at, "mail is asked for and cannot be sent")
            .label("no mail will come")
            .fix(format_args!("write `{lacks}` in global_defs")),
    );
}

/// A login at the mail relay.
fn login(model: &Model, around: &Surroundings<'_>, found: &mut Diagnostics) {
    let mail = &model.global.mail;
    let mut say = |at: Option<Span>, message: &'static str, why: &'static str, fix: &'static str| {
        let Some(at) = at else { return };
        found.push(Diagnostic::new(&code::W035_MAIL, at, message).why(why).fix(fix));
    };
    match (&mail.user, &mail.password_file) {
        (Some(user), None) => say(
            user.at,
            "`smtp_user` without `smtp_password_file`",
            "Without a password there is no login.",
            "write `smtp_password_file PATH`, or take the user away",
        ),
        (None, Some(file)) => say(
            file.at,
            "`smtp_password_file` without `smtp_user`",
            "Without a name there is no login.",
            "write `smtp_user NAME`, or take the file away",
        ),
        (Some(user), Some(_)) if mail.security.value == MailSecurity::None && !is_here(model) => say(
            user.at,
            "the password for the mail relay would go over the network in clear",
            "Whoever sees the packets can send mail in its name.",
            "write `smtp_security starttls`, or `tls` for port 465",
        ),
        _ => {}
    }
    if mail.security.value != MailSecurity::None && around.mail == Some(MailSupport::WithoutTls) {
        say(
            mail.security.at,
            "mail is to go by TLS, and this locum was built without `mail-tls`",
            "It is not sent in clear instead.",
            "take a relay in your own network that does without, or have a script send it",
        );
    }
    if let (Some(file), MailSecurity::None) = (&mail.ca_file, mail.security.value) {
        say(
            file.at,
            "`smtp_ca_file` has no effect without TLS",
            "Mail goes in clear, so no certificate is looked at.",
            "write `smtp_security starttls`, or `tls`",
        );
    }
}

/// Whether the relay is this router.
fn is_here(model: &Model) -> bool {
    model.global.mail.server.as_ref().is_some_and(|server| {
        let host = server.value.0.as_str();
        host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
    })
}

/// A script that reads a FIFO which nobody writes.
fn unread(fifo: &NotifyFifo, name: &str, found: &mut Diagnostics) {
    if let (None, Some(at)) = (&fifo.fifo, fifo.script.as_ref().and_then(|script| script.at)) {
        found.push(
            Diagnostic::new(&code::W036_FIFO, at, format_args!("`{name}_script` without `{name}`"))
                .label("never run")
                .fix(format_args!("write `{name} PATH`, or take the script away")),
        );
    }
}
