//! An edited file is put in the place of the one that was read, or that one stays.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use locum_config::edit::{BlockName, Edit, EditError, Origin, WriteError};
use locum_config::{Configuration, Surroundings, check};

fn set(instance: &str, keyword: &str, values: &[&str]) -> Edit {
    let values = values.iter().map(|value| (*value).to_owned()).collect();
    Edit::Set { block: BlockName::instance(instance), keyword: keyword.into(), values }
}

fn unset(instance: &str, keyword: &str) -> Edit {
    Edit::Unset { block: BlockName::instance(instance), keyword: keyword.into() }
}

const FILE: &str = "vrrp_instance V {   # first\n\
    \tstate BACKUP\n\
    \x20   interface eth0 ! lan\n\
    \x20   virtual_router_id 45\n\
    \x20   priority   100 # of 100\n\
    \x20   virtual_ipaddress {\n\
    \t172.20.45.248\n\
    \x20   }\n\
    }\n";

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("locum-edit-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn load(path: &Path) -> Configuration {
    locum_config::load(path, &Surroundings::default()).unwrap()
}

#[test]
fn a_file_is_replaced_behind_its_links_with_its_mode() {
    let folder = Folder::new("replace");
    let real = folder.file("real.conf", FILE);
    fs::set_permissions(&real, Permissions::from_mode(0o640)).unwrap();
    let link = folder.0.join("link.conf");
    std::os::unix::fs::symlink("real.conf", &link).unwrap();
    let edited = load(&link).edit(&[set("V", "priority", &["120"])], &Surroundings::default()).unwrap();
    edited.write().unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(&real).unwrap(), FILE.replace("  100 #", "  120 #"));
    assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o7777, 0o640);
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 2, "nothing is left behind");
}

#[test]
fn a_file_that_changed_meanwhile_is_left_alone() {
    let folder = Folder::new("changed");
    let path = folder.file("a.conf", FILE);
    let edited = load(&path).edit(&[set("V", "priority", &["120"])], &Surroundings::default()).unwrap();
    fs::write(&path, FILE.replace("eth0 ", "eth1 ")).unwrap();
    assert!(matches!(edited.write(), Err(WriteError::Changed(_))));
    assert_eq!(fs::read_to_string(&path).unwrap(), FILE.replace("eth0 ", "eth1 "));
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 1);
    assert!(matches!(
        check("a", FILE.as_bytes(), &Surroundings::default())
            .edit(&[unset("V", "state")], &Surroundings::default())
            .unwrap()
            .write(),
        Err(WriteError::NoFile)
    ));
}

#[test]
fn included_files_are_read_on_and_not_edited() {
    let folder = Folder::new("include");
    folder.file("more.conf", &FILE.replace("instance V", "instance X").replace(" 45", " 46").replace("248", "247"));
    let main = folder.file("a.conf", &format!("{FILE}include more.conf\n"));
    let configuration = load(&main);
    let around = Surroundings::default();
    let edits = [set("V", "priority", &["12345"])];
    assert!(matches!(configuration.edit(&edits, &around), Err(EditError::Invalid(_))));
    let edited = configuration.edit(&[set("V", "nopreempt", &[]), unset("V", "state")], &around).unwrap();
    assert_eq!(edited.configuration().model().instance("X"), configuration.model().instance("X"));
    edited.write().unwrap();
    assert_eq!(load(&main).model(), edited.configuration().model());
    let Err(EditError::Elsewhere { place, origin: Origin::Include, .. }) =
        configuration.edit(&[set("X", "priority", &["9"])], &around)
    else {
        panic!()
    };
    assert!(place.ends_with("more.conf:5:5"), "{place}");
}
