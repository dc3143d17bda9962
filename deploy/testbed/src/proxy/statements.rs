//! Which SQL a client's messages execute: prepared statements are executed by name, long after
//! their text was sent.

use std::collections::HashMap;

/// How a message relates to the statements of its connection.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) executes: Option<String>,
    pub(super) ends_group_with: Vec<String>,
}

/// The statements and portals of one connection, as many as the client keeps.
#[derive(Debug, Default)]
pub(super) struct Statements {
    prepared: HashMap<Vec<u8>, String>,
    portals: HashMap<Vec<u8>, String>,
    /// Executed since the last `Sync`.
    group: Vec<String>,
}

impl Statements {
    /// Processes a message by its type and body.
    pub(super) fn see(&mut self, kind: u8, body: &[u8]) -> Seen {
        let mut texts = body.split(|byte| *byte == 0);
        let mut text = || texts.next().unwrap_or_default();
        let mut seen = Seen::default();
        match kind {
            // Query: text
            b'Q' => {
                let sql = lossy(text());
                seen.executes = Some(sql.clone());
                seen.ends_group_with = vec![sql];
            }
            // Parse: name, text
            b'P' => {
                let name = text().to_vec();
                self.prepared.insert(name, lossy(text()));
            }
            // Bind: portal, statement
            b'B' => {
                let portal = text().to_vec();
                let sql = self.prepared.get(text()).cloned();
                self.portals.insert(portal, sql.unwrap_or_default());
            }
            // Execute: portal
            b'E' => {
                let sql = self.portals.get(text()).cloned().unwrap_or_default();
                self.group.push(sql.clone());
                seen.executes = Some(sql);
            }
            // Close: `S` or `P`, name
            b'C' => match body.split_first() {
                Some((b'S', rest)) => drop(
                    self.prepared
                        .remove(rest.strip_suffix(b"\0").unwrap_or(rest)),
                ),
                Some((_, rest)) => drop(
                    self.portals
                        .remove(rest.strip_suffix(b"\0").unwrap_or(rest)),
                ),
                None => {}
            },
            // Sync
            b'S' => seen.ends_group_with = std::mem::take(&mut self.group),
            _ => {}
        }
        seen
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
