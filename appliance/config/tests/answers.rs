//! Answers that must be to the point: the fix that fits the mistake, and nothing about what only follows from it.
#![allow(clippy::unwrap_used, reason = "a test")]

use locum_config::edit::{BlockName, Edit, EditError};
use locum_config::{MailSupport, Surroundings, check, schema};

fn around() -> Surroundings<'static> {
    Surroundings { interfaces: Some(vec!["eth0".to_owned()]), ..Surroundings::default() }
}

/// Codes and fixes of all that is said.
fn said(text: &str) -> Vec<String> {
    let configuration = check("a", text.as_bytes(), &around());
    configuration.diagnostics().iter().map(|found| format!("{} {}", found.code.id, found.fix)).collect()
}

fn instance(lines: &str) -> String {
    format!(
        "vrrp_instance V {{\ninterface eth0\nvirtual_router_id 1\nvirtual_ipaddress {{\n10.0.0.1\n}}\n{lines}\n}}\n"
    )
}

#[test]
fn the_fix_fits_the_mistake() {
    for (lines, answer) in [
        ("advert_int 1s", "E014 write the number alone: it counts seconds"),
        ("priority 100%", "E014 "),
        ("virtual_ipaddress_excluded {\n10.0.0.2 /24\n}", "E010 write it right behind the address, without a blank"),
        ("unicast_src_ip fe80::2\nunicast_peer {\n10.0.0.3\n}", "E024 write the router's IPv4 address"),
    ] {
        assert_eq!(said(&instance(lines)), [answer], "{lines}");
    }
    let semicolon = instance("").replace("eth0", "eth0;");
    assert_eq!(said(&semicolon), ["W004 take the sign at its end away: lines end without one"]);
}

#[test]
fn what_follows_from_a_mistake_is_not_said_beside_it() {
    assert_eq!(said(&instance("unicast_peer {\n10.0.0.2,10.0.0.3\n}")), ["E017 "]);
    let uci = "config globals\nconfig vrrp_instance\n option name V\n option interface eth0\n option virtual_router_id 1\n\
               \x20list virtual_ipaddress nowhere\n list unicast_peer nobody\n";
    let fixes = [
        "E025 add `config ipaddress` with `option name 'nowhere'`",
        "E025 add `config peer` with `option name 'nobody'`",
    ];
    assert_eq!(said(uci), fixes);
}

#[test]
fn what_has_no_effect_is_not_judged() {
    assert_eq!(said(&instance("debug 9")), ["L002 "]);
}

#[test]
fn mail_that_the_program_cannot_send_is_named() {
    let global = "global_defs {\nsmtp_server mail.example\nnotification_email {\na@example\n}\nsmtp_security tls\n}\n";
    let text = format!("{global}{}", instance("smtp_alert"));
    for (mail, messages) in [
        (None, &[][..]),
        (Some(MailSupport::Full), &[]),
        (Some(MailSupport::WithoutTls), &["mail is to go by TLS, and this locum was built without `mail-tls`"]),
        (Some(MailSupport::None), &["mail is asked for, and this locum was built without `mail`"]),
    ] {
        let configuration = check("a", text.as_bytes(), &Surroundings { mail, ..around() });
        let said: Vec<_> = configuration.diagnostics().iter().map(|found| found.message.as_str()).collect();
        assert_eq!(said, messages, "{mail:?}");
    }
}

#[test]
fn a_condition_is_about_its_line() {
    let fix = "W027 write what it is about behind it, on the same line; or take it away";
    assert_eq!(said(&instance("@here # this\npriority 100")), [fix]);
    assert!(said(&instance("@here priority 100")).is_empty());
}

#[test]
fn a_definition_with_a_blank_is_taken_for_one() {
    let fix = "E010 if it is to be defined here, write it without a blank: `$VIP=…`";
    assert_eq!(said("$VIP = 10.0.0.1\n"), [fix]);
}

#[test]
fn a_password_behind_another_word_is_not_shown() {
    let text = instance("authentication {\nauth_type PASS auth_pass geheim\n}");
    let configuration = check("a", text.as_bytes(), &around());
    assert!(!configuration.render_text(Default::default()).contains("geheim"));
}

#[test]
fn a_flag_of_uci_is_on_or_off() {
    let uci = |value: &str| {
        format!(
            "config globals\nconfig vrrp_instance\n option name V\n option interface eth0\n option virtual_router_id 1\n\
             \x20list virtual_ipaddress 10.0.0.1\n option nopreempt '{value}'\n"
        )
    };
    assert!(said(&uci("1")).is_empty() && said(&uci("0")).is_empty());
    assert_eq!(said(&uci("ja")), ["E016 "]);
    let read = check("a", uci("1").as_bytes(), &around());
    let edit = |keyword: &str| Edit::Set {
        block: BlockName::instance("V"),
        keyword: keyword.to_owned(),
        values: vec!["1".to_owned()],
    };
    let Err(EditError::UnknownKeyword { near, .. }) = read.edit(&[edit("priorty")], &around()) else {
        unreachable!("an unknown option is refused by name")
    };
    assert_eq!(near.as_deref(), Some("priority"));
    let list = Edit::AddEntry { block: BlockName::instance("V"), list: "vips".into(), words: vec!["10.0.0.2".into()] };
    assert!(matches!(read.edit(&[list], &around()), Err(EditError::NoList(_))));
}

#[test]
fn what_is_the_same_in_several_blocks_is_explained_once() {
    let help = schema::help("weight").unwrap();
    assert!(help.contains("(in track_interface, track_script, track_bfd)"), "{help}");
    assert!(help.contains("locum's own"), "{help}");
}
