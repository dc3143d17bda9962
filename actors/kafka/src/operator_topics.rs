//! The binding of the topics for operators.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::time::timeout;

use crate::KafkaBridgeConfig;
use crate::binding_record::BindingRecord;
use crate::binding_topic::BindingTopic;
use crate::client::{ClientErrors, FIXED, client_config};
use crate::deliveries::{Delivery, DeliveryContext};
use crate::factory::KafkaSettingsError;
use crate::topic_names::{BINDING_TOPIC, TopicNames};

/// For a message to be delivered.
const DELIVERY_MAX: Duration = Duration::from_secs(15);

/// The topics of a shop, for an operator who decides which database fills them.
pub struct OperatorTopics {
    topic: BindingTopic,
    delivered: UnboundedReceiver<Delivery>,
}

impl OperatorTopics {
    /// The topics that the configuration names. Nothing is connected yet.
    ///
    /// # Errors
    /// When the client library rejects the configuration.
    pub fn new(config: &KafkaBridgeConfig) -> Result<Self, KafkaSettingsError> {
        let (sender, delivered) = mpsc::unbounded_channel();
        let errors = ClientErrors::default();
        let mut client = client_config(config);
        for (name, value) in FIXED {
            client.set(name, value);
        }
        let context = DeliveryContext {
            sender,
            errors: errors.clone(),
        };
        let producer = Arc::new(client.create_with_context(context)?);
        let names = TopicNames::new(&config.topic_prefix);
        let name = names.full(BINDING_TOPIC);
        let topic = BindingTopic::new(name, client_config(config), producer, errors)?;
        Ok(Self { topic, delivered })
    }

    /// What the topics say of the database that fills them; `None` if no node has bound them yet.
    ///
    /// # Errors
    /// When no broker responds, or the topic of the binding cannot be read.
    pub async fn binding(&self) -> Result<Option<BindingRecord>, String> {
        self.topic.read().await
    }

    /// Binds the topics, and returns once the brokers have it.
    ///
    /// # Errors
    /// When no broker accepts it in time. It may still arrive.
    pub async fn bind(&mut self, record: &BindingRecord) -> Result<(), String> {
        self.topic.write(record)?;
        match timeout(DELIVERY_MAX, self.delivered.recv()).await {
            Ok(Some(Delivery { error: None, .. })) => Ok(()),
            Ok(Some(Delivery {
                error: Some(code), ..
            })) => Err(format!("the binding was not delivered: {code}")),
            Ok(None) | Err(_) => Err(format!(
                "no broker has accepted the binding within {} s",
                DELIVERY_MAX.as_secs()
            )),
        }
    }
}
