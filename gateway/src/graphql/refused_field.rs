//! Fields that are not executed, because one of their arguments is null where it must not be. The
//! library's resolvers would return such an error past a nullable field, to its siblings.

use std::borrow::Cow;

use async_graphql::extensions::ResolveFut;
use async_graphql::parser::types::Directive;
use async_graphql::registry::Registry;
use async_graphql::{
    Context, ContextDirective, CustomDirective, CustomDirectiveFactory, Error, ServerResult, Value,
    async_trait,
};

use super::errors::ApiError;
use crate::document::{REFUSED_FIELD, REFUSED_MESSAGE, REFUSED_NULLABLE};

/// The directive that merging gives to such fields. It is not part of the schema that clients see.
pub(super) struct RefusedFields;

impl CustomDirectiveFactory for RefusedFields {
    fn name(&self) -> Cow<'static, str> {
        REFUSED_FIELD.into()
    }

    fn register(&self, _: &mut Registry) {}

    fn create(
        &self,
        _: &ContextDirective<'_>,
        directive: &Directive,
    ) -> ServerResult<Box<dyn CustomDirective>> {
        let argument = |name: &str| {
            let value = directive.get_argument(name)?.node.clone();
            value.into_const()
        };
        let message = match argument(REFUSED_MESSAGE) {
            Some(Value::String(message)) => message,
            _ => String::new(),
        };
        Ok(Box::new(RefusedField {
            message,
            nullable: argument(REFUSED_NULLABLE) == Some(Value::Boolean(true)),
        }))
    }
}

struct RefusedField {
    message: String,
    nullable: bool,
}

#[async_trait::async_trait]
impl CustomDirective for RefusedField {
    /// A field error, without a call of the resolver.
    async fn resolve_field(
        &self,
        context: &Context<'_>,
        _: ResolveFut<'_>,
    ) -> ServerResult<Option<Value>> {
        let error = ApiError::NullVariable(self.message.clone()).at(context);
        let error = Error::new_with_source(error).into_server_error(context.item.pos);
        if self.nullable {
            context.add_error(context.set_error_path(error));
            Ok(Some(Value::Null))
        } else {
            Err(context.set_error_path(error))
        }
    }
}
