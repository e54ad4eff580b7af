//! What keepalived says to the files of the corpus, beside what locum says. Every difference stands in `differences.txt`
//! with its reason; one that does not stand there, or no longer exists, fails the test.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use locum_config::files::{route_names, script_file};
use locum_config::{Configuration, Severity, Surroundings, check};
use locum_tests::skip;

/// The keepalived that the differences are about: that of Debian 12. Another one says other things.
const VERSION: &str = "Keepalived v2.2.7 ";

/// The interfaces that there are for files about mistakes; for all others there are those that they name.
const OF_MISTAKES: [&str; 1] = ["eth0"];

/// Makes interfaces, then has keepalived test files and prints what comes of each. Reads the names from the first line of
/// its input, the files from the others.
const DRIVER: &str = r#"
IFS= read -r names
ip link set lo up
i=0
for name in $names; do
    ip link add "$name" type veth peer name "p$i" && ip link set "$name" up
    i=$((i + 1))
done
while IFS= read -r file; do
    timeout 120 keepalived -t -i main -f "$file" > /dev/null 2>&1
    echo "$? $file"
done
"#;

/// How a file fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Clean,
    /// It is taken, with complaints. keepalived's status does not tell warnings from errors (5), nor either from what it
    /// thinks of the safety of scripts (6).
    Complains,
    /// Nothing starts with it.
    Refuses,
}

impl Verdict {
    const fn word(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Complains => "complains",
            Self::Refuses => "refuses",
        }
    }
}

#[test]
fn keepalived_and_locum_agree_but_for_the_differences_listed() {
    let version = Command::new("keepalived").arg("--version").output();
    let said = version.map(|output| String::from_utf8_lossy(&output.stderr).into_owned()).unwrap_or_default();
    if !said.starts_with(VERSION) {
        let first = said.lines().next().unwrap_or("none").to_owned();
        skip(&format!("the differences are those of {VERSION}, here is {first}"));
        return;
    }
    let files = files();
    let mistakes: BTreeSet<String> = OF_MISTAKES.map(str::to_owned).into();
    let mut named: BTreeMap<&Path, BTreeSet<String>> = BTreeMap::new();
    for (name, path) in &files {
        let text = std::fs::read(path).unwrap();
        let interfaces = if name.starts_with("mistakes/") {
            mistakes.clone()
        } else {
            interfaces(&check(name, &text, &around(None)))
        };
        named.insert(path, interfaces);
    }
    let theirs = keepalived(&named);
    let mut differences = String::new();
    let reasons = reasons();
    for (name, path) in &files {
        let interfaces = named.get(path.as_path()).unwrap().iter().cloned().collect();
        let configuration = check(name, &std::fs::read(path).unwrap(), &around(Some(interfaces)));
        let (theirs, ours) =
            (*theirs.get(path).unwrap_or_else(|| panic!("keepalived said nothing to {name}")), verdict(&configuration));
        if theirs != ours {
            let reason = reasons.get(name.as_str()).map_or("?", |reason| reason);
            writeln!(differences, "{name}: keepalived {}, locum {}: {reason}", theirs.word(), ours.word()).unwrap();
        }
    }
    let listed = listed();
    if differences != listed {
        panic!("differences.txt should be:\n{differences}");
    }
    assert!(!listed.contains(": ?"), "a difference without a reason");
}

/// Many instances, read by both: prints how long each takes. Time is judged only where that is asked for, on a quiet
/// machine: `LOCUM_MEASURE=1 cargo test --release -p locum-tests --test verdicts -- --nocapture many_instances`.
#[test]
fn many_instances_beside_keepalived() {
    if let Err(error) = Command::new("keepalived").arg("--version").output() {
        skip(&format!("no keepalived to compare with: {error}"));
        return;
    }
    let measures = std::env::var_os("LOCUM_MEASURE").is_some();
    let count = if measures { 10_000 } else { 250 };
    let mut text = String::new();
    for n in 0..count {
        write!(
            text,
            "vrrp_instance VI_{n} {{\n    interface i{}\n    virtual_router_id {}\n    priority 100\n    \
             virtual_ipaddress {{\n        10.{}.{}.1/24\n    }}\n}}\n",
            n / 250,
            n % 250 + 1,
            n / 250,
            n % 250
        )
        .unwrap();
    }
    let path = std::env::temp_dir().join(format!("locum-many-{}.conf", std::process::id()));
    std::fs::write(&path, &text).unwrap();
    let interfaces: BTreeSet<String> = (0..40).map(|n| format!("i{n}")).collect();
    let known = around(Some(interfaces.iter().cloned().collect()));
    // The least of several: what else runs only adds.
    let ours = (0..5)
        .map(|_| timed(|| assert!(locum_config::load(&path, &known).unwrap().diagnostics().is_empty())))
        .min()
        .unwrap();
    let nothing = BTreeMap::from([(Path::new("/dev/null"), interfaces.clone())]);
    let file = BTreeMap::from([(path.as_path(), interfaces)]);
    let theirs = (0..3)
        .map(|_| timed(|| drop(keepalived(&file))).saturating_sub(timed(|| drop(keepalived(&nothing)))))
        .min()
        .unwrap();
    std::fs::remove_file(&path).unwrap();
    println!("{count} instances read and checked: locum {ours:?}, keepalived -t {theirs:?}");
    assert!(!measures || ours < std::time::Duration::from_secs(1) && ours < theirs, "{ours:?} beside {theirs:?}");
}

fn timed(act: impl FnOnce()) -> std::time::Duration {
    let start = std::time::Instant::now();
    act();
    start.elapsed()
}

