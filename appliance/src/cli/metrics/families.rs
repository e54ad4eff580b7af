//! Which numbers there are. Their names are relied on by dashboards and alerts: they stay.

use locum_control::{
    ChangeStanding, InstanceStatus, InterfaceStatus, Reject, SenderStatus, ServiceStatus, State, TrackReading,
    TrackStatus, word,
};

use super::Snapshot;
use super::text::{Dialect, Kind, Labels, Number, Text};

const STATES: [State; 4] = [State::Init, State::Fault, State::Backup, State::Master];

/// All of them.
pub(super) fn render(snapshot: &Snapshot, dialect: Dialect) -> String {
    let mut text = Text::new(dialect);
    if let Some(service) = &snapshot.service {
        of_service(&mut text, service);
    }
    of_interfaces(&mut text, &snapshot.interfaces);
    let instances = Instances { text: &mut text, instances: &snapshot.instances };
    of_instances(instances);
    of_senders(&mut text, &snapshot.instances);
    of_trackers(&mut text, &snapshot.instances);
    text.finish()
}

fn of_service(text: &mut Text, service: &ServiceStatus) {
    let version = vec![("version", service.version.clone())];
    text.family(Kind::Info, "locum_build", "The version of the service.", [(version, Number::Count(1))]);
    let mut one = |kind, name, help, number: Number| text.family(kind, name, help, [(Vec::new(), number)]);
    let gauge = Kind::Gauge;
    one(gauge, "locum_uptime_seconds", "Since the service started.", Number::Micros(service.uptime_us));
    one(gauge, "locum_instances", "VRRP instances.", service.instances.into());
    let errors = service.configuration_errors.into();
    one(gauge, "locum_configuration_errors", "Errors in the configuration that runs.", errors);
    let warnings = service.configuration_warnings.into();
    one(gauge, "locum_configuration_warnings", "Warnings about the configuration that runs.", warnings);
    let revision = service.revision.into();
    one(gauge, "locum_configuration_revision", "Counts the changes of the configuration that runs.", revision);
    let unsaved = service.unsaved_changes.into();
    one(gauge, "locum_configuration_unsaved_changes", "Changes that run and are not in the file.", unsaved);
    let on_trial = service.on_trial.is_some().into();
    one(gauge, "locum_configuration_on_trial", "1 while a change waits to be confirmed.", on_trial);
    let standing = service.on_trial.as_ref().map(|change| change.standing);
    if let Some(ChangeStanding::OnTrial { until_unix_ms }) = standing {
        let name = "locum_configuration_trial_ends_timestamp_seconds";
        one(gauge, name, "When the change on trial is taken back.", Number::Millis(until_unix_ms));
    }
    let clients = service.clients.into();
    one(gauge, "locum_control_clients", "Connections to the control socket.", clients);
    let journal = service.journal_entries.into();
    one(gauge, "locum_journal_entries", "What a start after a crash would look for and remove.", journal);
    let counter = Kind::Counter;
    let missed = service.notices_missed.into();
    one(counter, "locum_control_notices_missed", "Events that clients of the socket were too slow for.", missed);
    let lost = service.reports_lost.into();
    one(counter, "locum_engine_reports_lost", "Reports of the engine that found its queue full.", lost);
    if let Some(mail) = &service.mail {
        one(gauge, "locum_mail_waiting", "Mails that wait for the relay.", Number::Count(mail.waiting.into()));
        one(counter, "locum_mail_refused", "Mails that the relay refused.", Number::Count(mail.refused));
        one(counter, "locum_mail_lost", "Mails given up without an answer of the relay.", Number::Count(mail.lost));
    }
    let max = Number::Micros(service.lateness.max_us);
    one(gauge, "locum_engine_lateness_max_seconds", "The largest lateness of the engine so far.", max);
    let help = "How late the engine woke for each of its deadlines.";
    text.histogram("locum_engine_lateness_seconds", help, &service.lateness);
    let lost = service.fifos.iter().map(|fifo| (vec![("path", fifo.path.clone())], Number::Count(fifo.lost)));
    text.family(counter, "locum_fifo_lines_lost", "Lines that found no reader of a notification FIFO.", lost);
}

fn of_interfaces(text: &mut Text, interfaces: &[InterfaceStatus]) {
    let name = |interface: &InterfaceStatus| vec![("interface", interface.name.clone())];
    let up = interfaces.iter().map(|interface| (name(interface), interface.up.into()));
    text.family(Kind::Gauge, "locum_interface_up", "Whether the interface is there, set up and has carrier.", up);
    let foreign = interfaces.iter().map(|interface| {
        let count = u64::try_from(interface.foreign.len()).unwrap_or(u64::MAX);
        (name(interface), count.into())
    });
    text.family(Kind::Gauge, "locum_interface_foreign_groups", "Groups heard on it that are not ours.", foreign);
    let rejected = interfaces.iter().flat_map(|interface| {
        Reject::ALL.into_iter().filter_map(move |reason| {
            let count = interface.rejected.get(&reason)?;
            Some((vec![("interface", interface.name.clone()), ("reason", word(&reason))], (*count).into()))
        })
    });
    let help = "Packets discarded before an instance was found for them.";
    text.family(Kind::Counter, "locum_interface_packets_discarded", help, rejected);
}

