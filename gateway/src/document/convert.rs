//! From the validator's syntax tree to that of the executor, with positions.

use std::collections::HashMap;

use async_graphql::parser::types::{
    BaseType, Directive, Field, FragmentDefinition, FragmentSpread, InlineFragment,
    OperationDefinition, OperationType, Selection, SelectionSet, Type, TypeCondition,
    VariableDefinition,
};
use async_graphql::{Name, Number, Pos, Positioned};
use async_graphql_value::{ConstValue, Value};
use bluejay_core::executable::{
    Field as _, FragmentSpread as _, InlineFragment as _, OperationDefinition as _, Selection as _,
    SelectionReference, VariableType as _, VariableTypeReference,
};
use bluejay_core::{AsIter as _, Directive as _, Value as _, ValueReference};
use bluejay_parser::ast::{self, executable};
use bluejay_parser::{HasSpan, Span};

use super::line_index::LineIndex;
use super::output_types::FieldType;
use super::schema::ValidationSchema;
use super::type_ref::TypeRef;

/// The fragments of a document, by name.
pub(super) type Fragments = HashMap<Name, Positioned<FragmentDefinition>>;
/// The operations of a document with their names, in its order.
pub(super) type Operations = Vec<(Option<Name>, Positioned<OperationDefinition>)>;

/// Converts a valid document. Integers that are ids become texts: every integer is one, and the
/// executor knows only those of 64 bits.
pub(super) fn convert(
    schema: ValidationSchema,
    text: &str,
    document: &executable::ExecutableDocument<'_>,
) -> (Operations, Fragments) {
    let converter = Converter {
        schema,
        text,
        lines: LineIndex::new(text),
    };
    let operations = document.operation_definitions().iter();
    let operations = operations.map(|operation| converter.operation(operation));
    let fragments = document.fragment_definitions().iter();
    let fragments = fragments.map(|fragment| {
        let name = converter.name(fragment.name().as_str(), fragment.name().span());
        (name.node, converter.fragment(fragment))
    });
    (operations.collect(), fragments.collect())
}

struct Converter<'t> {
    schema: ValidationSchema,
    text: &'t str,
    lines: LineIndex<'t>,
}

