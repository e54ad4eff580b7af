//! The kinds of diagnostics. A code, once given out, keeps its meaning.

use super::Severity;

/// A kind of diagnostic.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// `E…` error, `W…` warning, `L…` lint, and a number.
    pub id: &'static str,
    /// A paragraph for `locum explain`; empty without the feature of that name.
    pub explanation: &'static str,
}

impl Code {
    /// The severity of all diagnostics of this kind.
    #[must_use]
    pub fn severity(&self) -> Severity {
        match self.id.as_bytes().first() {
            Some(b'E') => Severity::Error,
            Some(b'W') => Severity::Warning,
            _ => Severity::Lint,
        }
    }

    /// The code of this id, in either case.
    #[must_use]
    pub fn find(id: &str) -> Option<&'static Self> {
        CODES.iter().find(|code| code.id.eq_ignore_ascii_case(id)).copied()
    }
}

macro_rules! codes {
    ($($name:ident = $id:literal, $explanation:literal;)*) => {
        $(pub(crate) static $name: Code =
            Code { id: $id, explanation: if cfg!(feature = "explain") { $explanation } else { "" } };)*

        /// All codes.
        pub static CODES: &[&Code] = &[$(&$name),*];
    };
}

codes! {
E001_UNCLOSED = "E001", "A block is opened with `{` and never closed. Everything after it would belong to the wrong block, so the file cannot be told apart: the service does not start with it, and a reload keeps the old configuration. The message points at the block that most likely lacks its `}`: the one in which a keyword stands that only makes sense outside it.";
E002_EXTRA_CLOSE = "E002", "A `}` closes nothing. Either it is one too many, or a `{` before it is missing. The file cannot be told apart: the service does not start with it, and a reload keeps the old configuration.";
E003_STRAY_OPEN = "E003", "A `{` does not follow a keyword that opens a block. It must stand at the end of the keyword's line or alone on the next. The file cannot be told apart: the service does not start with it.";
E004_NUL = "E004", "The file holds NUL bytes, which no text has. Most often the power failed while it was written, and the file system filled the hole with zeros. What stood there is lost, so the service does not start with it: restore the file from a backup or from another router.";
E005_BOUND = "E005", "The configuration goes beyond a bound: size of all files, length of a line, depth of blocks or includes, number of files, or size after definitions and sequences are put in place. The bounds are far above what real configurations need; the message names the one that was met. The service does not start with it.";
E006_QUOTE = "E006", "A double quote is not closed on its line. Quoted strings cannot go over several lines.";
E007_NOT_UTF8 = "E007", "A word holds bytes that are not UTF-8, so that what it means depends on who reads it. Save the file as UTF-8.";
E008_INCLUDE = "E008", "A file named by an `include` line cannot be read, includes itself, or is missing where `include_check` or the variant of `include` demands it. What it would have said is unknown.";
E009_SUBSTITUTION = "E009", "A `~SEQ`, `~LST` or `$NAME=` line does not follow the syntax of keepalived.conf(5), or its replacement does not end.";
E010_UNKNOWN = "E010", "A line starts with a word that no part of keepalived.conf(5) knows. Most often it is misspelt. What was meant cannot be told, so the instance in which it stands is held in FAULT rather than run without it.";
E011_MISPLACED = "E011", "A keyword stands in a block where it means nothing; it belongs into another.";
E012_MISSING_VALUE = "E012", "A keyword needs a value, and the line ends before it.";
E013_BLOCK = "E013", "A keyword that needs a block `{ … }` has none, or one that takes none has one.";
E014_NOT_A_NUMBER = "E014", "A number is expected: digits, with a decimal point only where the unit allows it. Keyword and value are separated by a blank, not by `=`.";
E015_RANGE = "E015", "A number is outside the range that the keyword allows.";
E016_UNKNOWN_WORD = "E016", "One of a few words is expected here, and this is none of them.";
E017_NOT_AN_ADDRESS = "E017", "An IPv4 or IPv6 address is expected, with a prefix length where the keyword allows one.";
E018_INTERFACE_NAME = "E018", "An interface name has 1 to 15 bytes without `/`, `:` and blanks (Linux, IFNAMSIZ).";
E019_DUPLICATE_NAME = "E019", "Two blocks of the same kind have the same name, so that it cannot be told which one is meant.";
E020_NO_INTERFACE = "E020", "A vrrp_instance needs an interface to send and receive adverts on. Only a unicast instance can do without; then each VIP needs a `dev`, or global_defs a default_interface.";
E021_NO_VRID = "E021", "A vrrp_instance needs a virtual_router_id, by which the routers of a group know each other.";
E022_DUPLICATE_VRID = "E022", "Two instances use the same VRID and address family on one interface, so that they would take each other's adverts for their own. They may share a VRID when their unicast peers or multicast groups differ.";
E023_STRICT_UNICAST = "E023", "vrrp_strict or strict_mode holds an instance to the RFC, which knows no unicast peers. The two contradict each other. keepalived refuses the instance as well.";
E024_FAMILIES = "E024", "Addresses of one virtual router must be of one family: its VIPs, its source address and its peers. IPv6 VIPs of an IPv4 instance go into virtual_ipaddress_excluded or, better, into an instance of their own.";
E025_UNDEFINED = "E025", "A name refers to a block that does not exist. keepalived drops the reference, and with it the check that somebody wanted; locum holds the instance in FAULT instead.";
E026_NO_VIP_V3 = "E026", "A VRRPv3 advert lists at least one address (RFC 9568 section 5.2.5). Where the VIP is managed elsewhere, `no_virtual_ipaddress` says so.";
E027_UNSUPPORTED = "E027", "The instance cannot work without something that locum does not support, so it is held in FAULT.";
E028_BROKEN_TRACKER = "E028", "The instance follows a block that has an error itself. Running without the check would be a guess.";
E029_OWN_ADDRESS = "E029", "The unicast peers of an instance include its own source address, and no other. It would send its adverts to itself.";
E030_TOO_MANY_VIPS = "E030", "An advert counts its addresses in one byte, so it lists 255 at most (RFC 9568 section 5.2.5). More VIPs go into virtual_ipaddress_excluded, or into a second instance.";
E031_ROUTE = "E031", "A route or policy rule cannot be made as it stands: it lacks something without which the kernel refuses it, or two of its words contradict each other.";
E033_IPVLAN = "E033", "An ipvlan interface cannot be made as the line stands: for IPv4 it needs an address, which is no VIP, and an interface carries macvlans or ipvlans, not both.";
E034_NAME = "E034", "The name of a network namespace (net_namespace) or of the service (instance) becomes a part of file names, so it has 1 to 64 bytes and no `/`. What the service keeps over a restart stands below such a name, so it does not start with another one.";
E035_LEFT_OUT = "E035", "The file is in OpenWrt's UCI format, and this locum was built without reading that, to save flash. The service does not start with it. `locum --version` says what was left out.";
W001_OUTSIDE = "W001", "keepalived knows this keyword, locum does not act on it and is not meant to. The message says what happens instead.";
W003_LVS = "W003", "keepalived is two programs in one: VRRP, and a load balancer on the kernel's IPVS. locum is VRRP only. The block is passed over; where it is needed, run keepalived with that part of the configuration beside locum.";
W004_NO_SUCH_INTERFACE = "W004", "The interface does not exist now. The instance waits in FAULT until it does.";
W005_NOPREEMPT_MASTER = "W005", "`nopreempt` leaves a master alone that is already there. With `state MASTER` the router would take over first and ask later, so the two contradict each other. keepalived then drops nopreempt; locum keeps it and starts the instance as BACKUP, which is what the word was written for.";
W006_LONG_PASSWORD = "W006", "A VRRPv2 advert has room for eight characters of password. What is longer is cut off when it is sent, on all routers alike, so two passwords that differ only after the eighth character are the same.";
W007_FRACTIONAL_V2 = "W007", "A VRRPv2 advert carries its interval in whole seconds. A fraction is rounded; routers that round differently discard each other's adverts. `version 3` carries hundredths.";
W008_SHARED_VIP = "W008", "The same address stands in two instances. While one of them is MASTER and the other not, the other's leaving takes the address away from the first, and two routers can answer on it.";
W009_NO_VIP = "W009", "The instance has no VIP: it elects a master of nothing. Where the address is managed elsewhere, `no_virtual_ipaddress` says so.";
W010_EXTRA = "W010", "The line has more words than the keyword takes. They are ignored; perhaps a quote is missing, or a line end.";
W011_REPEATED = "W011", "A keyword stands twice where one value is wanted. The message says which one counts.";
W012_UNICAST_WITHOUT_PEER = "W012", "A unicast setting stands in an instance without peers. As in keepalived, the instance then uses multicast, which is probably not what was meant.";
W013_PEER_IS_SELF = "W013", "A unicast peer is this router's own source address. On a file shared between routers this is a left-over; the router would send adverts to itself, so the line is ignored.";
W014_SCRIPT = "W014", "A script cannot be run: the file is missing, is not a file, or is not executable. A tracking script then counts as failed; a notify script is silently missed.";
W015_COMMENT_NOT_UTF8 = "W015", "A comment holds bytes that are not UTF-8, most often from an editor set to Latin-1. It does no harm to the service, but edits from the console are refused until the file is UTF-8.";
W016_PREEMPT_DELAY = "W016", "preempt_delay has no effect together with nopreempt, and none with `state MASTER` at the start.";
W017_DUPLICATE_ENTRY = "W017", "The same entry stands twice in one list.";
W018_VIP_IS_ROUTER = "W018", "A VIP is also the address of one of the routers. That is meant only when the router owns the address, with priority 255 (RFC 9568 section 6.1).";
W019_SCRIPT_USER = "W019", "After an unquoted command, the second word is the user that it runs as, the third the group. Arguments of the command must stand in quotes together with it: `notify_master \"/path/script master\"`.";
W020_GLUED_COMMENT = "W020", "`#` and `!` start a comment anywhere, also directly after a word, so a password with one of them ends there. If the same file is on all routers, nobody notices. Quote the password, or write `\\#` or `\\!`.";
W021_AUTHENTICATION = "W021", "Authentication is incomplete, or the version does not have it: VRRPv3 removed it (RFC 9568 section 9).";
W022_OWNER = "W022", "Priority 255 means that the router owns the addresses. It starts as MASTER, takes over at once and ignores weights, so settings about preemption or tracking have no effect.";
W023_WEIGHT = "W023", "The weight of a tracker cannot do what it is for.";
W024_WRITABLE_SCRIPT = "W024", "A script that runs as root can be changed by others than root: whoever may write it is root on this router.";
W025_GROUP = "W025", "A sync group is of no use as it stands: it has fewer than two members, or an instance is in two groups.";
W026_UNDEFINED_PARAMETER = "W026", "`$NAME` or `${NAME}` is not defined before this line, so it stays as it is written. If it is meant literally, this can be ignored.";
W027_CONDITION = "W027", "A line starts with `@` and holds nothing after the condition, so it says nothing.";
W028_EXCLUDED_ONLY = "W028", "All VIPs are excluded from adverts, so adverts list none.";
W029_INCLUDE_NOT_READ = "W029", "The text was checked on its own, without the files that it includes. What they say is not part of the verdict; check the file itself to have them read.";
W030_NO_GARP = "W030", "Gratuitous ARP tells switches and hosts where the VIP now is. Without a single packet they would go on sending to the old master until their entries expire, for some for hours; so at least one is sent, as in keepalived.";
W031_STRICT = "W031", "Strict mode holds an instance to the RFC and overrides what contradicts it, as in keepalived: authentication is ignored, `state MASTER` needs priority 255, preempt_delay and repeated gratuitous ARP on a lower priority are off. It also means that a master which does not own the VIPs drops packets to them, so that they cannot be pinged. Tutorials often carry vrrp_strict along without need.";
W032_NO_PREFERENCE = "W032", "A policy rule without `preference` gets a number from 16384 downwards, in the order of reading, as in keepalived. Where it ends up among the other rules then depends on how many there are before it in the file, which is rarely what is meant.";
W033_VIRTUAL_MAC = "W033", "The settings of a virtual MAC address do not go together; the message says what holds instead.";
W035_MAIL = "W035", "The settings of mail do not go together: somebody asked for mail that cannot be sent, or a login that is half there or not protected.";
W036_FIFO = "W036", "A script is there to read a FIFO, and no FIFO is named. Nothing is written, so the script is never run.";
W034_MORE = "W034", "There are more diagnostics than are kept. Put the first ones right and check again.";
W037_VIP_IS_THERE = "W037", "A VIP stands on an interface of this machine, and VRRP has not put it there: the interface is configured with it, or somebody added it by hand. The router has it in every state, so that two routers answer on it, and losing the role of MASTER does not take it away. Only the owner of an address, with priority 255, has it by itself (RFC 9568 section 6.1). Addresses that locum or keepalived have put there are told by the mark that they leave on them (IFA_PROTO), where the kernel keeps one (Linux 5.18); before that by locum's journal. While a keepalived runs that leaves no mark, nothing is said.";
W038_NO_NAMESPACE = "W038", "There is no network namespace of the name that net_namespace gives on this machine (`ip netns list`), so that interfaces and addresses are not looked at. The service does not start until there is one. It may be made before the service starts, or the file may be meant for another machine.";
L001_CASE = "L001", "The word is written in another case than the manual has it. locum takes it as meant; keepalived does not know it and uses its default.";
L002_NO_EFFECT = "L002", "The keyword is accepted and has no effect here, and none is needed. The message says why.";
L003_RENAMED = "L003", "An old spelling. It is read as the new one.";
L004_NO_PREFIX = "L004", "A VIP without prefix length is a /32 or /128: it answers, but adds no route to its subnet. Other VIPs of the instance have one, so it may be forgotten here.";
L005_FLAT_AUTHENTICATION = "L005", "auth_type and auth_pass stand directly in the instance. locum takes them as meant; keepalived does not know them there and runs without authentication. They belong into `authentication { … }`.";
L006_LABEL = "L006", "A label is best INTERFACE:TEXT. Tools like ifconfig only show labels that start with the interface's name.";
L007_INTERVAL = "L007", "The interval is finer than adverts carry: hundredths of a second (RFC 9568 section 5.2.7).";
L008_EQUAL_TIMEOUT = "L008", "The script may run longer than the interval between two runs, so runs are left out.";
L009_OWNER_STATE = "L009", "Priority 255 means that the router owns the addresses and starts as MASTER (RFC 9568 section 6.4.1), whatever `state` says.";
L010_LINK_LOCAL_FIRST = "L010", "The first address of an IPv6 virtual router is its link-local address (RFC 9568 section 5.2.9): hosts use it as their default router. Without one, router advertisements of the master cannot name the virtual router.";
L011_GLUED_COMMENT = "L011", "`#` and `!` start a comment anywhere, also directly after a word. If the sign belongs to the value, quote the value or write `\\#` or `\\!`.";
L013_UNEQUAL_MEMBERS = "L013", "Members of a sync group change state together. When their priorities or their preemption differ, one of them may win the election where another loses it, and the group goes back and forth. Give all members of a group the same on each router.";
L012_BYTE_ORDER_MARK = "L012", "The file starts with a byte order mark (U+FEFF), which some editors on Windows write. locum passes over it; keepalived takes it for a part of the first word and ignores the first block.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_there_once_and_explained() {
        for (at, code) in CODES.iter().enumerate() {
            assert!(CODES.iter().skip(at + 1).all(|other| other.id != code.id), "{} twice", code.id);
            assert!(code.explanation.len() > 30 && code.explanation.ends_with('.'), "{}", code.id);
            assert_eq!(Code::find(&code.id.to_lowercase()), Some(*code));
        }
    }
}
