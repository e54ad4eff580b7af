use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use super::security::Insecure;
use super::*;
use crate::counting::bytes_held;

/// Far more than any script here needs.
const LONG: Duration = Duration::from_secs(20);

fn on_runtime<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::LocalRuntime::new().unwrap().block_on(future)
}

fn command(words: &[&str]) -> Command {
    let customs = Customs { script_user: None, account: Ok(Account::own()).into(), security: Security::Lenient };
    let words = words.iter().map(|word| (*word).to_owned()).collect();
    Command::new(&Script { words, user: None, group: None }, &customs)
}

fn shell(text: &str) -> Command {
    command(&["/bin/sh", "-c", text])
}

fn said(command: &Command) -> String {
    on_runtime(run(command, LONG)).end.to_string()
}

/// A directory that is gone at the end of the test.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("locum-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, text: &str, mode: u32) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_run_gives_its_end_and_its_last_lines() {
    let outcome = on_runtime(run(
        &shell("echo one; echo two >&2; echo \"$1 $LOCUM_CAUSE\"; exit 3")
            .argument("x")
            .argument("MASTER")
            .variable("LOCUM_CAUSE", "start-up"),
        LONG,
    ));
    assert_eq!(outcome.end, End::Exited(3));
    assert_eq!(outcome.last_lines, ["one", "two", "MASTER start-up"]);
    assert!(!outcome.is_success());
    assert!(on_runtime(run(&command(&["true"]), LONG)).is_success(), "found in PATH");
}

#[test]
fn each_failure_has_words_of_its_own() {
    let directory = Directory::new("words");
    let missing = directory.0.join("missing").to_str().unwrap().to_owned();
    let plain = directory.file("plain", "#!/bin/sh\n", 0o644);
    let lost = directory.file("lost", "#!/no/such/shell -e\n", 0o755);
    let dos = directory.file("dos", "#!/bin/sh\r\nexit 0\r\n", 0o755);
    assert_eq!(said(&shell("exit 0")), "done");
    assert_eq!(said(&shell("exit 9")), "exit 9");
    assert_eq!(said(&shell("exit 126")), "exit 126: something in it cannot be executed");
    assert_eq!(said(&shell("no-such-command")), "exit 127: a command in it was not found");
    assert_eq!(said(&shell("kill -9 $$")), "killed by SIGKILL");
    assert_eq!(said(&shell("kill -40 $$")), "killed by signal 40");
    assert_eq!(said(&command(&[&missing])), format!("not found: {missing}"));
    assert_eq!(said(&command(&["no-such-command"])), "not found: no-such-command");
    assert_eq!(said(&command(&[&plain])), format!("not executable: {plain} (chmod +x)"));
    assert_eq!(said(&command(&["/tmp"])), "not executable: /tmp (chmod +x)");
    assert_eq!(said(&command(&[&lost])), format!("its first line asks for /no/such/shell, which is not there: {lost}"));
    assert_eq!(
        said(&command(&[&dos])),
        format!("its first line asks for /bin/sh with a carriage return (dos2unix), which is not there: {dos}")
    );
    assert_eq!(End::TimedOut(Duration::from_millis(1_500)).to_string(), "no answer within 1.5 s");
    assert_eq!(End::TimedOut(Duration::from_secs(10)).to_string(), "no answer within 10 s");
}

#[test]
fn a_file_without_a_first_line_for_the_kernel_is_run_by_the_shell() {
    let directory = Directory::new("no-shebang");
    let script = directory.file("script", "exit 7\n", 0o755);
    assert_eq!(said(&command(&[&script])), "exit 7");
}

#[test]
fn a_less_than_sign_only_opens_the_file() {
    let directory = Directory::new("opens");
    let file = directory.file("file", "", 0o644);
    assert_eq!(said(&command(&[&format!("<{file}")])), "done");
    assert_eq!(said(&command(&["<", &file])), "done");
    let missing = on_runtime(run(&command(&[&format!("<{file}-missing")]), LONG));
    assert!(matches!(missing.end, End::Exited(1..)), "{missing:?}");
    assert!(missing.last_lines[0].contains(&format!("{file}-missing")), "{missing:?}");
}

#[test]
fn one_that_does_not_end_is_ended_with_its_children() {
    // The shell ignores SIGTERM, and so does the child that it waits for.
    let stubborn = shell("trap '' TERM; sleep 1000 & echo $!; wait; wait");
    let outcome = on_runtime(run(&stubborn, Duration::from_millis(200)));
    assert_eq!(outcome.end, End::TimedOut(Duration::from_millis(200)));
    assert!(outcome.duration >= Duration::from_secs(2), "it was asked first: {outcome:?}");
    let child: i32 = outcome.last_lines[0].parse().unwrap();
    assert!(is_gone(child));

    let polite = on_runtime(run(&shell("sleep 1000"), Duration::from_millis(100)));
    assert_eq!(polite.end, End::TimedOut(Duration::from_millis(100)));
    assert!(polite.duration < Duration::from_secs(1), "{polite:?}");
}