impl Converter<'_> {
    fn pos(&self, span: &Span) -> Pos {
        self.lines.position(span.byte_range().start)
    }

    fn name(&self, name: &str, span: &Span) -> Positioned<Name> {
        Positioned::new(Name::new(name), self.pos(span))
    }

    fn operation(
        &self,
        operation: &executable::OperationDefinition<'_>,
    ) -> (Option<Name>, Positioned<OperationDefinition>) {
        let parts = operation.as_ref();
        let mut variables = Vec::new();
        if let Some(definitions) = parts.variable_definitions() {
            variables.extend(definitions.iter().map(|variable| self.variable(variable)));
        }
        let ty = match parts.operation_type() {
            bluejay_core::OperationType::Query => OperationType::Query,
            bluejay_core::OperationType::Mutation => OperationType::Mutation,
            bluejay_core::OperationType::Subscription => OperationType::Subscription,
        };
        let root = self.schema.types.root(ty);
        let definition = OperationDefinition {
            ty,
            variable_definitions: variables,
            // Of the directives that may be here, none has an effect.
            directives: Vec::new(),
            selection_set: self.selections(root, operation.selection_set()),
        };
        let definition = Positioned::new(definition, self.pos(operation.span()));
        (parts.name().map(Name::new), definition)
    }

    fn fragment(
        &self,
        fragment: &executable::FragmentDefinition<'_>,
    ) -> Positioned<FragmentDefinition> {
        let on = fragment.type_condition();
        let definition = FragmentDefinition {
            type_condition: self.condition(on),
            directives: Vec::new(),
            selection_set: self.selections(on.named_type().as_str(), fragment.selection_set()),
        };
        Positioned::new(definition, self.pos(fragment.span()))
    }

    fn condition(&self, condition: &executable::TypeCondition<'_>) -> Positioned<TypeCondition> {
        let named = condition.named_type();
        let on = self.name(named.as_str(), named.span());
        Positioned::new(TypeCondition { on }, self.pos(named.span()))
    }

    fn variable(
        &self,
        variable: &executable::VariableDefinition<'_>,
    ) -> Positioned<VariableDefinition> {
        let (name, ty) = (variable.variable(), variable.r#type());
        let default = variable.default_value().map(|value| {
            let constant = self.constant(&TypeRef::from(&type_of(ty)), value);
            Positioned::new(constant, self.pos(value.span()))
        });
        let definition = VariableDefinition {
            name: self.name(name.as_str(), name.span()),
            var_type: Positioned::new(type_of(ty), self.pos(ty.span())),
            directives: Vec::new(),
            default_value: default,
        };
        Positioned::new(definition, self.pos(name.span()))
    }

    /// The selections in an object of this type, an interface or a union.
    fn selections(&self, of: &str, set: &executable::SelectionSet<'_>) -> Positioned<SelectionSet> {
        let items = set.iter().map(|selection| match selection.as_ref() {
            SelectionReference::Field(field) => {
                let pos = self.pos(field.span());
                let field = Positioned::new(self.field(of, field), pos);
                Positioned::new(Selection::Field(field), pos)
            }
            SelectionReference::FragmentSpread(spread) => {
                let pos = self.pos(spread.span());
                let name = spread.name();
                let spread = FragmentSpread {
                    fragment_name: self.name(name.as_str(), name.span()),
                    directives: self.directives(spread.directives()),
                };
                Positioned::new(Selection::FragmentSpread(Positioned::new(spread, pos)), pos)
            }
            SelectionReference::InlineFragment(fragment) => {
                let pos = self.pos(fragment.span());
                let on = fragment.type_condition();
                let inside = on.map_or(of, |on| on.named_type().as_str());
                let fragment = InlineFragment {
                    type_condition: on.map(|on| self.condition(on)),
                    directives: self.directives(fragment.directives()),
                    selection_set: self.selections(inside, fragment.selection_set()),
                };
                let fragment = Positioned::new(fragment, pos);
                Positioned::new(Selection::InlineFragment(fragment), pos)
            }
        });
        let items = items.collect();
        Positioned::new(SelectionSet { items }, self.pos(set.span()))
    }

    fn field(&self, of: &str, field: &executable::Field<'_>) -> Field {
        let name = field.name();
        let ty = self.schema.types.field(of, name.as_str());
        let inside = ty.and_then(|ty| ty.composite.as_deref());
        Field {
            // A field starts with its alias.
            alias: field.alias().map(|alias| self.name(alias, field.span())),
            name: self.name(name.as_str(), name.span()),
            arguments: self.arguments(ty, field.arguments()),
            directives: self.directives(field.directives()),
            selection_set: field
                .selection_set()
                .map_or_else(Positioned::default, |set| {
                    self.selections(inside.unwrap_or_default(), set)
                }),
        }
    }

    fn directives(
        &self,
        directives: Option<&ast::VariableDirectives<'_>>,
    ) -> Vec<Positioned<Directive>> {
        let Some(directives) = directives else {
            return Vec::new();
        };
        let converted = directives.iter().map(|directive| {
            let name = directive.name();
            let converted = Directive {
                name: self.name(name.as_str(), name.span()),
                arguments: self.arguments(None, directive.arguments()),
            };
            Positioned::new(converted, self.pos(directive.span()))
        });
        converted.collect()
    }

    /// The arguments of a field of this type, or of a directive.
    fn arguments(
        &self,
        of: Option<&FieldType>,
        arguments: Option<&ast::VariableArguments<'_>>,
    ) -> Vec<(Positioned<Name>, Positioned<Value>)> {
        let Some(arguments) = arguments else {
            return Vec::new();
        };
        let converted = arguments.iter().map(|argument| {
            let (name, value) = (argument.name(), argument.value());
            let ty = of.and_then(|of| of.argument(name.as_str()));
            (
                self.name(name.as_str(), name.span()),
                Positioned::new(self.value(ty, value), self.pos(value.span())),
            )
        });
        converted.collect()
    }

    /// A value without variables.
    fn constant(&self, ty: &TypeRef, value: &ast::ConstValue<'_>) -> ConstValue {
        let value = self.value(Some(ty), value);
        value.into_const().unwrap_or_default()
    }

    /// A value of this type; without one inside a custom scalar.
    fn value<const CONST: bool>(
        &self,
        ty: Option<&TypeRef>,
        value: &ast::Value<'_, CONST>,
    ) -> Value {
        match value.as_ref() {
            ValueReference::Variable(variable) => Value::Variable(Name::new(variable.name())),
            ValueReference::Integer(_) if ty.is_some_and(|ty| ty.name() == "ID") => {
                Value::String(self.text[value.span().byte_range()].to_owned())
            }
            // The text of the number: amounts are exact.
            ValueReference::Integer(_) | ValueReference::Float(_) => {
                let text = &self.text[value.span().byte_range()];
                // GraphQL's numbers are JSON's.
                text.parse::<Number>().map_or(Value::Null, Value::Number)
            }
            ValueReference::String(text) => Value::String(text.to_owned()),
            ValueReference::Boolean(flag) => Value::Boolean(flag),
            ValueReference::Null => Value::Null,
            ValueReference::Enum(name) => Value::Enum(Name::new(name)),
            ValueReference::List(items) => {
                let ty = ty.map(TypeRef::item);
                Value::List(items.iter().map(|item| self.value(ty, item)).collect())
            }
            ValueReference::Object(fields) => {
                let fields = bluejay_core::ObjectValue::iter(fields);
                let fields = fields.map(|(name, value)| {
                    let ty = ty.and_then(|ty| self.schema.inputs.field(ty.name(), name.as_ref()));
                    (Name::new(name), self.value(ty, value))
                });
                Value::Object(fields.collect())
            }
        }
    }
}

fn type_of(ty: &executable::VariableType<'_>) -> Type {
    match ty.as_ref() {
        VariableTypeReference::Named(name, required) => Type {
            base: BaseType::Named(Name::new(name)),
            nullable: !required,
        },
        VariableTypeReference::List(inner, required) => Type {
            base: BaseType::List(Box::new(type_of(inner))),
            nullable: !required,
        },
    }
}
