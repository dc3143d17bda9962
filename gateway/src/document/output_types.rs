//! What merging and conversion need to know of a schema: its fields with their arguments, and the
//! possible types of its interfaces and unions.

use std::collections::HashMap;

use async_graphql::parser::types::OperationType;
use bluejay_core::AsIter;
use bluejay_core::definition::{
    FieldDefinition as _, InputValueDefinition as _, InterfaceTypeDefinition as _,
    ObjectTypeDefinition as _, OutputType as _, SchemaDefinition as _, TypeDefinitionReference,
    UnionMemberType as _, UnionTypeDefinition as _,
};
use bluejay_parser::ast::definition::FieldsDefinition;

use super::custom_scalars::CustomScalars;
use super::located_message::Schema;
use super::type_ref::TypeRef;

/// The composite types of a schema.
pub(super) struct OutputTypes {
    query: String,
    mutation: Option<String>,
    subscription: Option<String>,
    /// The fields of each object type and interface.
    fields: HashMap<String, HashMap<String, FieldType>>,
    /// The object types of each interface and union.
    possible: HashMap<String, Vec<String>>,
}

/// A field of an object type or an interface.
pub(super) struct FieldType {
    /// The type of its objects, without lists; `None` for leaves.
    pub(super) composite: Option<String>,
    pub(super) nullable: bool,
    arguments: HashMap<String, TypeRef>,
}

impl FieldType {
    pub(super) fn argument(&self, name: &str) -> Option<&TypeRef> {
        self.arguments.get(name)
    }
}

impl OutputTypes {
    pub(super) fn of(schema: &Schema) -> Self {
        let mut types = Self {
            query: schema.query().name().to_owned(),
            mutation: schema.mutation().map(|object| object.name().to_owned()),
            subscription: schema.subscription().map(|object| object.name().to_owned()),
            fields: HashMap::new(),
            possible: HashMap::new(),
        };
        for definition in schema.type_definitions() {
            match definition {
                TypeDefinitionReference::Object(object) => {
                    let fields = fields_of(schema, object.fields_definition());
                    types.fields.insert(object.name().to_owned(), fields);
                }
                TypeDefinitionReference::Interface(interface) => {
                    let fields = fields_of(schema, interface.fields_definition());
                    types.fields.insert(interface.name().to_owned(), fields);
                    let objects = schema.get_interface_implementors(interface);
                    let objects = objects.map(|object| object.name().to_owned()).collect();
                    types.possible.insert(interface.name().to_owned(), objects);
                }
                TypeDefinitionReference::Union(union) => {
                    let objects = union.union_member_types().iter();
                    let objects = objects.map(|object| object.name().to_owned()).collect();
                    types.possible.insert(union.name().to_owned(), objects);
                }
                _ => {}
            }
        }
        types
    }

    /// The object type of an operation. Validation rejects operations whose type the schema lacks.
    pub(super) fn root(&self, operation: OperationType) -> &str {
        match operation {
            OperationType::Query => &self.query,
            OperationType::Mutation => self.mutation.as_deref().unwrap_or_default(),
            OperationType::Subscription => self.subscription.as_deref().unwrap_or_default(),
        }
    }

    /// The field of an object type or an interface; `None` for `__typename`, and for the fields of
    /// introspection that the validator does not know.
    pub(super) fn field(&self, of: &str, field: &str) -> Option<&FieldType> {
        self.fields.get(of)?.get(field)
    }

    /// The object types of an interface or a union; `None` for an object type.
    pub(super) fn possible(&self, ty: &str) -> Option<&[String]> {
        self.possible.get(ty).map(Vec::as_slice)
    }
}

fn fields_of(
    schema: &Schema,
    fields: &FieldsDefinition<'static, CustomScalars>,
) -> HashMap<String, FieldType> {
    let fields = fields.iter().map(|field| {
        let name = field.r#type().base_name();
        let is_composite = schema
            .get_type_definition(name)
            .is_some_and(|ty| ty.is_composite());
        let arguments = field.arguments_definition().into_iter();
        let arguments = arguments.flat_map(AsIter::iter).map(|argument| {
            let ty = TypeRef::of(schema, argument.r#type());
            (argument.name().to_owned(), ty)
        });
        let ty = FieldType {
            composite: is_composite.then(|| name.to_owned()),
            nullable: !field.r#type().is_required(),
            arguments: arguments.collect(),
        };
        (field.name().to_owned(), ty)
    });
    fields.collect()
}