/// Where families of all instances are written.
struct Instances<'a> {
    text: &'a mut Text,
    instances: &'a [InstanceStatus],
}

impl Instances<'_> {
    /// One sample for each instance.
    fn each(&mut self, kind: Kind, name: &str, help: &str, number: fn(&InstanceStatus) -> Number) {
        let samples = self.instances.iter().map(|status| (labels(status, vec![]), number(status)));
        self.text.family(kind, name, help, samples);
    }

    /// Any number of samples for each instance.
    fn some(
        &mut self,
        kind: Kind,
        name: &str,
        help: &str,
        samples: fn(&InstanceStatus) -> Vec<(&'static str, String, Number)>,
    ) {
        let all = self.instances.iter().flat_map(|status| {
            let of_one = samples(status).into_iter();
            of_one.map(move |(label, value, number)| (labels(status, vec![(label, value)]), number))
        });
        self.text.family(kind, name, help, all);
    }
}

fn of_instances(mut of: Instances<'_>) {
    let (gauge, counter) = (Kind::Gauge, Kind::Counter);
    let infos = of.instances.iter().map(|status| {
        let more = vec![
            ("interface", status.interface.clone()),
            ("vrid", status.vrid.to_string()),
            ("family", word(&status.family)),
            ("version", status.version.to_string()),
            ("sync_group", status.group.clone().unwrap_or_default()),
        ];
        (labels(status, more), Number::Count(1))
    });
    of.text.family(Kind::Info, "locum_instance", "What the instance is.", infos);
    of.some(Kind::StateSet, "locum_instance_state", "1 for the state that it is in.", |status| {
        let is_in = status.state;
        STATES.iter().map(|state| ("locum_instance_state", state.to_string(), (*state == is_in).into())).collect()
    });
    of.each(gauge, "locum_instance_state_since_timestamp_seconds", "When it came to be in that state.", |status| {
        Number::Millis(status.since_unix_ms)
    });
    of.some(gauge, "locum_instance_blocked", "1 for each thing that keeps it in FAULT.", |status| {
        status.blocks.iter().map(|block| ("block", word(&block.block), Number::Count(1))).collect()
    });
    of.each(gauge, "locum_instance_priority", "The configured priority.", |status| {
        Number::Count(status.priority.into())
    });
    of.each(gauge, "locum_instance_effective_priority", "The priority that counts, after trackers.", |status| {
        Number::Count(status.effective_priority.into())
    });
    of.each(gauge, "locum_instance_advert_interval_seconds", "The configured advert interval.", |status| {
        Number::Micros(u64::from(status.advert_interval_cs) * 10_000)
    });
    of.each(gauge, "locum_instance_master_down_interval_seconds", "Silence after which a master is down.", |status| {
        Number::Micros(status.master_down_interval_us)
    });
    of.each(gauge, "locum_instance_addresses", "Its virtual addresses.", |status| {
        Number::Count(count(status.vips.iter()).saturating_add(status.vips_left_out.into()))
    });
    of.each(
        gauge,
        "locum_instance_addresses_installed",
        "Those that are on an interface, put there by it.",
        |status| {
            let listed = count(status.vips.iter().filter(|vip| vip.installed));
            // Those that are not installed are listed first, so that behind one that is there are only such.
            let left_out = if status.vips.last().is_some_and(|vip| vip.installed) { status.vips_left_out } else { 0 };
            Number::Count(listed.saturating_add(left_out.into()))
        },
    );
    of.each(gauge, "locum_instance_second_master", "1 while it is MASTER and hears another one.", |status| {
        status.second_master.is_some().into()
    });
    of.each(gauge, "locum_instance_standing_back", "1 while the operator has it stand back.", |status| {
        status.standing_back.is_some().into()
    });
    let ends = of.instances.iter().filter_map(|status| {
        let until_unix_ms = status.standing_back.as_ref()?.until_unix_ms?;
        Some((labels(status, vec![]), Number::Millis(until_unix_ms)))
    });
    let name = "locum_instance_standing_back_ends_timestamp_seconds";
    of.text.family(gauge, name, "When that ends by itself.", ends);
    of.each(counter, "locum_instance_adverts_sent", "Adverts sent, each peer counted.", |status| {
        status.counters.adverts_sent.into()
    });
    of.each(counter, "locum_instance_adverts_received", "Adverts accepted.", |status| {
        status.counters.adverts_received.into()
    });
    of.each(counter, "locum_instance_priority_zero_sent", "Adverts of priority 0 sent: it left.", |status| {
        status.counters.priority_zero_sent.into()
    });
    of.each(
        counter,
        "locum_instance_priority_zero_received",
        "Adverts of priority 0 accepted: a master left.",
        |status| status.counters.priority_zero_received.into(),
    );
    of.each(counter, "locum_instance_became_master", "How often it became MASTER.", |status| {
        status.counters.became_master.into()
    });
    of.each(
        counter,
        "locum_instance_announcements_sent",
        "Gratuitous ARPs and neighbour advertisements sent.",
        |status| status.counters.announcements_sent.into(),
    );
    of.each(counter, "locum_instance_put_back", "What others removed from the kernel and it put back.", |status| {
        status.counters.put_back.into()
    });
    of.each(
        counter,
        "locum_instance_notifications_skipped",
        "States that scripts were too slow to be told.",
        |status| status.notifications_skipped.into(),
    );
    of.some(counter, "locum_instance_transitions", "Changes of state, by the kind of their cause.", |status| {
        let counted = status.counters.transitions.iter();
        counted.map(|(cause, count)| ("cause", cause.clone(), (*count).into())).collect()
    });
    // All reasons, also those that did not occur: a counter that appears with its first event hides that event.
    of.some(counter, "locum_instance_packets_discarded", "Packets discarded, by reason.", |status| {
        let count = |reason| status.counters.rejected.get(&reason).copied().unwrap_or(0);
        Reject::ALL.iter().map(|reason| ("reason", word(reason), count(*reason).into())).collect()
    });
}

