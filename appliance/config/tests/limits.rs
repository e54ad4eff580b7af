//! Input of hostile size and shape: a clear verdict in bounded time.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use locum_config::source::limits;
use locum_config::{Configuration, Surroundings, check, load};

/// Far above what a debug build on a busy machine needs, far below what anything quadratic takes. How fast it is beside
/// keepalived is measured elsewhere.
const PATIENCE: Duration = Duration::from_secs(60);

fn read(text: &str) -> Configuration {
    let start = Instant::now();
    let configuration = check("large.conf", text.as_bytes(), &Surroundings::default());
    assert_eq!(configuration.render_text(Default::default()).is_empty(), configuration.diagnostics().is_empty());
    assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
    configuration
}

fn instance(number: usize, lines: &str) -> String {
    format!(
        "vrrp_instance VI_{number} {{\n  interface eth{}\n  virtual_router_id {}\n{lines}}}\n",
        number / 250,
        number % 250 + 1
    )
}

/// What is found before the statements are read is told to the instance in whose block it stands, however long that is.
#[test]
fn an_error_far_down_in_a_block_is_its_own() {
    let comments = "  # of the addresses of the second floor\n".repeat(4_000);
    let text = format!("{}{}", instance(1, &format!("{comments}  ~SEQ(A) priority 100\n")), instance(2, ""));
    let configuration = read(&text);
    let broken: Vec<bool> = configuration.model().instances.iter().map(|instance| instance.broken).collect();
    assert_eq!(broken, [true, false]);
}

#[test]
fn ten_thousand_instances() {
    let text: String = (0..10_000)
        .map(|n| {
            instance(n, &format!("  priority 100\n  virtual_ipaddress {{\n    10.{}.{}.1/24\n  }}\n", n / 250, n % 250))
        })
        .collect();
    let configuration = read(&text);
    assert_eq!(configuration.model().instances.len(), 10_000);
    assert!(configuration.diagnostics().is_empty());
}

#[test]
fn ten_thousand_errors_hold_ten_thousand_instances() {
    let text: String =
        (0..10_000).map(|n| instance(n, "  prioritty 100\n  track_script {\n    nothing\n  }\n")).collect();
    let configuration = read(&text);
    assert!(configuration.diagnostics().len() <= limits::DIAGNOSTICS + 1);
    assert!(configuration.diagnostics().last().unwrap().message.contains("more diagnostics"));
    assert_eq!(configuration.model().instances.iter().filter(|instance| instance.broken).count(), 10_000);
}

#[test]
fn ten_thousand_instances_in_one_place() {
    let same: String = (0..10_000)
        .map(|n| {
            format!(
                "vrrp_instance V{n} {{\ninterface eth0\nvirtual_router_id 1\nvirtual_ipaddress {{\n10.0.0.1\n}}\n}}\n"
            )
        })
        .collect();
    assert!(read(&same).model().instances.iter().all(|instance| instance.broken));
}

#[test]
fn ten_thousand_trackers_and_groups() {
    let mut text = String::new();
    for n in 0..5_000 {
        write!(text, "vrrp_script chk{n} {{\nscript /bin/true\nweight 5\n}}\n").unwrap();
        text.push_str(&instance(
            n,
            &format!("track_script {{\nchk{n}\nchkk{n}\n}}\nvirtual_ipaddress {{\n10.{}.{}.1\n}}\n", n / 250, n % 250),
        ));
        write!(text, "vrrp_sync_group G{n} {{\ngroup {{\nVI_{n}\nVI_{}\n}}\n}}\n", n + 1).unwrap();
    }
    assert!(read(&text).has_errors());
}

#[test]
fn one_list_of_a_hundred_thousand() {
    let mut text = "vrrp_instance V {\ninterface eth0\nvirtual_router_id 1\nvirtual_ipaddress {\n".to_owned();
    for n in 0..100_000 {
        writeln!(text, "10.{}.{}.{}/32 dev eth0", n / 65_536, n / 256 % 256, n % 256).unwrap();
    }
    text.push_str("}\n}\n");
    let configuration = read(&text);
    assert!(configuration.diagnostics().iter().any(|found| found.code.id == "E030"));
}

#[test]
fn nesting_is_bounded() {
    let configuration = read(&"x {\n".repeat(10_000));
    assert!(configuration.refuses_start());
    assert!(
        configuration
            .diagnostics()
            .iter()
            .any(|found| found.code.id == "E005" && found.message.contains("deeper than 32"))
    );
    assert!(read(&"{".repeat(100_000)).refuses_start());
    assert!(read(&"}".repeat(100_000)).refuses_start());
    assert!(read(&"a{}".repeat(100_000)).has_errors());
}

#[test]
fn lines_are_bounded() {
    let configuration = read(&format!("# {}\n", "x".repeat(1 << 20)));
    assert!(configuration.refuses_start());
    assert!(configuration.diagnostics()[0].why.contains(&limits::LINE_BYTES.to_string()));
}

#[test]
fn a_file_of_a_hundred_megabytes_is_not_even_read() {
    let path = std::env::temp_dir().join(format!("locum-config-large-{}", std::process::id()));
    std::fs::File::create(&path).unwrap().set_len(100 << 20).unwrap();
    let refused = load(&path, &Surroundings::default());
    std::fs::remove_file(&path).unwrap();
    let message = refused.unwrap_err().to_string();
    assert!(message.contains("larger than 16 MiB"), "{message}");
}

#[test]
fn odd_shapes_take_no_time() {
    for unit in [
        "\"", "'", "\\", "$", "${", "$A=", "@", "~SEQ(", "#", "!", "\"\n", "a\n", "a b\n", "$A=\\\n", "@x\n", "{\n",
        "a {\n", "\t",
    ] {
        let line = unit.repeat(limits::LINE_BYTES / unit.len() / 2);
        read(&format!("{line}\n").repeat(if unit.contains('\n') { 1 } else { 20 }));
        read(&unit.repeat(50_000 / unit.len()));
    }
}
