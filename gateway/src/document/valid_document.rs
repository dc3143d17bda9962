//! A valid document, and its operations with merged selections.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use async_graphql::parser::types::{
    ExecutableDocument, OperationDefinition, OperationType, Selection, SelectionSet,
};
use async_graphql::{Name, Positioned, Value as ConstValue, Variables};
use async_graphql_value::Value;

use super::convert::Fragments;
use super::document_error::MergeError;
use super::merge::merge;
use super::null_variables::is_null;
use super::schema::ValidationSchema;

/// Combinations of the variables in `@skip` and `@include` for which a merged operation is kept.
/// Clients send few.
const COMBINATIONS_MAX: usize = 8;

/// The only argument of introspection that may be null.
const INTROSPECTION_ARGUMENT: &str = "includeDeprecated";

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
    /// The variables that change the merged form when they are null: those with a default, and
    /// those in arguments of introspection.
    nullable: Vec<Name>,
    merged: Mutex<Vec<Merged>>,
}

/// The operation with merged selections, for these values: which conditions are true, then which
/// nullable variables are null.
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
        let mut uses = Uses::default();
        for (_, operation) in &operations {
            uses.note(&operation.node.selection_set.node);
        }
        for fragment in fragments.values() {
            uses.note(&fragment.node.selection_set.node);
        }
        let operations = operations.into_iter().map(|(name, definition)| {
            let variables = || {
                definition
                    .node
                    .variable_definitions
                    .iter()
                    .map(|it| &it.node)
            };
            let conditions = variables().map(|it| it.name.node.clone());
            let nullable = variables().filter(|it| {
                let default = it.default_value.as_ref().map(|value| &value.node);
                it.var_type.node.nullable
                    && (default.is_some_and(|value| *value != ConstValue::Null)
                        || uses.introspection.contains(&it.name.node))
            });
            Operation {
                name,
                conditions: conditions
                    .filter(|name| uses.conditions.contains(name))
                    .collect(),
                nullable: nullable.map(|it| it.name.node.clone()).collect(),
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
    /// [`MergeError`] when it becomes too large, or a condition is null.
    pub(super) fn merged(
        &self,
        schema: ValidationSchema,
        operation: &Operation,
        variables: &Variables,
    ) -> Result<Arc<ExecutableDocument>, MergeError> {
        let is_true = |name: &Name| variables.get(name) == Some(&ConstValue::Boolean(true));
        let trues = operation.conditions.iter().map(is_true);
        let nulls = operation.nullable.iter();
        let nulls = nulls.map(|name| is_null(variables, name));
        let values: Box<[bool]> = trues.chain(nulls).collect();
        let mut kept = operation.merged.lock().expect("no holder panics");
        if let Some(known) = kept.iter().find(|known| known.values == values) {
            return Ok(known.document.clone());
        }
        let merged = merge(schema, &self.fragments, &operation.definition, variables)?;
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
            let values = operation.conditions.len() + operation.nullable.len();
            let each = 1_usize.checked_shl(u32::try_from(values).unwrap_or(u32::MAX));
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

/// Where variables are used, so that the merged form depends on them.
#[derive(Default)]
struct Uses {
    /// In `@skip` and `@include`.
    conditions: HashSet<Name>,
    /// In the arguments of introspection.
    introspection: HashSet<Name>,
}

impl Uses {
    /// Adds those in a set and the sets inside it.
    fn note(&mut self, set: &SelectionSet) {
        for item in &set.items {
            let directives = item.node.directives().iter();
            let arguments = directives.flat_map(|directive| &directive.node.arguments);
            self.conditions.extend(arguments.filter_map(variable));
            match &item.node {
                Selection::Field(field) => {
                    let arguments = field.node.arguments.iter();
                    let arguments =
                        arguments.filter(|(name, _)| name.node == INTROSPECTION_ARGUMENT);
                    self.introspection.extend(arguments.filter_map(variable));
                    self.note(&field.node.selection_set.node);
                }
                Selection::InlineFragment(fragment) => {
                    self.note(&fragment.node.selection_set.node);
                }
                Selection::FragmentSpread(_) => {}
            }
        }
    }
}

/// The variable that is the value of an argument.
fn variable((_, value): &(Positioned<Name>, Positioned<Value>)) -> Option<Name> {
    match &value.node {
        Value::Variable(name) => Some(name.clone()),
        _ => None,
    }
}
