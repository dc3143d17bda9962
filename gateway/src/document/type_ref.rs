//! Types of arguments, input fields and variables.

use async_graphql::Name;
use async_graphql::parser::types::{BaseType, Type};
use bluejay_core::definition::{InputType as _, InputTypeReference};
use bluejay_parser::ast::definition::InputType;

use super::custom_scalars::CustomScalars;
use super::located_message::Schema;

/// An input type, with its lists and what may not be null.
#[derive(Debug)]
pub(super) enum TypeRef {
    NonNull(Box<TypeRef>),
    List(Box<TypeRef>),
    Named(String),
}

impl TypeRef {
    pub(super) fn of(schema: &Schema, ty: &InputType<'static, CustomScalars>) -> Self {
        let (inner, required) = match ty.as_ref(schema) {
            InputTypeReference::Base(base, required) => {
                (Self::Named(base.name().to_owned()), required)
            }
            InputTypeReference::List(inner, required) => {
                (Self::List(Box::new(Self::of(schema, inner))), required)
            }
        };
        inner.non_null_if(required)
    }

    fn non_null_if(self, required: bool) -> Self {
        if required {
            Self::NonNull(Box::new(self))
        } else {
            self
        }
    }

    pub(super) fn is_non_null(&self) -> bool {
        matches!(self, Self::NonNull(_))
    }

    /// The type of the values in a list of this type; the type itself where it is no list, because
    /// a single value is coerced to a list of one.
    pub(super) fn item(&self) -> &Self {
        match self {
            Self::NonNull(inner) => inner.item(),
            Self::List(inner) => inner,
            Self::Named(_) => self,
        }
    }

    /// The name of the type without its lists.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::NonNull(inner) | Self::List(inner) => inner.name(),
            Self::Named(name) => name,
        }
    }
}

impl From<&Type> for TypeRef {
    fn from(ty: &Type) -> Self {
        let base = match &ty.base {
            BaseType::Named(name) => Self::Named(Name::to_string(name)),
            BaseType::List(inner) => Self::List(Box::new(inner.as_ref().into())),
        };
        base.non_null_if(!ty.nullable)
    }
}
