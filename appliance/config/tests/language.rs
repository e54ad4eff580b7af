//! Conditions, definitions, sequences and includes.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::PathBuf;

use locum_config::{Configuration, Surroundings, check, load};

fn around(id: &str) -> Surroundings<'_> {
    Surroundings {
        config_id: Some(id.to_owned()),
        environment: Some(&|name| (name == "VIP").then(|| "10.9.9.9".to_owned())),
        ..Surroundings::default()
    }
}

fn read(id: &str, text: &str) -> Configuration {
    check("test.conf", text.as_bytes(), &around(id))
}

/// VRIDs, priorities and VIPs of all instances.
fn brief(configuration: &Configuration) -> Vec<String> {
    assert!(!configuration.has_errors(), "{}", configuration.render_text(Default::default()));
    configuration
        .model()
        .instances
        .iter()
        .map(|it| {
            let vips: Vec<_> = it.addresses.iter().map(|vip| format!("{}/{}", vip.address, vip.prefix_len)).collect();
            format!("{} {} {} {}", it.name.value, it.vrid.value, it.priority.value, vips.join(","))
        })
        .collect()
}

fn codes(configuration: &Configuration) -> Vec<&'static str> {
    configuration.diagnostics().iter().map(|found| found.code.id).collect()
}

fn instance(lines: &str) -> String {
    format!("vrrp_instance V {{\ninterface eth0\nvirtual_router_id 1\n{lines}\n}}\n")
}

#[test]
fn conditions_choose_lines() {
    let text = instance(
        "@main priority 200\n@^main priority 50\n@other { this never counts }\nvirtual_ipaddress {\n@main 10.0.0.1\n@other 10.0.0.2\n}",
    );
    assert_eq!(brief(&read("main", &text)), ["V 1 200 10.0.0.1/32"]);
    let text = text.replace("@other { this never counts }\n", "");
    assert_eq!(brief(&read("other", &text)), ["V 1 50 10.0.0.2/32"]);
}

#[test]
fn definitions_are_put_in_place_when_they_are_used() {
    let text = format!(
        "$BASE=10.2.${{SUB}}\n$SUB=0\n{}",
        instance("virtual_ipaddress {\n${BASE}.100/32\n$SUB=10\n${BASE}.100/32\n${_ENV VIP}\n}")
    );
    assert_eq!(brief(&read("main", &text)), ["V 1 100 10.2.0.100/32,10.2.10.100/32,10.9.9.9/32"]);
}

#[test]
fn a_condition_may_define() {
    let text = format!(
        "@main $P=240\n@other $P=200\n$COND=@main\n{}",
        instance("$COND priority $P\nvirtual_ipaddress {\n10.0.0.1\n}")
    );
    assert_eq!(brief(&read("main", &text)), ["V 1 240 10.0.0.1/32"]);
    assert_eq!(brief(&read("other", &text)), ["V 1 100 10.0.0.1/32"]);
}

const TEMPLATE: &str = "$INSTANCE= \\\nvrrp_instance VI_${NUM} { \\\n  interface eth0.${NUM} \\\n  virtual_router_id ${NUM} \\\n  @high priority 130 \\\n  @low priority 120 \\\n  virtual_ipaddress { \\\n    10.0.${NUM}.254/24 \\\n  } \\\n}\n\n";

#[test]
fn definitions_of_many_lines_make_blocks() {
    let text = format!("{TEMPLATE}$NUM=1\n$INSTANCE\n\n$NUM=2\n$INSTANCE\n");
    assert_eq!(brief(&read("low", &text)), ["VI_1 1 120 10.0.1.254/24", "VI_2 2 120 10.0.2.254/24"]);
}

#[test]
fn sequences_repeat_a_line() {
    let text = format!("{TEMPLATE}~SEQ(NUM, 1, 3) $INSTANCE\n");
    assert_eq!(brief(&read("high", &text)).len(), 3);
    let text = instance("virtual_ipaddress {\n~SEQ(A, 1, 2) ~LST(B, 7, 9) 10.0.${A}.${B}\n}");
    assert_eq!(brief(&read("high", &text)), ["V 1 100 10.0.1.7/32,10.0.1.9/32,10.0.2.7/32,10.0.2.9/32"]);
}

#[test]
fn an_undefined_parameter_stays_and_is_said() {
    let configuration = read(
        "main",
        &instance(
            "$PRIO=9\npriority $PRI\nnotify_master \"/bin/sh -c 'echo $STATE'\"\nvirtual_ipaddress {\n10.0.0.1\n}",
        ),
    );
    assert_eq!(codes(&configuration).iter().filter(|code| **code == "W026").count(), 1);
    assert!(configuration.render_text(Default::default()).contains("did you mean `$PRIO`?"));
}

