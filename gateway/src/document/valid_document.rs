//! A valid document, and its operations with merged selections.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use async_graphql::parser::types::{
    ExecutableDocument, OperationDefinition, OperationType, Selection, SelectionSet,
};
use async_graphql::{Name, Positioned, Value as ConstValue, Variables};
use async_graphql_value::Value;

use super::convert::Fragments;
use super::merge::merge;
use super::schema::ValidationSchema;

/// Combinations of the variables in `@skip` and `@include` for which a merged operation is kept.
/// Clients send few.
const COMBINATIONS_MAX: usize = 8;

/// A document that follows every rule of the specification.
#[derive(Debug)]
pub(crate) struct Document {
    operations: Vec<Operation>,
    fragments: Fragments,
    /// Tokens of the text, and fields of its largest operation with fragments expanded: its memory.
    tokens: usize,
    fields: usize,
}

/// An operation of a document.
#[derive(Debug)]
pub(crate) struct Operation {
    name: Option<Name>,
    definition: Positioned<OperationDefinition>,
    /// The variables in `@skip` and `@include`.
    conditions: Vec<Name>,
    merged: Mutex<Vec<Merged>>,
}

/// The operation with merged selections, for these values of its conditions.
#[derive(Debug)]
struct Merged {
    values: Box<[bool]>,
    document: Arc<ExecutableDocument>,
}

impl Document {
    pub(super) fn new(
        operations: Vec<(Option<Name>, Positioned<OperationDefinition>)>,
        fragments: Fragments,
        tokens: usize,
        fields: usize,
    ) -> Self {
        let mut conditions = HashSet::new();
        for (_, operation) in &operations {
            note_conditions(&operation.node.selection_set.node, &mut conditions);
        }
        for fragment in fragments.values() {
            note_conditions(&fragment.node.selection_set.node, &mut conditions);
        }
        let operations = operations.into_iter().map(|(name, definition)| {
            let variables = definition.node.variable_definitions.iter();
            let names = variables.map(|variable| variable.node.name.node.clone());
            Operation {
                name,
                conditions: names.filter(|name| conditions.contains(name)).collect(),
                definition,
                merged: Mutex::default(),
            }
        });
        Self {
            operations: operations.collect(),
            fragments,
            tokens,
            fields,
        }
    }

    /// The operation with this name, or the only one.
    ///
    /// # Errors
    /// A message for the client when there is none with this name, or none is named and there are
    /// several.
    pub(crate) fn operation(&self, name: Option<&str>) -> Result<&Operation, String> {
        match (name, &self.operations[..]) {
            (None, [only]) => Ok(only),
            (None, _) => Err(
                "The document has several operations: give operationName to choose one.".to_owned(),
            ),
            (Some(name), operations) => operations
                .iter()
                .find(|operation| operation.name.as_deref() == Some(name))
                .ok_or_else(|| format!("The document has no operation named \"{name}\".")),
        }
    }

    /// The operation as a document of its own, with its selections merged. Its variables have been
    /// coerced.
    ///
    /// # Errors
    /// A message for the client when it becomes too large.
    pub(super) fn merged(
        &self,
        schema: ValidationSchema,
        operation: &Operation,
        variables: &Variables,
    ) -> Result<Arc<ExecutableDocument>, String> {
        let is_true = |name: &Name| variables.get(name) == Some(&ConstValue::Boolean(true));
        let values: Box<[bool]> = operation.conditions.iter().map(is_true).collect();
        let mut kept = operation.merged.lock().expect("no holder panics");
        if let Some(known) = kept.iter().find(|known| known.values == values) {
            return Ok(known.document.clone());
        }
        let merged = merge(
            schema.types,
            &self.fragments,
            &operation.definition,
            variables,
        )?;
        let document = Arc::new(merged);
        if kept.len() < COMBINATIONS_MAX {
            kept.push(Merged {
                values,
                document: document.clone(),
            });
        }
        Ok(document)
    }

    /// How much memory it can take with all that is kept of it, in tokens.
    pub(super) fn weight(&self) -> usize {
        let combinations = self.operations.iter().map(|operation| {
            let each =
                1_usize.checked_shl(u32::try_from(operation.conditions.len()).unwrap_or(u32::MAX));
            each.unwrap_or(COMBINATIONS_MAX).min(COMBINATIONS_MAX)
        });
        let merged = combinations.sum::<usize>().saturating_mul(self.fields);
        self.tokens.saturating_add(merged)
    }
}

impl Operation {
    pub(crate) fn definition(&self) -> &OperationDefinition {
        &self.definition.node
    }

    /// The number of merged operations that are kept.
    #[cfg(test)]
    pub(super) fn combinations(&self) -> usize {
        self.merged.lock().expect("no holder panics").len()
    }

    pub(crate) fn is_mutation(&self) -> bool {
        self.definition().ty == OperationType::Mutation
    }
}

/// Adds the variables in `@skip` and `@include` inside this set.
fn note_conditions(set: &SelectionSet, conditions: &mut HashSet<Name>) {
    for item in &set.items {
        for directive in item.node.directives() {
            for (_, value) in &directive.node.arguments {
                if let Value::Variable(name) = &value.node {
                    conditions.insert(name.clone());
                }
            }
        }
        match &item.node {
            Selection::Field(field) => note_conditions(&field.node.selection_set.node, conditions),
            Selection::InlineFragment(fragment) => {
                note_conditions(&fragment.node.selection_set.node, conditions);
            }
            Selection::FragmentSpread(_) => {}
        }
    }
}
