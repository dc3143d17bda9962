//! The file with further settings of Kafka's client. It may hold passwords: nothing of it is shown but its name.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::{fmt, fs};

use fritzy_kafka::kafka_properties;

/// What the file says. Shown as the file's name.
#[derive(Clone)]
pub struct KafkaProperties {
    file: String,
    values: BTreeMap<String, String>,
}

impl KafkaProperties {
    /// The settings by name.
    pub(crate) const fn secret(&self) -> &BTreeMap<String, String> {
        &self.values
    }
}

impl fmt::Debug for KafkaProperties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)
    }
}

impl FromStr for KafkaProperties {
    type Err = String;

    fn from_str(file: &str) -> Result<Self, String> {
        let text = fs::read_to_string(file).map_err(|failure| failure.to_string())?;
        Ok(Self {
            file: file.to_owned(),
            values: kafka_properties(&text)?,
        })
    }
}
