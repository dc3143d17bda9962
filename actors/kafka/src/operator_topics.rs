//! The binding of the topics for operators.

use crate::KafkaBridgeConfig;
use crate::binding_record::BindingRecord;
use crate::binding_topic::BindingTopic;
use crate::client::ClientErrors;
use crate::factory::KafkaSettingsError;

/// The topics of a shop, for an operator who decides which database fills them.
pub struct OperatorTopics(BindingTopic);

impl OperatorTopics {
    /// The topics that the configuration names. Nothing is connected yet.
    ///
    /// # Errors
    /// When the client library rejects the configuration.
    pub fn new(config: &KafkaBridgeConfig) -> Result<Self, KafkaSettingsError> {
        Ok(Self(BindingTopic::new(config, ClientErrors::default())?))
    }

    /// What the topics say of the database that fills them; `None` if no node has bound them yet.
    ///
    /// # Errors
    /// When no broker responds, or the topic of the binding cannot be read.
    pub async fn binding(&self) -> Result<Option<BindingRecord>, String> {
        self.0.read().await
    }

    /// Binds the topics, and returns once the brokers have it.
    ///
    /// # Errors
    /// When the brokers do not accept it in time. It may still arrive.
    pub async fn bind(&self, record: &BindingRecord) -> Result<(), String> {
        self.0.write(record).await
    }
}
