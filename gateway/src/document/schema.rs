//! A schema, as the validator reads it from its SDL.

use std::fmt;

use bluejay_parser::ast::Parse as _;
use bluejay_parser::ast::definition::DefinitionDocument;

use super::custom_scalars::CustomScalars;
use super::located_message::Schema;
use super::output_types::OutputTypes;
use super::variables::InputTypes;

/// A schema to validate documents against. It stays in memory until the process ends: the
/// validator's form of it borrows from its text, and a process serves one schema all its life.
#[derive(Clone, Copy)]
pub(super) struct ValidationSchema {
    pub(super) definition: &'static Schema,
    pub(super) types: &'static OutputTypes,
    pub(super) inputs: &'static InputTypes,
}

impl ValidationSchema {
    /// Reads a schema.
    ///
    /// # Panics
    /// If the text is not the SDL of a valid schema: the program made it.
    pub(super) fn read(sdl: &str) -> Self {
        let text: &'static str = Box::leak(sdl.into());
        let document: DefinitionDocument<'static, CustomScalars> = DefinitionDocument::parse(text)
            .result
            .expect("the schema is SDL");
        let document: &'static _ = Box::leak(Box::new(document));
        let definition = Schema::try_from(document);
        let Ok(definition) = definition else {
            panic!("the schema is not valid");
        };
        let types = OutputTypes::of(&definition);
        let inputs = InputTypes::of(&definition);
        Self {
            definition: Box::leak(Box::new(definition)),
            types: Box::leak(Box::new(types)),
            inputs: Box::leak(Box::new(inputs)),
        }
    }
}

impl fmt::Debug for ValidationSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ValidationSchema").finish_non_exhaustive()
    }
}
