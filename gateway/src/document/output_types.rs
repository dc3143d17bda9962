//! What merging needs to know of a schema: the types of its fields, and the possible types of its
//! interfaces and unions.

use std::collections::HashMap;

use async_graphql::parser::types::OperationType;
use bluejay_core::AsIter as _;
use bluejay_core::definition::{
    FieldDefinition as _, InterfaceTypeDefinition as _, ObjectTypeDefinition as _, OutputType as _,
    SchemaDefinition as _, TypeDefinitionReference, UnionMemberType as _, UnionTypeDefinition as _,
};
use bluejay_parser::ast::definition::SchemaDefinition;

/// The composite types of a schema.
pub(super) struct OutputTypes {
    query: String,
    mutation: Option<String>,
    subscription: Option<String>,
    /// The type of each field that has selections, by its object type.
    objects: HashMap<String, HashMap<String, String>>,
    /// The object types of each interface and union.
    possible: HashMap<String, Vec<String>>,
}

impl OutputTypes {
    pub(super) fn of(schema: &SchemaDefinition<'_>) -> Self {
        let mut types = Self {
            query: schema.query().name().to_owned(),
            mutation: schema.mutation().map(|object| object.name().to_owned()),
            subscription: schema.subscription().map(|object| object.name().to_owned()),
            objects: HashMap::new(),
            possible: HashMap::new(),
        };
        for definition in schema.type_definitions() {
            match definition {
                TypeDefinitionReference::Object(object) => {
                    let fields = object.fields_definition().iter().filter_map(|field| {
                        let name = field.r#type().base_name();
                        let is_composite = schema
                            .get_type_definition(name)
                            .is_some_and(|ty| ty.is_composite());
                        is_composite.then(|| (field.name().to_owned(), name.to_owned()))
                    });
                    let fields = fields.collect();
                    types.objects.insert(object.name().to_owned(), fields);
                }
                TypeDefinitionReference::Interface(interface) => {
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

    /// The type of the objects in a field, without its lists; `None` for leaves.
    pub(super) fn of_field(&self, object: &str, field: &str) -> Option<&str> {
        let found = self.objects.get(object)?.get(field)?;
        Some(found)
    }

    /// The object types of an interface or a union; `None` for an object type.
    pub(super) fn possible(&self, ty: &str) -> Option<&[String]> {
        self.possible.get(ty).map(Vec::as_slice)
    }
}
