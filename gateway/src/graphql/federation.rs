//! The shop as a subgraph of Apollo Federation 2: its entities by their keys, and its schema for
//! composition.

use async_graphql::{Context, InputValueResult, Scalar, ScalarType, SimpleObject, Union, Value};
use fritzy_domain::{Flaw, Kind, Rejection};

use super::errors::{FieldResult, rejected};
use super::node::{NodeObject, find_each};
use super::objects::{AccountObject, OrderObject};
use super::product::ProductObject;

/// Representations of one request: what a router sends for a full page of a list.
const REPRESENTATIONS_MAX: usize = 1_000;

/// The types with a key, by name.
pub(super) const ENTITIES: [(&str, Kind); 3] = [
    ("Account", Kind::Account),
    ("Product", Kind::Product),
    ("Order", Kind::Order),
];

/// A representation of an entity: its `__typename` and its key.
pub(super) struct Any(Value);

/// Representation of an entity by a router of Apollo Federation: an object with `__typename` and
/// `id`.
#[Scalar(name = "_Any")]
impl ScalarType for Any {
    /// Every value, because a malformed one nulls only its own entity.
    fn parse(value: Value) -> InputValueResult<Self> {
        Ok(Self(value))
    }

    fn to_value(&self) -> Value {
        self.0.clone()
    }
}

/// Object with a key, which other subgraphs can refer to.
#[derive(Union, Clone)]
#[graphql(name = "_Entity")]
pub(super) enum Entity {
    Account(AccountObject),
    Product(ProductObject),
    Order(OrderObject),
}

/// What routers of Apollo Federation compose.
#[derive(SimpleObject)]
#[graphql(name = "_Service")]
pub(super) struct Service {
    /// Schema of this subgraph, with its keys.
    sdl: String,
}

impl Service {
    pub(super) fn new(sdl: String) -> Self {
        Self { sdl }
    }
}

/// The entities of these representations, in their order; `None` where there is none. All are asked
/// for at once, and one that cannot be read fails alone.
///
/// # Errors
/// When there are too many representations, or when what the entities' fields need besides them
/// cannot be read.
pub(super) async fn find_entities(
    context: &Context<'_>,
    representations: &[Any],
) -> FieldResult<Vec<Option<FieldResult<Entity>>>> {
    if representations.len() > REPRESENTATIONS_MAX {
        let flaw = Flaw::TooMany {
            max: REPRESENTATIONS_MAX,
        };
        return Err(rejected(Rejection::invalid("representations", flaw)));
    }
    let keys = representations.iter().enumerate();
    let keys: Vec<Result<Key<'_>, Rejection>> = keys
        .map(|(index, representation)| Key::of(representation, index))
        .collect();
    let ids = keys.iter().flatten();
    let ids: Vec<(&str, String)> = ids.map(|key| (key.id, key.field.clone())).collect();
    let mut found = find_each(context, ids).await?.into_iter();
    let entity = |key: Result<Key<'_>, Rejection>| match key {
        Err(rejection) => Some(Err(rejected(rejection))),
        Ok(key) => match found.next().flatten()? {
            Ok(node) => Entity::of_kind(node, key.kind).map(Ok),
            Err(error) => Some(Err(error)),
        },
    };
    Ok(keys.into_iter().map(entity).collect())
}

/// The key in a representation.
struct Key<'r> {
    kind: Kind,
    id: &'r str,
    /// The place of the id, for errors.
    field: String,
}

impl<'r> Key<'r> {
    fn of(Any(representation): &'r Any, index: usize) -> Result<Self, Rejection> {
        let text = |name: &str| match representation {
            Value::Object(fields) => match fields.get(name) {
                Some(Value::String(text)) => Some(text.as_str()),
                _ => None,
            },
            _ => None,
        };
        let place = |name: &str| format!("representations[{index}].{name}");
        let type_name = text("__typename");
        let known = ENTITIES
            .into_iter()
            .find(|(name, _)| type_name == Some(*name));
        let (_, kind) =
            known.ok_or_else(|| Rejection::invalid(place("__typename"), Flaw::NotAnEntity))?;
        let id = text("id").ok_or_else(|| Rejection::invalid(place("id"), Flaw::NotAnId))?;
        let field = place("id");
        Ok(Self { kind, id, field })
    }
}

impl Entity {
    /// The same object, if it is of this kind.
    fn of_kind(node: NodeObject, kind: Kind) -> Option<Self> {
        match (node, kind) {
            (NodeObject::Account(account), Kind::Account) => Some(Self::Account(account)),
            (NodeObject::Product(product), Kind::Product) => Some(Self::Product(product)),
            (NodeObject::Order(order), Kind::Order) => Some(Self::Order(order)),
            _ => None,
        }
    }
}
