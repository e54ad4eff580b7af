//! The parts of locum that an image may leave out to save flash. Each is a Cargo feature of its name.

/// A part.
#[derive(Debug)]
pub(crate) struct Part {
    /// Its name, which is that of its Cargo feature.
    pub(crate) name: &'static str,
    /// Whether this program has it.
    pub(crate) is_here: bool,
    /// Words of the command line that come with it (verbs, options, values of options), and what to do without each.
    pub(crate) words: &'static [(&'static str, &'static str)],
}

/// All of them, in the order of the alphabet.
pub(crate) static PARTS: &[Part] = &[
    Part {
        name: "console",
        is_here: cfg!(feature = "console"),
        words: &[
            ("replay", "copy the recording to a machine that has the console, and play it there"),
            ("host", "run the console on a machine that has it, and name this one there"),
            ("once", "`locum show` prints the same"),
        ],
    },
    Part {
        name: "demo",
        is_here: cfg!(feature = "demo"),
        words: &[("demo", "it runs on any Linux machine that has all of locum")],
    },
    Part {
        name: "doctor",
        is_here: cfg!(feature = "doctor"),
        words: &[("doctor", "`locum show INSTANCE` says what holds it in FAULT, `locum why INSTANCE` how that came")],
    },
    Part {
        name: "explain",
        is_here: cfg!(feature = "explain"),
        words: &[("explain", "it says the same on any machine that has all of locum, and needs no service there")],
    },
    Part {
        name: "keepalived",
        is_here: cfg!(feature = "keepalived"),
        words: &[
            ("keepalived", "`locum run` is the service, and `locum show --json` what it knows"),
            ("keepalived-dumps", "`locum show --json` has what the dumps say"),
        ],
    },
    Part { name: "landlock", is_here: cfg!(feature = "landlock"), words: &[] },
    Part { name: "mail", is_here: cfg!(feature = "mail"), words: &[] },
    Part { name: "mail-tls", is_here: cfg!(feature = "mail-tls"), words: &[] },
    Part {
        name: "metrics",
        is_here: cfg!(feature = "metrics"),
        words: &[("metrics", "`locum show --json` has the same figures")],
    },
    Part {
        name: "plan",
        is_here: cfg!(feature = "plan"),
        words: &[("plan", "copy the configurations to a machine that has all of locum, and compare them there")],
    },
    Part {
        name: "record",
        is_here: cfg!(feature = "record"),
        words: &[
            ("record", "`locum watch --adverts --json` says what happens, a line each"),
            ("export", "`locum watch --adverts` names each advert, and `tcpdump proto 112` captures them"),
        ],
    },
    Part { name: "uci", is_here: cfg!(feature = "uci"), words: &[] },
];

/// What whoever asks for a part is told where it is not there.
pub(crate) fn lacking(part: &str) -> String {
    format!("this locum was built without `{part}`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::{self, Links};

    fn is_here(name: &str) -> bool {
        PARTS.iter().any(|part| part.name == name && part.is_here)
    }

    #[test]
    fn a_configuration_that_needs_what_is_not_there_says_so() {
        let uci = "config vrrp_instance 'V'\n\toption interface 'lo'\n";
        let conf = |security: &str| {
            format!(
                "global_defs {{\nsmtp_server 127.0.0.1\nnotification_email {{\na@b\n}}\nsmtp_security {security}\n}}\n\
                 vrrp_instance V {{\ninterface lo\nvirtual_router_id 1\nvirtual_ipaddress {{\n127.0.0.9\n}}\nsmtp_alert\n}}\n"
            )
        };
        let file = std::env::temp_dir().join(format!("locum-parts-{}", std::process::id()));
        for (text, part, is_here) in [
            (uci.to_owned(), "uci", is_here("uci")),
            (conf("none"), "mail", is_here("mail")),
            (conf("tls"), "mail-tls", is_here("mail-tls") || !is_here("mail")),
        ] {
            std::fs::write(&file, text).unwrap();
            let configuration = machine::load(&file, Links::default()).unwrap();
            let said = configuration.diagnostics().iter().any(|found| found.message.contains(&lacking(part)));
            assert_eq!(said, !is_here, "{part}");
            assert_eq!(configuration.refuses_start(), part == "uci" && !is_here, "{part}");
        }
        std::fs::remove_file(&file).unwrap();
    }
}
