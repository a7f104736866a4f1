//! The counters in Prometheus's text format, version 0.0.4.

use std::fmt::Write;

use super::histogram::BOUNDS_US;
use super::{Histogram, Metrics};

impl Metrics {
    /// What `/metrics` answers; `saved_meaning` says in words what *saved* means on this cluster.
    pub fn text(&self, saved_meaning: &str) -> String {
        let mut text = String::with_capacity(4_096);
        let gauges = [
            ("rooms", "Documents open now.", self.rooms.value()),
            ("clients", "WebSocket clients connected now.", self.clients.value()),
            ("edits_waiting", "Edits on their way into the log now.", self.edits_waiting.value()),
        ];
        let counters = [
            ("away_total", "Documents closed because the cluster was away.", &self.away_total),
            ("clients_total", "WebSocket clients ever connected.", &self.clients_total),
            ("edits_received_total", "Edits received from WebSocket clients.", &self.edits_received_total),
            ("edits_heard_total", "Edits from elsewhere that were applied.", &self.edits_heard_total),
            ("received_bytes_total", "Bytes of messages from WebSocket clients.", &self.received_bytes_total),
            ("sent_bytes_total", "Bytes of messages to WebSocket clients.", &self.sent_bytes_total),
            ("refused_total", "Clients closed for what they sent.", &self.refused_total),
            ("too_slow_total", "Clients closed because they read too slowly.", &self.too_slow_total),
            ("bad_messages_total", "Channel messages and log entries not applied.", &self.bad_messages_total),
            ("rebuilt_total", "Documents rebuilt after damage.", &self.rebuilt_total),
            ("snapshots_total", "Snapshots written.", &self.snapshots_total),
            ("snapshot_failures_total", "Snapshots not written.", &self.snapshot_failures_total),
        ];
        let histograms = [
            ("seen_seconds", "From publishing an edit to hearing it on its channel.", &self.seen),
            ("saved_seconds", "From publishing an edit to knowing it is saved.", &self.saved),
            ("snapshot_stall_seconds", "Edits waiting for a snapshot's encoding.", &self.snapshot_stall),
        ];
        for (name, help, value) in gauges {
            head(&mut text, name, help, "gauge");
            let _ = writeln!(text, "rustidocs_{name} {value}");
        }
        for (name, help, counter) in counters {
            head(&mut text, name, help, "counter");
            let _ = writeln!(text, "rustidocs_{name} {}", counter.value());
        }
        for (name, help, histogram) in histograms {
            head(&mut text, name, help, "histogram");
            buckets(&mut text, name, histogram);
        }
        head(&mut text, "saved_info", "What saved means on this cluster.", "gauge");
        let meaning = saved_meaning.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', " ");
        let _ = writeln!(text, "rustidocs_saved_info{{meaning=\"{meaning}\"}} 1");
        text
    }
}

fn head(text: &mut String, name: &str, help: &str, kind: &str) {
    let _ = writeln!(text, "# HELP rustidocs_{name} {help}\n# TYPE rustidocs_{name} {kind}");
}

fn buckets(text: &mut String, name: &str, histogram: &Histogram) {
    let (cumulative, count, sum_us) = histogram.totals();
    for (bound_us, count) in BOUNDS_US.iter().zip(cumulative) {
        let _ = writeln!(text, "rustidocs_{name}_bucket{{le=\"{}\"}} {count}", seconds(*bound_us));
    }
    let _ = writeln!(text, "rustidocs_{name}_bucket{{le=\"+Inf\"}} {count}");
    let _ = writeln!(text, "rustidocs_{name}_sum {}", seconds(sum_us));
    let _ = writeln!(text, "rustidocs_{name}_count {count}");
}

fn seconds(us: u64) -> f64 {
    us as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::rt::time::Duration;

    #[test]
    fn every_series_has_its_help_and_type() {
        let metrics = Metrics::default();
        metrics.seen.observe(Duration::from_micros(700));
        let text = metrics.text("on \"disk\"");
        for line in [
            "rustidocs_seen_seconds_bucket{le=\"0.0005\"} 0",
            "rustidocs_seen_seconds_bucket{le=\"0.001\"} 1",
            "rustidocs_seen_seconds_count 1",
            "rustidocs_saved_info{meaning=\"on \\\"disk\\\"\"} 1",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} in\n{text}");
        }
        let types = text.lines().filter(|l| l.starts_with("# TYPE")).count();
        assert_eq!(types, text.lines().filter(|l| l.starts_with("# HELP")).count());
    }
}
