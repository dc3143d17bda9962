//! The file with further settings of the Kafka client. It may contain passwords, so only its name
//! is shown.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::{fmt, fs};

use fritzy_kafka::kafka_properties;

/// The content of the file. `Debug` shows only its name.
#[derive(Clone)]
pub struct KafkaProperties {
    file: String,
    values: BTreeMap<String, String>,
}

impl KafkaProperties {
    /// The settings of the Kafka client by name, passwords included.
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