#[test]
fn what_never_ends_is_stopped() {
    for text in [
        "$A=$A\n$A\n",
        "$A=x${A}\nstate ${A}\n",
        "$A= \\\nx \\\n$A\n\n$A\n",
        "~SEQ(A, 1, 4000000000) ~SEQ(B, 1, 4000000000) state ${A}\n",
        "$A=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n$B=$A $A $A $A $A $A $A $A \n$C=$B $B $B $B $B $B $B $B $B $B \n$D=$C $C $C $C $C $C $C $C \n$E=$D $D $D $D $D \n$E\n",
    ] {
        let configuration = read("main", text);
        assert!(configuration.has_errors(), "{text}");
    }
}

#[test]
fn a_definition_that_names_itself_ends_soon() {
    // The last of its lines starts it again; twice, so that it would double.
    for text in [
        "$A=x \\\n y \\\n $A\n$A\n",
        "$A=~SEQ(N, 1, 9) $B\n$B=x \\\n $A \\\n $A\n$A\n",
        "$A=x \\\n~SEQ(N, 1, 1000) $A\n$A\n",
    ] {
        let configuration = read("main", text);
        assert!(configuration.refuses_start());
        assert!(codes(&configuration).contains(&"E009"), "{:?}", codes(&configuration));
        assert!(configuration.diagnostics().len() < 200, "{}", configuration.diagnostics().len());
    }
}

#[test]
fn a_text_alone_says_that_includes_are_not_read() {
    assert_eq!(codes(&read("main", "include /etc/keepalived/conf.d/*.conf\n")), ["W029"]);
}

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let folder = std::env::temp_dir().join(format!("locum-config-{}-{name}", std::process::id()));
        for (file, text) in files {
            let path = folder.join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        Self(folder)
    }

    fn load(&self) -> Configuration {
        load(&self.0.join("main.conf"), &around("main")).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A left-over in the temporary folder is no failure.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn includes_are_found_from_the_file_that_names_them() {
    let folder = Folder::new(
        "nested",
        &[
            ("main.conf", "include conf.d/*.conf\nvrrp_instance Z {\ninclude common.inc\nvirtual_router_id 9\n}\n"),
            ("common.inc", "interface eth0\nvirtual_ipaddress {\n10.0.0.9\n}\n"),
            ("conf.d/b.conf", "vrrp_instance B {\nvirtual_router_id 2\ninclude ../common.inc\npriority 7\n}\n"),
            ("conf.d/a.conf", "include {one,two}.inc # both\n"),
            (
                "conf.d/one.inc",
                "vrrp_instance A {\nvirtual_router_id 1\ninterface eth0\nvirtual_ipaddress {\n10.0.0.1\n}\n}\n",
            ),
            ("conf.d/two.inc", "global_defs {\nrouter_id R\n}\n"),
        ],
    );
    let configuration = folder.load();
    assert_eq!(brief(&configuration), ["A 1 100 10.0.0.1/32", "B 2 7 10.0.0.9/32", "Z 9 100 10.0.0.9/32"]);
    assert_eq!(configuration.model().global.router_id.as_ref().unwrap().value, "R");
    assert_eq!(configuration.sources().iter().count(), 7);
}

#[test]
fn a_diagnostic_names_the_included_file() {
    let folder = Folder::new("names", &[("main.conf", "\ninclude a.conf\n"), ("a.conf", "\n  vrrp_instanc X {\n}\n")]);
    let configuration = folder.load();
    let line = configuration.one_line(&configuration.diagnostics()[0]);
    assert!(line.contains("/a.conf:2:3: unknown keyword `vrrp_instanc`"), "{line}");
}

#[test]
fn includes_that_fail_are_said() {
    let folder = Folder::new(
        "fail",
        &[
            (
                "main.conf",
                "include loop.conf\ninclude missing.conf\ninclude none/*.conf\nincludea none/*.conf\ninclude $X\ninclude\ninclude sub\n",
            ),
            ("loop.conf", "include ./main.conf\n"),
            ("sub/x", ""),
        ],
    );
    let configuration = folder.load();
    assert_eq!(codes(&configuration), ["E008", "E008", "E008", "E012", "E008", "E008"]);
    let text = configuration.render_text(Default::default());
    assert!(
        text.contains("includes itself") && text.contains("there is no such file") && text.contains("it is not a file")
    );
    assert!(!configuration.refuses_start());
}

#[test]
fn includes_are_bounded() {
    let files: Vec<(String, String)> =
        (0..20).map(|n| (format!("{n}.conf"), format!("include {}.conf\n", n + 1))).collect();
    let mut files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    files.push(("main.conf", "include 0.conf\n"));
    let configuration = Folder::new("deep", &files).load();
    assert_eq!(codes(&configuration), ["E005"]);
    // Each file includes the next one twice: doubling stops at the bound of files.
    let files: Vec<(String, String)> =
        (0..14).map(|n| (format!("{n}.conf"), format!("include {0}.conf\ninclude {0}.conf\n", n + 1))).collect();
    let mut files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    files.extend([("main.conf", "include 0.conf\n"), ("14.conf", "")]);
    let configuration = Folder::new("wide", &files).load();
    assert!(configuration.refuses_start());
    assert!(configuration.render_text(Default::default()).contains("more than 1024 files"));
}
