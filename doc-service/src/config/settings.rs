//! The configuration as understood: every value has its type and lies within its bounds.

use std::net::SocketAddr;

use shared::client::ClientConfig;
use shared::client::config::BadUrl;
use shared::rt::time::Duration;

use super::Flags;

/// What the service runs with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where HTTP and WebSocket are served; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// Where the cluster is and as whom to enter it.
    pub cluster: ClientConfig,
    /// How long after a change a document is saved as a snapshot, 10 ms to 1 h.
    pub save_every: Duration,
    /// How long a document without clients and news stays open, 10 ms to 24 h.
    pub idle_after: Duration,
    /// Rules of the log, as `tracing` understands them.
    pub log: String,
}

/// A value that cannot be meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} {value}: {why}")]
pub struct BadSettings {
    name: &'static str,
    value: String,
    why: String,
}

const SAVE_EVERY: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(3_600));
const IDLE_AFTER: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(86_400));

impl Settings {
    /// Understands what was typed; `environment_password` stands in for `--password`.
    pub fn new(flags: Flags, environment_password: Option<String>) -> Result<Settings, BadSettings> {
        let listen = flags.listen.parse().map_err(|_| BadSettings {
            name: "--listen",
            value: flags.listen.clone(),
            why: "an address is IP:PORT, such as 127.0.0.1:8080".into(),
        })?;
        let mut cluster = cluster(&flags.cluster)?;
        cluster.username = flags.username.or(cluster.username);
        cluster.password = flags.password.or(environment_password).or(cluster.password);
        Ok(Settings {
            listen,
            cluster,
            save_every: duration("--save-every", &flags.save_every, SAVE_EVERY)?,
            idle_after: duration("--idle-after", &flags.idle_after, IDLE_AFTER)?,
            log: flags.log,
        })
    }
}

/// Several addresses make one: nodes of the same cluster. The first that names a user or a password names it for all.
fn cluster(urls: &[String]) -> Result<ClientConfig, BadSettings> {
    let mut cluster: Option<ClientConfig> = None;
    for url in urls {
        // The URL is not repeated in the error: it may hold a password.
        let one: ClientConfig = url.parse().map_err(|bad: BadUrl| BadSettings {
            name: "--cluster",
            value: String::new(),
            why: bad.to_string(),
        })?;
        match &mut cluster {
            None => cluster = Some(one),
            Some(cluster) => {
                cluster.seeds.extend(one.seeds);
                cluster.username = cluster.username.take().or(one.username);
                cluster.password = cluster.password.take().or(one.password);
            }
        }
    }
    Ok(cluster.unwrap_or_else(|| ClientConfig::new(Vec::new())))
}

fn duration(
    name: &'static str,
    text: &str,
    (least, most): (Duration, Duration),
) -> Result<Duration, BadSettings> {
    let bad = |why: &str| BadSettings { name, value: text.to_owned(), why: why.to_owned() };
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| bad("a time is a number and a unit, such as 3s"))?;
    let ms = match unit {
        "ms" => Some(number),
        "s" => number.checked_mul(1_000),
        "m" => number.checked_mul(60_000),
        "h" => number.checked_mul(3_600_000),
        _ => return Err(bad("the unit of a time is ms, s, m or h")),
    };
    ms.map(Duration::from_millis)
        .filter(|time| (least..=most).contains(time))
        .ok_or(bad("the time is out of bounds"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(line: &str) -> Result<Settings, BadSettings> {
        Settings::new(Flags::parse(line.split_whitespace().map(str::to_owned)).unwrap(), None)
    }

    #[test]
    fn several_urls_are_one_cluster() {
        let settings =
            settings("--cluster redis://ana:w%3Ard@10.0.0.1:7001 --cluster redis://db/ --save-every 250ms")
                .unwrap();
        let seeds: Vec<String> = settings.cluster.seeds.iter().map(ToString::to_string).collect();
        assert_eq!(seeds, ["10.0.0.1:7001", "db:6379"]);
        assert_eq!(settings.cluster.username.as_deref(), Some("ana"));
        assert_eq!(settings.cluster.password.as_deref(), Some("w:rd"));
        assert_eq!(settings.save_every, Duration::from_millis(250));
    }

    #[test]
    fn what_was_typed_beats_the_environment_and_the_url() {
        let flags = |line: &str| Flags::parse(line.split_whitespace().map(str::to_owned)).unwrap();
        let from =
            |line| Settings::new(flags(line), Some("environment".into())).unwrap().cluster.password.unwrap();
        assert_eq!(from("--cluster redis://:url@a:1 --password typed"), "typed");
        assert_eq!(from("--cluster redis://:url@a:1"), "environment");
    }

    #[test]
    fn values_that_cannot_be_meant_are_refused_without_showing_a_password() {
        for bad in [
            "--listen 8080",
            "--cluster http://a:1",
            "--cluster redis://",
            "--cluster redis://a:x",
            "--save-every 3",
            "--save-every s",
            "--save-every 0ms",
            "--save-every 99999999999999999h",
            "--idle-after 25h",
        ] {
            assert!(settings(bad).is_err(), "{bad}");
        }
        assert!(!settings("--cluster redis://ana:secret@a:x").unwrap_err().to_string().contains("secret"));
    }
}
