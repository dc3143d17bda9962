//! Merges the selection sets of an operation (CollectFields), so that each field of a response is
//! selected once, and no fragment, `@skip` or `@include` is left.

use std::collections::{HashMap, HashSet};

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{
    Directive, DocumentOperations, ExecutableDocument, Field, InlineFragment, OperationDefinition,
    Selection, SelectionSet, TypeCondition,
};
use async_graphql::{Name, Pos, Positioned, ServerError, Value as ConstValue, Variables};
use async_graphql_value::Value;

use super::convert::Fragments;
use super::document_error::MergeError;
use super::null_variables::{is_null, must_not_be_null, refusal};
use super::schema::ValidationSchema;

/// Fields of a merged operation. Its fields with fragments expanded are limited before; only at
/// positions of an abstract type does merging add some, because each possible type gets its own.
const MERGED_FIELDS_MAX: usize = 12_000;

/// Merges an operation, for the values that its variables give to `@skip` and `@include`. Variables
/// have been coerced.
///
/// # Errors
/// [`MergeError`] when it has more than 12 000 fields, or a condition is null.
pub(super) fn merge(
    schema: ValidationSchema,
    fragments: &Fragments,
    operation: &Positioned<OperationDefinition>,
    variables: &Variables,
) -> Result<ExecutableDocument, MergeError> {
    let definition = &operation.node;
    let mut merger = Merger {
        schema,
        fragments,
        variables,
        has_null: has_null(definition, variables),
        fields: 0,
    };
    let root = schema.types.root(definition.ty);
    let items = merger.object(root, &[&definition.selection_set.node])?;
    let merged = OperationDefinition {
        ty: definition.ty,
        variable_definitions: definition.variable_definitions.clone(),
        directives: Vec::new(),
        selection_set: definition
            .selection_set
            .position_node(SelectionSet { items }),
    };
    Ok(ExecutableDocument {
        operations: DocumentOperations::Single(operation.position_node(merged)),
        fragments: HashMap::new(),
    })
}

/// Whether null was given for a variable with a default, or is that default.
fn has_null(operation: &OperationDefinition, variables: &Variables) -> bool {
    operation.variable_definitions.iter().any(|variable| {
        let variable = &variable.node;
        variable.default_value.is_some() && is_null(variables, &variable.name.node)
    })
}

/// The fields of one object by response name, each with all its selections, in the order of the
/// response.
type Collected<'d> = IndexMap<&'d str, Vec<&'d Positioned<Field>>>;

struct Merger<'d> {
    schema: ValidationSchema,
    fragments: &'d Fragments,
    variables: &'d Variables,
    /// Whether null was given for a variable that has a default: only such a one can be null where
    /// null is not allowed.
    has_null: bool,
    fields: usize,
}