fn verdict(configuration: &Configuration) -> Verdict {
    // What locum will not have is no verdict on the file.
    let not_ours = ["W001", "W003"];
    let complains = configuration
        .diagnostics()
        .iter()
        .any(|found| found.severity() != Severity::Lint && !not_ours.contains(&found.code.id));
    match (configuration.refuses_start(), complains) {
        (true, _) => Verdict::Refuses,
        (false, true) => Verdict::Complains,
        (false, false) => Verdict::Clean,
    }
}

/// Name and path of each file: the corpus, and the samples that come with keepalived.
fn files() -> Vec<(String, PathBuf)> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../appliance/config/corpus");
    let mut files = Vec::new();
    for folder in ["scenarios", "mistakes", "field"] {
        files.extend(in_folder(folder, &corpus.join(folder), |name| name.ends_with(".conf")));
    }
    let samples = Path::new("/usr/share/doc/keepalived/samples");
    let sample = |name: &str| name.starts_with("keepalived.conf") && !name.ends_with(".gz");
    files.extend(in_folder("samples", samples, sample));
    files.sort();
    files
}

fn in_folder(folder: &str, path: &Path, wanted: impl Fn(&str) -> bool) -> Vec<(String, PathBuf)> {
    let entries = std::fs::read_dir(path).into_iter().flatten().map(|entry| entry.unwrap().path());
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    entries.filter(|path| wanted(&name(path))).map(|path| (format!("{folder}/{}", name(&path)), path)).collect()
}

/// All interfaces that a configuration names.
fn interfaces(configuration: &Configuration) -> BTreeSet<String> {
    let model = configuration.model();
    let mut names = BTreeSet::new();
    for instance in &model.instances {
        names.extend(instance.interface.iter().chain(&*instance.vrf).map(|name| name.value.clone()));
        let addresses = instance.addresses.iter().chain(&instance.excluded_addresses);
        names.extend(addresses.filter_map(|address| Some(address.interface.as_ref()?.value.clone())));
        names.extend(instance.tracks.interfaces.iter().map(|entry| entry.name.value.clone()));
    }
    let routes = model.static_routes.iter().chain(model.instances.iter().flat_map(|instance| &instance.routes));
    for route in routes {
        names.extend(route.interface.iter().map(|name| name.value.clone()));
        names.extend(route.next_hops.iter().filter_map(|hop| Some(hop.interface.as_ref()?.value.clone())));
    }
    let rules = model.static_rules.iter().chain(model.instances.iter().flat_map(|instance| &instance.rules));
    for rule in rules {
        names.extend(rule.input_interface.iter().chain(&rule.output_interface).map(|name| name.value.clone()));
    }
    names.extend(model.static_addresses.iter().filter_map(|it| Some(it.address.interface.as_ref()?.value.clone())));
    names.extend(model.garp_groups.iter().flat_map(|group| &group.interfaces).map(|name| name.value.clone()));
    names.extend(model.sync_groups.iter().flat_map(|group| &group.tracks.interfaces).map(|it| it.name.value.clone()));
    names.extend(model.up_down_delays.iter().map(|delay| delay.interface.clone()));
    names.remove("lo");
    names
}

fn around<'a>(interfaces: Option<Vec<String>>) -> Surroundings<'a> {
    let interfaces = interfaces.map(|mut names| {
        names.push("lo".to_owned());
        names
    });
    // One for all: it is the same machine.
    static NAMES: std::sync::OnceLock<locum_config::RouteNames> = std::sync::OnceLock::new();
    Surroundings {
        interfaces,
        config_id: Some("main".to_owned()),
        route_names: Some(NAMES.get_or_init(route_names)),
        script_file: Some(&script_file),
        ..Surroundings::default()
    }
}

/// What keepalived says to each file, in a network namespace with the interfaces that it is to have.
fn keepalived(named: &BTreeMap<&Path, BTreeSet<String>>) -> BTreeMap<PathBuf, Verdict> {
    let mut groups: BTreeMap<&BTreeSet<String>, Vec<&Path>> = BTreeMap::new();
    for (path, interfaces) in named {
        groups.entry(interfaces).or_default().push(path);
    }
    let mut verdicts = BTreeMap::new();
    for (interfaces, paths) in groups {
        let mut child = Command::new("unshare")
            .args(["--map-root-user", "--net", "--", "sh", "-c", DRIVER])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = interfaces.iter().cloned().collect::<Vec<_>>().join(" ");
        for path in &paths {
            write!(input, "\n{}", path.display()).unwrap();
        }
        input.push('\n');
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "cannot run keepalived in a network namespace of its own");
        for line in String::from_utf8(output.stdout).unwrap().lines() {
            let (status, path) = line.split_once(' ').unwrap();
            let verdict = match status {
                "0" => Verdict::Clean,
                "4" | "5" | "6" => Verdict::Complains,
                "2" => Verdict::Refuses,
                _ => panic!("keepalived ended with {status} on {path}"),
            };
            verdicts.insert(PathBuf::from(path), verdict);
        }
    }
    verdicts
}

fn listed() -> String {
    include_str!("differences.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .fold(String::new(), |all, line| all + line + "\n")
}

/// The reasons by file.
fn reasons() -> BTreeMap<&'static str, String> {
    let lines = include_str!("differences.txt").lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| {
            let mut parts = line.splitn(3, ": ");
            let (file, _, reason) = (parts.next()?, parts.next()?, parts.next()?);
            Some((file, reason.to_owned()))
        })
        .collect()
}