fn of_senders(text: &mut Text, instances: &[InstanceStatus]) {
    let mut each = |kind, name: &str, help: &str, number: fn(&SenderStatus) -> Number| {
        let samples = instances.iter().flat_map(|status| {
            let of_one = status.senders.iter();
            of_one.map(move |sender| (labels(status, vec![("sender", sender.address.to_string())]), number(sender)))
        });
        text.family(kind, name, help, samples);
    };
    each(Kind::Gauge, "locum_sender_priority", "The priority of its last advert.", |sender| {
        Number::Count(sender.priority.into())
    });
    each(Kind::Gauge, "locum_sender_longest_gap_seconds", "Its longest silence while it was master.", |sender| {
        Number::Micros(sender.longest_gap_us)
    });
    each(Kind::Counter, "locum_sender_adverts_received", "Its adverts that were accepted.", |sender| {
        sender.received.into()
    });
    each(Kind::Counter, "locum_sender_adverts_late", "Those that came over half an interval late.", |sender| {
        sender.late.into()
    });
    each(Kind::Counter, "locum_sender_adverts_missed", "Those that seem not to have come at all.", |sender| {
        sender.missed.into()
    });
    each(Kind::Counter, "locum_sender_packets_discarded", "Its packets that were discarded.", |sender| {
        sender.rejected.into()
    });
}

fn of_trackers(text: &mut Text, instances: &[InstanceStatus]) {
    let mut each = |kind, name: &str, help: &str, number: fn(&TrackStatus) -> Option<Number>| {
        let samples = instances.iter().flat_map(|status| {
            // One that is both the instance's own and its group's is told once.
            let is_first = |(place, track): &(usize, &TrackStatus)| {
                let before = status.trackers.iter().take(*place);
                !before.into_iter().any(|other| other.name == track.name && other.kind == track.kind)
            };
            status.trackers.iter().enumerate().filter(is_first).filter_map(move |(_, track)| {
                let more = vec![("tracker", track.name.clone()), ("kind", track.kind.clone())];
                Some((labels(status, more), number(track)?))
            })
        });
        text.family(kind, name, help, samples);
    };
    let gauge = Kind::Gauge;
    each(gauge, "locum_tracker_good", "1 if all is well, 0 if it failed; absent while not known.", |track| match track
        .reading
    {
        TrackReading::Good => Some(true.into()),
        TrackReading::Bad => Some(false.into()),
        TrackReading::Unknown | TrackReading::Value(_) => None,
    });
    each(gauge, "locum_tracker_value", "The number that a tracked file holds.", |track| match track.reading {
        TrackReading::Value(value) => Some(Number::Signed(value.into())),
        TrackReading::Unknown | TrackReading::Good | TrackReading::Bad => None,
    });
    each(gauge, "locum_tracker_priority_points", "What it adds to the priority.", |track| {
        Some(Number::Signed(track.adds.into()))
    });
    each(gauge, "locum_tracker_blocking", "1 while it keeps the instance in FAULT.", |track| Some(track.blocks.into()));
    each(gauge, "locum_tracker_last_run_duration_seconds", "How long the last run took.", |track| {
        track.last.as_ref().map(|last| Number::Micros(last.duration_us))
    });
    each(Kind::Counter, "locum_tracker_runs", "Runs of the script or the probe.", |track| Some(track.runs.into()));
    each(Kind::Counter, "locum_tracker_runs_skipped", "Runs left out because the one before still ran.", |track| {
        Some(track.skipped.into())
    });
}

/// The labels of a sample of an instance. Not `instance`, which is the name that Prometheus gives to what it scrapes.
fn labels(status: &InstanceStatus, more: Labels<'static>) -> Labels<'static> {
    let mut labels = vec![("vrrp_instance", status.name.clone())];
    labels.extend(more);
    labels
}

fn count(what: impl Iterator) -> u64 {
    u64::try_from(what.count()).unwrap_or(u64::MAX)
}