/// Gone, or a zombie that its new parent has not reaped yet.
fn is_gone(pid: i32) -> bool {
    (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        std::fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| stat.contains(") Z "))
    })
}

#[test]
fn a_dropped_run_is_ended_and_reaped() {
    let pid = on_runtime(async {
        let run = Run::start(&shell("exec sleep 1000")).unwrap();
        let pid = run.group.unwrap();
        drop(run);
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(!Path::new(&format!("/proc/{pid}")).exists(), "ended and reaped");
        let run = Run::start(&shell("exec sleep 1000")).unwrap();
        let pid = run.group.unwrap();
        drop(run);
        pid // the runtime ends before it could be waited for
    });
    assert!(is_gone(pid.as_raw()));
}

#[test]
fn a_child_left_behind_does_not_hold_up_and_is_not_killed_by_its_output() {
    let directory = Directory::new("straggler");
    let mark = directory.0.join("mark");
    let text = format!("echo done; (sleep 0.3; echo late; echo later; touch {}) &", mark.display());
    on_runtime(async {
        let outcome = run(&shell(&text), LONG).await;
        assert_eq!(outcome.end, End::Exited(0));
        assert_eq!(outcome.last_lines, ["done"]);
        assert!(outcome.duration < Duration::from_millis(290), "{outcome:?}");
        for _ in 0..200 {
            if mark.exists() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the child did not get past its output");
    });
}

#[test]
fn megabytes_of_output_are_read_and_forgotten() {
    let outcome = on_runtime(run(&shell("yes | head -c 3000000; echo last"), LONG));
    assert_eq!(outcome.end, End::Exited(0), "{outcome:?}");
    assert_eq!(outcome.last_lines.last().unwrap(), "last");
    assert!(outcome.last_lines.len() <= 8);
    let endless = on_runtime(run(&shell("yes"), Duration::from_millis(300)));
    assert_eq!(endless.end, End::TimedOut(Duration::from_millis(300)));
}

#[test]
fn it_inherits_neither_descriptors_nor_signals_nor_a_terminal() {
    let directory = Directory::new("inherits");
    let _open = std::fs::File::open(directory.file("of-the-service", "", 0o644)).unwrap();
    let text = "ls -l /proc/self/fd | grep -c of-the-service
                readlink /proc/$$/fd/0
                awk '/SigBlk|SigIgn/ { print $1, substr($2, 9) }' /proc/self/status
                ps -o pgid= -p $$ | tr -d ' '
                echo $$";
    let outcome = on_runtime(run(&shell(text), LONG));
    let [descriptors, input, blocked, ignored, group, pid] = outcome.last_lines.as_slice() else {
        panic!("{outcome:?}")
    };
    assert_eq!(descriptors, "0");
    assert_eq!(input, "/dev/null");
    assert_eq!(blocked, "SigBlk: 00000000");
    // SIGPIPE, which Rust ignores, is not among them. Above 31 are the C library's own.
    assert_eq!(u32::from_str_radix(&ignored[8..], 16).unwrap() & 0x7fff_ffff, 0, "{ignored}");
    assert_eq!(group, pid, "a process group of its own");
}

#[test]
fn what_a_shell_has_the_service_ignore_its_scripts_hear() {
    // In a process that begins as a service does that a shell starts in the background.
    let test = "script::tests::it_inherits_neither_descriptors_nor_signals_nor_a_terminal";
    let begin = "trap '' INT QUIT HUP USR1 TSTP; exec \"$0\" --exact \"$1\"";
    let program = std::env::current_exe().unwrap();
    let output = std::process::Command::new("sh").args(["-c", begin]).arg(program).arg(test).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[test]
fn it_runs_as_the_user_with_all_its_groups() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let script = |user: &str, group: Option<&str>| Script {
        words: vec!["/bin/sh".into(), "-c".into(), "id -u; id -g; id -G".into()],
        user: Some(user.to_owned()),
        group: group.map(str::to_owned),
    };
    let customs = Customs { script_user: None, account: Ok(Account::own()).into(), security: Security::Lenient };
    let lines = |user, group| on_runtime(run(&Command::new(&script(user, group), &customs), LONG)).last_lines;
    let id = |flag: &str| {
        let id = std::process::Command::new("id").args([flag, "nobody"]).output().unwrap();
        String::from_utf8(id.stdout).unwrap().trim().to_owned()
    };
    assert_eq!(lines("nobody", None), [id("-u"), id("-g"), id("-G")]);
    assert_eq!(lines("nobody", Some("daemon"))[1], "1");
    let mut member = Command::new(&script("nobody", None), &customs);
    if let Ok(account) = &mut member.account {
        account.groups.extend([1, 2].map(nix::unistd::Gid::from_raw));
    }
    assert_eq!(on_runtime(run(&member, LONG)).last_lines[2], format!("{} 1 2", id("-G")));
    let unknown = Command::new(&script("no-such-user", None), &customs);
    assert_eq!(said(&unknown), "there is no user no-such-user");
    let mut late = Command::new(&script("nobody", None), &customs);
    late.account = Err(AccountError::NoUser("nobody".into()));
    late.look_again();
    assert_eq!(late.account().unwrap().name, "nobody");
    assert_eq!(check(&unknown, Security::Lenient).unwrap_err().to_string(), "there is no user no-such-user");
}

#[test]
fn what_root_runs_only_root_may_write() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let directory = Directory::new("security");
    std::fs::set_permissions(&directory.0, std::fs::Permissions::from_mode(0o755)).unwrap();
    let safe = directory.file("safe", "", 0o755);
    let open = directory.file("open", "", 0o757);
    let plain = directory.file("plain", "", 0o644);
    let link = directory.0.join("link");
    std::os::unix::fs::symlink(&open, &link).unwrap();
    let enforced = |path: &str| check(&command(&[path]), Security::Enforced);
    let of_nobody = |path: &str| {
        let mut command = command(&[path]);
        command.account = Account::named("nobody", None);
        check(&command, Security::Enforced)
    };
    assert_eq!(enforced(&safe), Ok(()));
    assert_eq!(enforced(&open), Err(Insecure::WritableByOthers(open.clone().into())));
    assert_eq!(check(&command(&[&open]), Security::Lenient), Ok(()));
    assert_eq!(of_nobody(&open), Ok(()), "it does not run as root");
    assert_eq!(enforced(link.to_str().unwrap()), Err(Insecure::WritableByOthers(open.into())));
    assert_eq!(enforced(&plain), Err(Insecure::NotExecutable(plain.into(), "root".into())));
    assert_eq!(enforced("true"), Ok(()));
    assert_eq!(enforced("no-such-command"), Err(Insecure::NotFound("no-such-command".into())));
    assert_eq!(enforced("/no/such/file"), Err(Insecure::NotFound("/no/such/file".into())));
    assert_eq!(enforced("/tmp"), Err(Insecure::NotAFile("/tmp".into())));
    // The directory: everybody may replace the script.
    std::fs::set_permissions(&directory.0, std::fs::Permissions::from_mode(0o777)).unwrap();
    assert_eq!(enforced(&safe), Err(Insecure::WritableByOthers(directory.0.clone())));
    std::fs::set_permissions(&directory.0, std::fs::Permissions::from_mode(0o700)).unwrap();
    let closed = of_nobody(&safe).unwrap_err().to_string();
    assert_eq!(closed, format!("not executable by nobody: {}", directory.0.display()));
}

