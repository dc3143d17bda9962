//! `fritzy projections`: the lag of projections, and what to do about poisoned events.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Subcommand;
use fritzy_kafka::KafkaBridgeConfig;
use fritzy_persistence::{CursorAdmin, CursorAdminError, ResetPosition, ShardLag};
use fritzy_types::ShardId;
use serde_json::{Value, json};

use super::adopt::{self, AdoptError};
use super::output::{fail, out};
use super::runtime::current_thread_runtime;
use crate::settings::Settings;

/// Exit code when a projection is stopped in some shard.
const STOPPED: u8 = 1;
/// Exit code when topics are not this database's to adopt.
const REFUSED: u8 = 1;
/// Exit code when the database cannot be used, or there is no such cursor.
const CANNOT: u8 = 2;

#[derive(Subcommand)]
pub(super) enum ProjectionsAction {
    /// Show the lag of each projection, and where it is stopped; exit code 0: nowhere, 1: in some
    /// shard, 2: the database cannot be read
    ///
    /// Needs no node, and may run next to one. Cursors are saved once a second, so a projection
    /// that keeps up can appear a second behind.
    Status {
        /// Name of the only projection to show
        name: Option<String>,
        /// Print one JSON object instead of lines
        #[arg(long)]
        json: bool,
    },
    /// Skip the event before which a projection is stopped; it continues after it within seconds
    Skip {
        /// Name of the projection
        name: String,
        /// Number of the shard
        #[arg(long, value_name = "SHARD")]
        shard: u16,
    },
    /// Move the cursors of a projection, which continues there within seconds: back to repeat
    /// events, forward to skip them
    Reset {
        /// Name of the projection
        name: String,
        /// Number of the only shard to move the cursor in
        #[arg(
            long,
            value_name = "SHARD",
            required_unless_present = "all",
            conflicts_with = "all"
        )]
        shard: Option<u16>,
        /// Move the cursors in all shards
        #[arg(long)]
        all: bool,
        /// start, now, or with --shard a position to continue after
        #[arg(long, value_name = "WHERE", value_parser = reset_position)]
        to: ResetPosition,
    },
    /// Give this database the topics that another copy of it has filled: after a restore, or when
    /// this copy takes the other one's place; exit code 0: done, 1: refused, 2: the database or
    /// Kafka cannot be used
    ///
    /// Begins a new generation, which consumers are told by a marker (docs/events.md). Events that
    /// may not be on the topics are published again. Nodes of this database start over; those of
    /// the other one stop publishing.
    Adopt {
        /// Name of the projection: kafka, the only one with topics
        #[arg(value_parser = [adopt::KAFKA])]
        name: String,
        /// Print one JSON object instead of a line
        #[arg(long)]
        json: bool,
    },
}

fn reset_position(text: &str) -> Result<ResetPosition, String> {
    match text {
        "start" => Ok(ResetPosition::Start),
        "now" => Ok(ResetPosition::Now),
        number => number
            .parse()
            .map(ResetPosition::Position)
            .map_err(|_| "neither start, now, nor a position".to_owned()),
    }
}

pub(super) fn run(action: ProjectionsAction, settings: &Settings) -> ExitCode {
    let runtime = match current_thread_runtime() {
        Ok(runtime) => runtime,
        Err(line) => return fail(&line, CANNOT),
    };
    let kafka = settings.kafka();
    if matches!(action, ProjectionsAction::Adopt { .. }) && kafka.is_none() {
        let reason = "no Kafka brokers: set KAFKA_BROKERS or --kafka-brokers host:port";
        return fail(reason, CANNOT);
    }
    let done = runtime.block_on(async {
        let mut admin = match &settings.database_url {
            Some(url) => CursorAdmin::open_postgres(url.secret()).await?,
            None => CursorAdmin::open_sqlite(&settings.database()).await?,
        };
        let done = act(action, &mut admin, kafka.as_ref()).await;
        admin.close().await;
        done
    });
    match done {
        Ok((text, code)) => {
            out(&text);
            ExitCode::from(code)
        }
        Err(failure @ (AdoptError::AnotherShop | AdoptError::Contended)) => {
            fail(&failure.to_string(), REFUSED)
        }
        Err(failure) => fail(&failure.to_string(), CANNOT),
    }
}

