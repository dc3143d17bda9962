//! Where the data of a side is kept, as its settings say it: they must fit together before anything is started.

use super::Reach;
use super::allowed_settings::Setting;
use super::settings::{SideFlags, SideSpec, Store};
use crate::BenchError;

/// Where data is kept.
pub(super) struct Stored {
    /// `None` where there is nothing to keep, or it is another's.
    pub(super) store: Option<Store>,
    /// The server, with the store on PostgreSQL.
    pub(super) postgres: Option<String>,
    pub(super) committers: Option<usize>,
    /// Orders that are there before anything is asked.
    pub(super) fill: u64,
}

impl SideSpec {
    /// What this side's settings say of its store, when `flags` hold for both sides; `started` is whether the shop is
    /// ours.
    pub(super) fn stored(&self, flags: &SideFlags, started: bool) -> Result<Stored, BenchError> {
        let mine = self.overrides();
        let takes = |setting| self.scenario().takes().contains(&setting);
        let postgres = mine.postgres.clone().or_else(|| flags.postgres.clone());
        let committers = mine.committers.or(flags.committers);
        let chosen = mine.store.or(flags.store);
        let reach = self.scenario().reach();
        let on_postgres_only = reach == Reach::Program || self.scenario().fills() > 0;
        let store = if on_postgres_only {
            Some(Store::Postgres)
        } else if takes(Setting::Store) && started {
            let default = match postgres {
                Some(_) => Store::Postgres,
                None => Store::Sqlite,
            };
            Some(chosen.unwrap_or(default))
        } else {
            None
        };
        let side = self.text();
        let refused = |told: &str| Err(BenchError::Settings(format!("{side}: {told}")));
        if store.is_none() && (mine.store.is_some() || mine.postgres.is_some()) {
            return refused("with --url, where data is kept is the node's own affair");
        }
        if store == Some(Store::Memory) && reach == Reach::Http {
            return refused("a node has no store in memory");
        }
        let on_postgres = store == Some(Store::Postgres);
        if on_postgres && postgres.is_none() {
            return refused(
                "needs a server: --postgres URL, of a role that may create databases (`cargo xtask services up` prints one)",
            );
        }
        if committers.is_some() && !on_postgres {
            return refused("no use for --committers: only on PostgreSQL are there several");
        }
        let fill = mine.fill.or(flags.fill);
        if fill.is_some() && !on_postgres {
            return refused("no use for --fill: only a database on PostgreSQL is filled");
        }
        let fill = fill.unwrap_or_else(|| self.scenario().fills());
        Ok(Stored {
            store,
            postgres: postgres.filter(|_| on_postgres),
            committers: committers.map(usize::from),
            fill: fill.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(spec: &str, flags: SideFlags) -> Result<Stored, String> {
        let side: SideSpec = spec.parse().expect(spec);
        let flags = flags.only(side.scenario().takes());
        let stored = side.stored(&flags, flags.url.is_none());
        stored.map_err(|refused| refused.to_string())
    }

    fn with_server() -> SideFlags {
        SideFlags {
            postgres: Some("postgres://h".to_owned()),
            ..SideFlags::default()
        }
    }

    #[test]
    fn a_server_that_is_named_is_used_unless_a_side_says_otherwise() {
        for (spec, store) in [
            ("actors-place", Some(Store::Postgres)),
            ("place", Some(Store::Postgres)),
            ("pgbench", Some(Store::Postgres)),
            ("actors-place:store=sqlite", Some(Store::Sqlite)),
            ("hello", None),
        ] {
            let found = stored(spec, with_server()).expect("fits");
            assert_eq!(found.store, store, "{spec}");
            let has_server = store == Some(Store::Postgres);
            assert_eq!(found.postgres.is_some(), has_server, "{spec}");
        }
        let found = stored("place", SideFlags::default()).expect("fits");
        assert_eq!(found.store, Some(Store::Sqlite));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let two = SideFlags {
            committers: Some(2),
            ..SideFlags::default()
        };
        let elsewhere = SideFlags {
            url: Some("http://h/graphql".to_owned()),
            ..SideFlags::default()
        };
        for (spec, flags, named) in [
            (
                "place:store=postgres",
                SideFlags::default(),
                "--postgres URL",
            ),
            ("pgbench", SideFlags::default(), "--postgres URL"),
            (
                "place:store=memory",
                SideFlags::default(),
                "no store in memory",
            ),
            ("actors-place", two, "--committers"),
            ("place:store=sqlite", elsewhere, "--url"),
            ("place:fill=7", SideFlags::default(), "--fill"),
        ] {
            let refused = stored(spec, flags).err().expect("it does not fit");
            assert!(refused.contains(named), "{refused}");
        }
    }
}
