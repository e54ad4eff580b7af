//! The text that Prometheus and its kin read. Two dialects of it: OpenMetrics 1.0
//! (<https://prometheus.io/docs/specs/om/open_metrics_spec/>), and the older one (text format 0.0.4), which is all that
//! node-exporter's textfile collector reads, and in which types that it does not know are an error.

use std::fmt::{self, Write};

use locum_control::Histogram;

/// Which dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// The text format 0.0.4.
    Prometheus,
}

/// What a family of samples is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It goes up and down.
    Gauge,
    /// It only goes up, from the start of the service. The name is without `_total`.
    Counter,
    /// It is always 1, and its labels say something. The name is without `_info`.
    Info,
    /// One sample for each state that there can be, of which those that hold are 1. The label of the state has the
    /// family's name.
    StateSet,
}

/// The value of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number {
    /// So many.
    Count(u64),
    /// The same, where it can be less than none.
    Signed(i64),
    /// Microseconds, told in seconds.
    Micros(u64),
    /// Milliseconds, told in seconds.
    Millis(u64),
}

impl From<bool> for Number {
    fn from(holds: bool) -> Self {
        Self::Count(holds.into())
    }
}

impl From<u32> for Number {
    fn from(count: u32) -> Self {
        Self::Count(count.into())
    }
}

impl From<u64> for Number {
    fn from(count: u64) -> Self {
        Self::Count(count)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Signed(value) => write!(f, "{value}"),
            Self::Micros(us) => write!(f, "{}.{:06}", us / 1_000_000, us % 1_000_000),
            Self::Millis(ms) => write!(f, "{}.{:03}", ms / 1_000, ms % 1_000),
        }
    }
}

/// Names and values of labels.
pub(super) type Labels<'a> = Vec<(&'a str, String)>;

/// The text as it grows.
#[derive(Debug)]
pub(super) struct Text {
    dialect: Dialect,
    text: String,
}

impl Text {
    pub(super) const fn new(dialect: Dialect) -> Self {
        Self { dialect, text: String::new() }
    }

    /// A family and its samples; nothing where there are none. A unit is what the name ends in.
    pub(super) fn family<'a>(
        &mut self,
        kind: Kind,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels<'a>, Number)>,
    ) {
        self.family_of(kind, name, help, &mut samples.into_iter());
    }

    /// The same, written once for all kinds of iterators.
    fn family_of(
        &mut self,
        kind: Kind,
        name: &str,
        help: &str,
        samples: &mut dyn Iterator<Item = (Labels<'_>, Number)>,
    ) {
        let mut samples = samples.peekable();
        if samples.peek().is_none() {
            return;
        }
        let suffix = match kind {
            Kind::Gauge | Kind::StateSet => "",
            Kind::Counter => "_total",
            Kind::Info => "_info",
        };
        let (family, word) = match (self.dialect, kind) {
            (_, Kind::Gauge) => (name.to_owned(), "gauge"),
            (Dialect::OpenMetrics, Kind::Counter) => (name.to_owned(), "counter"),
            (Dialect::Prometheus, Kind::Counter) => (format!("{name}{suffix}"), "counter"),
            (Dialect::OpenMetrics, Kind::Info) => (name.to_owned(), "info"),
            (Dialect::OpenMetrics, Kind::StateSet) => (name.to_owned(), "stateset"),
            (Dialect::Prometheus, Kind::Info | Kind::StateSet) => (format!("{name}{suffix}"), "gauge"),
        };
        self.head(&family, word, help);
        for (labels, number) in samples {
            self.sample(&format!("{name}{suffix}"), &labels, number);
        }
    }

    /// A histogram of durations.
    pub(super) fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) {
        self.head(name, "histogram", help);
        let bucket = format!("{name}_bucket");
        let mut seen = 0u64;
        for range in &histogram.buckets {
            seen = seen.saturating_add(range.count);
            // A number in a label is compared as text: canonical, without zeros at its end.
            let end = range.to_us.map_or("+Inf".to_owned(), canonical_seconds);
            self.sample(&bucket, &[("le", end)], seen.into());
        }
        if histogram.buckets.is_empty() {
            self.sample(&bucket, &[("le", "+Inf".to_owned())], Number::Count(0));
        }
        self.sample(&format!("{name}_count"), &[], seen.into());
        self.sample(&format!("{name}_sum"), &[], Number::Micros(histogram.sum_us));
    }

    /// All of it.
    pub(super) fn finish(mut self) -> String {
        if self.dialect == Dialect::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.text
    }

    fn head(&mut self, family: &str, word: &str, help: &str) {
        self.line(format_args!("# TYPE {family} {word}"));
        if self.dialect == Dialect::OpenMetrics && family.ends_with("_seconds") {
            self.line(format_args!("# UNIT {family} seconds"));
        }
        self.line(format_args!("# HELP {family} {help}"));
    }

    fn sample(&mut self, name: &str, labels: &[(&str, String)], number: Number) {
        let pairs: Vec<_> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        let labels = if pairs.is_empty() { String::new() } else { format!("{{{}}}", pairs.join(",")) };
        self.line(format_args!("{name}{labels} {number}"));
    }

    fn line(&mut self, line: fmt::Arguments<'_>) {
        let _ = writeln!(self.text, "{line}"); // a string takes whatever is written
    }
}

fn canonical_seconds(us: u64) -> String {
    let text = Number::Micros(us).to_string();
    let text = text.trim_end_matches('0');
    text.strip_suffix('.').map_or_else(|| text.to_owned(), |whole| format!("{whole}.0"))
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