impl<'d> Merger<'d> {
    /// The merged selections of an object of this type.
    fn object(
        &mut self,
        object: &str,
        sets: &[&'d SelectionSet],
    ) -> Result<Vec<Positioned<Selection>>, MergeError> {
        let mut collected = Collected::new();
        let mut spread = HashSet::new();
        for set in sets {
            self.collect(object, set, &mut collected, &mut spread)?;
        }
        let merged = collected.into_values().map(|same| {
            let field = self.field(object, &same)?;
            let pos = field.pos;
            Ok(Positioned::new(Selection::Field(field), pos))
        });
        merged.collect()
    }

    /// Several selections of one field as one, at the position of the first.
    fn field(
        &mut self,
        object: &str,
        same: &[&'d Positioned<Field>],
    ) -> Result<Positioned<Field>, MergeError> {
        self.fields += 1;
        if self.fields > MERGED_FIELDS_MAX {
            return Err(MergeError::TooComplex(format!(
                "an operation has more than {MERGED_FIELDS_MAX} fields with its fragments expanded for each type"
            )));
        }
        let first = same[0];
        let sets: Vec<&SelectionSet> = same
            .iter()
            .map(|field| &field.node.selection_set.node)
            .filter(|set| !set.items.is_empty())
            .collect();
        let items = if sets.is_empty() {
            Vec::new()
        } else {
            self.inside(object, first.node.name.node.as_str(), first.pos, &sets)?
        };
        let selection_set = &first.node.selection_set;
        Ok(first.position_node(Field {
            alias: first.node.alias.clone(),
            name: first.node.name.clone(),
            arguments: self.arguments(object, &first.node),
            directives: self.refusal(object, &first.node),
            selection_set: selection_set.position_node(SelectionSet { items }),
        }))
    }

    /// The arguments of a field. Those of introspection have defaults that also stand for null, which
    /// the library does not know.
    fn arguments(&self, object: &str, field: &Field) -> Vec<(Positioned<Name>, Positioned<Value>)> {
        let mut arguments = field.arguments.clone();
        if object.starts_with("__") {
            arguments.retain(|(_, value)| match &value.node {
                Value::Null => false,
                Value::Variable(name) => !is_null(self.variables, name),
                _ => true,
            });
        }
        arguments
    }

    /// The directive that refuses a field, if one of its arguments is null where it must not be.
    fn refusal(&self, object: &str, field: &Field) -> Vec<Positioned<Directive>> {
        if !self.has_null {
            return Vec::new();
        }
        let ValidationSchema { types, inputs, .. } = self.schema;
        let ty = types.field(object, field.name.node.as_str());
        let refusal = ty.and_then(|ty| refusal(inputs, ty, field, self.variables));
        refusal.into_iter().collect()
    }

    /// The merged selections inside a field. Which ones apply to a value of an abstract type is
    /// known for each of its possible types.
    fn inside(
        &mut self,
        object: &str,
        field: &str,
        pos: Pos,
        sets: &[&'d SelectionSet],
    ) -> Result<Vec<Positioned<Selection>>, MergeError> {
        let types = self.schema.types;
        let inner = types.field(object, field);
        let Some(inner) = inner.and_then(|field| field.composite.as_deref()) else {
            // A leaf; validation allows no selections in it.
            return Ok(Vec::new());
        };
        let Some(possible) = types.possible(inner) else {
            return self.object(inner, sets);
        };
        let each = possible.iter().map(|possible| {
            let items = self.object(possible, sets)?;
            let fragment = InlineFragment {
                type_condition: Some(Positioned::new(
                    TypeCondition {
                        on: Positioned::new(Name::new(possible), pos),
                    },
                    pos,
                )),
                directives: Vec::new(),
                selection_set: Positioned::new(SelectionSet { items }, pos),
            };
            let fragment = Positioned::new(fragment, pos);
            Ok(Positioned::new(Selection::InlineFragment(fragment), pos))
        });
        each.collect()
    }

    /// Collects the fields that apply to an object of this type. A fragment adds nothing when it is
    /// spread again.
    ///
    /// # Errors
    /// When the variable of a condition is null.
    fn collect(
        &self,
        object: &str,
        set: &'d SelectionSet,
        collected: &mut Collected<'d>,
        spread: &mut HashSet<&'d str>,
    ) -> Result<(), MergeError> {
        for item in &set.items {
            if !self.is_included(&item.node)? {
                continue;
            }
            match &item.node {
                Selection::Field(field) => {
                    let name = field.node.response_key().node.as_str();
                    collected.entry(name).or_default().push(field);
                }
                Selection::InlineFragment(fragment) => {
                    let condition = fragment.node.type_condition.as_ref();
                    if condition.is_none_or(|condition| self.applies(condition, object)) {
                        let set = &fragment.node.selection_set.node;
                        self.collect(object, set, collected, spread)?;
                    }
                }
                Selection::FragmentSpread(named) => {
                    let name = &named.node.fragment_name.node;
                    if let Some(fragment) = self.fragments.get(name)
                        && spread.insert(name.as_str())
                        && self.applies(&fragment.node.type_condition, object)
                    {
                        let set = &fragment.node.selection_set.node;
                        self.collect(object, set, collected, spread)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn applies(&self, condition: &Positioned<TypeCondition>, object: &str) -> bool {
        let on = condition.node.on.node.as_str();
        on == object
            || self
                .schema
                .types
                .possible(on)
                .is_some_and(|possible| possible.iter().any(|possible| possible == object))
    }

    fn is_included(&self, selection: &Selection) -> Result<bool, MergeError> {
        for directive in selection.directives() {
            let admits = match directive.node.name.node.as_str() {
                "skip" => !self.condition(&directive.node)?,
                "include" => self.condition(&directive.node)?,
                _ => true,
            };
            if !admits {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The value of `if`.
    fn condition(&self, directive: &Directive) -> Result<bool, MergeError> {
        let Some(value) = directive.get_argument("if") else {
            // Validation requires it.
            return Ok(false);
        };
        match &value.node {
            Value::Variable(name) if is_null(self.variables, name) => {
                let place = format!("the condition of @{}", directive.name.node);
                let message = must_not_be_null(name, &place);
                let error = ServerError::new(message, Some(value.pos));
                Err(MergeError::NullCondition(error))
            }
            Value::Variable(name) => {
                Ok(self.variables.get(name) == Some(&ConstValue::Boolean(true)))
            }
            value => Ok(*value == Value::Boolean(true)),
        }
    }
}