#[test]
fn ten_thousand_runs_leave_nothing_behind() {
    let count = |path: &str| std::fs::read_dir(path).unwrap().count();
    let children = || {
        let mine = format!(" {} ", std::process::id());
        let stats = std::fs::read_dir("/proc").unwrap().flatten();
        let stats = stats.filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok());
        stats
            .filter(|stat| {
                stat.rsplit(')').next().is_some_and(|rest| rest.get(2..).is_some_and(|rest| rest.starts_with(&mine)))
            })
            .count()
    };
    on_runtime(async {
        let batch = async |runs: usize| {
            for _ in 0..runs / 20 {
                let mut runs = tokio::task::JoinSet::new();
                for _ in 0..20 {
                    runs.spawn(async { run(&command(&["/bin/true"]), LONG).await });
                }
                for outcome in runs.join_all().await {
                    assert!(outcome.is_success(), "{outcome:?}");
                }
            }
        };
        batch(500).await;
        let before = (count("/proc/self/fd"), bytes_held());
        batch(10_000).await;
        let after = (count("/proc/self/fd"), bytes_held());
        // Other tests of this program run meanwhile: some slack, far below one of anything for each run. Their memory would
        // be in what is resident; that of this thread is counted.
        assert!(after.0 <= before.0 + 50, "descriptors: {before:?} {after:?}");
        assert!(after.1 <= before.1 + 10_000, "memory in bytes: {before:?} {after:?}");
        assert!(children() < 50, "processes");
    });
}

#[test]
fn nobody_is_looked_up_where_no_script_runs() {
    let global = locum_config::check("", b"", &locum_config::Surroundings::default()).model().global.clone();
    let (before, after) = (Customs::of(&global), Customs::of(&global));
    assert_eq!(before, after);
    assert!(before.account.get().is_none() && after.account.get().is_none());
    // What one of them knows by now is compared with what the other would.
    let _ = Command::new(&Script { words: vec!["true".into()], user: None, group: None }, &before);
    assert!(before.account.get().is_some());
    assert_eq!(before, after);
    let other = Customs { account: Err(AccountError::NoUser("nobody".into())).into(), ..after.clone() };
    assert_ne!(before, other);
}