/// Returns the output and the exit code.
async fn act(
    action: ProjectionsAction,
    admin: &mut CursorAdmin,
    kafka: Option<&KafkaBridgeConfig>,
) -> Result<(String, u8), AdoptError> {
    match action {
        ProjectionsAction::Adopt { name: _, json } => {
            let config = kafka.expect("brokers are checked");
            let adopted = adopt::adopt(config, admin).await?;
            let text = match json {
                true => format!("{}\n", adopted.as_json()),
                false => adopted.as_text(),
            };
            Ok((text, 0))
        }
        ProjectionsAction::Status { name, json } => {
            let mut projections = admin.status().await?;
            if let Some(name) = name {
                projections.retain(|projection, _| *projection == name);
            }
            let stopped =
                |shards: &Vec<ShardLag>| shards.iter().any(|lag| lag.cursor.stopped.is_some());
            let code = if projections.values().any(stopped) {
                STOPPED
            } else {
                0
            };
            let text = if json {
                format!("{}\n", as_json(&projections))
            } else {
                as_text(&projections)
            };
            Ok((text, code))
        }
        ProjectionsAction::Skip { name, shard } => {
            let skipped = admin.skip(&name, ShardId(shard)).await?;
            Ok((
                format!("{name}: shard {shard}: skipped position {skipped}\n"),
                0,
            ))
        }
        ProjectionsAction::Reset {
            name,
            shard,
            all: _,
            to,
        } => {
            let shards = match shard {
                Some(shard) => vec![ShardId(shard)],
                None => {
                    let known = admin.status().await?.remove(&name).unwrap_or_default();
                    known.iter().map(|lag| lag.cursor.shard).collect()
                }
            };
            if shards.is_empty() {
                let shard = ShardId(0);
                let none = CursorAdminError::NoCursor {
                    projection: name,
                    shard,
                };
                return Err(none.into());
            }
            let mut positions = Vec::new();
            for shard in &shards {
                positions.push(admin.reset(&name, *shard, to).await?);
            }
            let text = match positions.as_slice() {
                [position] => format!(
                    "{name}: shard {}: continues after position {position}\n",
                    shards[0]
                ),
                many => format!("{name}: {} shards set\n", many.len()),
            };
            Ok((text, 0))
        }
    }
}

/// The number of events after the cursors, and the age of the oldest in seconds.
fn lag(shards: &[ShardLag]) -> (u64, f64) {
    let events = shards
        .iter()
        .map(|lag| lag.head.saturating_sub(lag.cursor.position));
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let oldest = shards.iter().filter_map(|lag| lag.oldest).min();
    let age = oldest.map_or(0.0, |oldest| {
        now.as_secs_f64() - oldest.as_micros() as f64 / 1e6
    });
    (events.sum(), age.max(0.0))
}

fn as_text(projections: &BTreeMap<String, Vec<ShardLag>>) -> String {
    if projections.is_empty() {
        return "no projection has run on this database\n".to_owned();
    }
    let mut text = String::new();
    for (name, shards) in projections {
        let (events, seconds) = lag(shards);
        text.push_str(&format!(
            "{name}: {events} events behind, the oldest {seconds:.1} s old; "
        ));
        let stopped: Vec<&ShardLag> = shards
            .iter()
            .filter(|lag| lag.cursor.stopped.is_some())
            .collect();
        if stopped.is_empty() {
            text.push_str("no shard is stopped\n");
            continue;
        }
        text.push_str(&format!(
            "stopped in {} of {} shards:\n",
            stopped.len(),
            shards.len()
        ));
        for lag in stopped {
            let (shard, position) = (lag.cursor.shard, lag.cursor.position + 1);
            let reason = lag.cursor.stopped.as_deref().unwrap_or_default();
            text.push_str(&format!(
                "  shard {shard} before position {position}: {reason} (to skip it: fritzy projections skip {name} --shard {shard})\n"
            ));
        }
    }
    text
}

fn as_json(projections: &BTreeMap<String, Vec<ShardLag>>) -> Value {
    let each = projections.iter().map(|(name, shards)| {
        let (events, seconds) = lag(shards);
        let stopped = shards.iter().filter_map(|lag| {
            let reason = lag.cursor.stopped.as_deref()?;
            let (shard, position) = (lag.cursor.shard.0, lag.cursor.position + 1);
            Some(json!({ "shard": shard, "position": position, "reason": reason }))
        });
        json!({
            "name": name,
            "shards": shards.len(),
            "lag_events": events,
            "lag_s": seconds,
            "stopped": stopped.collect::<Vec<_>>(),
        })
    });
    json!({ "projections": each.collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use fritzy_domain::Cursor;
    use fritzy_types::Timestamp;

    use super::*;

    fn projections() -> BTreeMap<String, Vec<ShardLag>> {
        let shard = |shard, position, stopped: Option<&str>| ShardLag {
            cursor: Cursor {
                shard: ShardId(shard),
                position,
                resets: 0,
                stopped: stopped.map(str::to_owned),
            },
            head: 10,
            oldest: (position < 10).then_some(Timestamp::from_micros(0)),
        };
        let kafka = vec![shard(3, 10, None), shard(17, 6, Some("too large"))];
        BTreeMap::from([
            ("kafka".to_owned(), kafka),
            ("search".to_owned(), vec![shard(3, 10, None)]),
        ])
    }

    #[test]
    fn text_shows_stopped_shards_and_what_to_do() {
        let text = as_text(&projections());
        for part in [
            "kafka: 4 events behind",
            "stopped in 1 of 2 shards",
            "shard 17 before position 7: too large",
            "fritzy projections skip kafka --shard 17",
            "search: 0 events behind, the oldest 0.0 s old; no shard is stopped",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(as_text(&BTreeMap::new()).contains("no projection has run"));
    }

    #[test]
    fn json_shows_lag_and_stopped_shards() {
        let json = as_json(&projections());
        let kafka = &json["projections"][0];
        assert_eq!(kafka["lag_events"], 4);
        assert!(kafka["lag_s"].as_f64() > Some(1e9));
        assert_eq!(
            kafka["stopped"],
            json!([{ "shard": 17, "position": 7, "reason": "too large" }])
        );
    }
}
