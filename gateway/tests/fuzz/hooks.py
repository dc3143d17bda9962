"""Hooks that give schemathesis arguments that can succeed, and a check that every response must pass.

`st run` loads this file (SCHEMATHESIS_HOOKS). It reads the stock of ids from a file, and writes the tally of responses
to another. fuzz.py names both files in the environment.
"""

import atexit
import datetime
import json
import os
import re
import zlib
from collections import Counter
from pathlib import Path

import graphql
import schemathesis
from hypothesis import strategies as st
from schemathesis.graphql import nodes

STOCK = json.loads(Path(os.environ["FRITZY_FUZZ_STOCK"]).read_text())
TALLY = Path(os.environ["FRITZY_FUZZ_TALLY"])
CODES = set(re.findall(r"^\| `([A-Z_]+)` \|", Path(os.environ["FRITZY_FUZZ_ERRORS"]).read_text(), re.MULTILINE))

# Codes for a fault of the node or an overload: a single client must never receive them.
NODES_FAULT = {"INTERNAL", "UNAVAILABLE", "DEADLINE_EXCEEDED", "OVERLOADED"}

# --- Requests ------------------------------------------------------------------------------------------------

text = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=40)
names = text.filter(str.strip)
# Of a few years around now, so that ranges of times have orders in them.
times = st.datetimes(datetime.datetime(2024, 1, 1), datetime.datetime(2030, 1, 1)).map(lambda at: f"{at.isoformat()}Z")
schemathesis.graphql.scalar("Time", times.map(nodes.String))

# Values that a shop should accept, by the name of the argument; ids are in OF_STOCK.
MEANT = {
    "name": names,
    "description": st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=60),
    "reason": text,
    "quantity": st.integers(1, 50),
    "price": st.decimals(0, 9_999, places=2).map(float),
    "amount": st.decimals(0, 9_999, places=2).map(str),
    "currency": st.sampled_from([None, "USD", "USD", "EUR", "JPY"]),
    "expectedVersion": st.sampled_from([None, None, 1, 2]),
    # There are few keys, so that some repeat, with the same content and with other content.
    "idempotencyKey": st.one_of(st.none(), st.none(), st.integers(0, 40).map("key {}".format)),
    "skip": st.integers(0, 30),
    "take": st.integers(0, 20),
    "first": st.one_of(st.none(), st.integers(0, 20)),
    "last": st.none(),
    "after": st.none(),
    "before": st.none(),
    "query": st.sampled_from([None, None, None, "lamp"]),
    "createdFrom": st.one_of(st.none(), times),
    "createdBefore": st.one_of(st.none(), times),
    # There are few references, so that some are taken.
    "externalReference": st.one_of(st.none(), st.integers(0, 30).map("ref {}".format)),
    "key": st.sampled_from(["tier", "source", "x:y", "a.b-c_1"]),
    "value": st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=30),
}

# Values that no client sends on purpose, for arguments of any name.
EDGES = {
    "string": st.one_of(
        st.sampled_from(["", " ", "\u0000", "a\u0007b", "NaN", "abc", "1e30", "-1", "\ufeff", "x" * 10_000, "\U0001f9d1" * 201]),
        st.text(max_size=300),
    ),
    "int": st.sampled_from([0, -1, 1_000, 1_001, 2**31 - 1, 2**31, -(2**31), 2**63, 10**30]),
    "float": st.sampled_from(["-1", "-0.0", "1e30", "1e308", "1e400", "1e-30", "14.666", "99999999999.99", "100000000000"]),
}

# The kind of object that the `id` argument of a root field identifies.
OF_STOCK = {
    "accounts": "account",
    "account": "account",
    "renameAccount": "account",
    "closeAccount": "account",
    "products": "product",
    "product": "product",
    "node": "order",
    "nodes": "account",
    "updateProduct": "product",
    "repriceProduct": "product",
    "withdrawProduct": "product",
    "history": "order",
    "order": "order",
    "confirmOrder": "order",
    "completeOrder": "confirmed",
    "cancelOrder": "order",
    "annotateAccount": "account",
    "annotateProduct": "product",
    "annotateOrder": "order",
}

# Arguments from schemathesis; ids that exist; also arguments that a shop accepts; ids of other kinds and edge values.
MODES = ["as generated", "ids", "meant", "meant", "edges"]


def node(value):
    """Converts a value to a GraphQL node."""
    match value:
        case None:
            return nodes.Null
        case int():
            return nodes.Int(value)
        case float():
            return nodes.Float(value)
        case _:
            return nodes.String(value)


def edge(draw, value):
    """Draws an edge value of the same kind as `value`."""
    match value:
        case graphql.StringValueNode():
            return nodes.String(draw(EDGES["string"]))
        case graphql.IntValueNode():
            return nodes.Int(draw(EDGES["int"]))
        case graphql.FloatValueNode():
            return graphql.FloatValueNode(value=draw(EDGES["float"]))
        case _:
            return value


def replaced(draw, mode, field, name, value):
    """Replaces the argument or input field `name` of the root field `field` according to the mode."""
    if isinstance(value, graphql.ObjectValueNode):
        fields = [
            graphql.ObjectFieldNode(name=each.name, value=replaced(draw, mode, field, each.name.value, each.value))
            for each in value.fields
        ]
        return graphql.ObjectValueNode(fields=tuple(fields))
    if name == "products" and mode == "meant":
        ids = draw(st.lists(st.sampled_from(STOCK["product"]), min_size=1, max_size=4, unique=True))
        return graphql.ListValueNode(values=tuple(line(draw, each) for each in ids))
    if isinstance(value, graphql.ListValueNode):
        return graphql.ListValueNode(values=tuple(replaced(draw, mode, field, name, each) for each in value.values))
    kind = {"accountId": "account", "productId": "product"}.get(name) or (name in ("id", "ids") and OF_STOCK.get(field))
    if kind and mode == "edges":
        kind = draw(st.sampled_from([kind, "account", "product", "order"]))
    if kind:
        return nodes.String(draw(st.sampled_from(STOCK[kind])))
    if mode == "meant" and name in MEANT:
        return node(draw(MEANT[name]))
    if mode == "edges" and draw(st.booleans()):
        return edge(draw, value)
    return value


@st.composite
def representations(draw):
    """Draws the representation of an entity, as routers of Apollo Federation send them."""
    kind = draw(st.sampled_from(["account", "product", "order"]))
    fields = {"__typename": kind.capitalize(), "id": draw(st.sampled_from(STOCK[kind]))}
    fields = [graphql.ObjectFieldNode(name=graphql.NameNode(value=k), value=node(v)) for k, v in fields.items()]
    return graphql.ObjectValueNode(fields=tuple(fields))


schemathesis.graphql.scalar("_Any", representations())


def line(draw, product):
    """One line of an order."""
    fields = {"productId": product, "quantity": draw(MEANT["quantity"])}
    fields = [graphql.ObjectFieldNode(name=graphql.NameNode(value=k), value=node(v)) for k, v in fields.items()]
    return graphql.ObjectValueNode(fields=tuple(fields))


@st.composite
def with_arguments(draw, documents):
    """Draws generated documents and replaces their arguments according to a mode."""
    document = draw(documents)
    mode = draw(st.sampled_from(MODES))
    if mode == "as generated":
        return document

    def walk(selections, root):
        """Replaces the arguments of a selection and of all inside it."""
        if selections is None:
            return None
        changed = []
        for each in selections.selections:
            if not isinstance(each, graphql.FieldNode):
                changed.append(each)
                continue
            field = root or each.name.value
            # Fields inside a list take no id of their own.
            arguments = tuple(
                graphql.ArgumentNode(
                    name=argument.name, value=replaced(draw, mode, field, argument.name.value, argument.value)
                )
                for argument in each.arguments or ()
            )
            changed.append(
                graphql.FieldNode(
                    name=each.name,
                    alias=each.alias,
                    arguments=arguments,
                    directives=each.directives or (),
                    selection_set=walk(each.selection_set, field),
                )
            )
        return graphql.SelectionSetNode(selections=tuple(changed))

    definitions = tuple(
        graphql.OperationDefinitionNode(
            operation=each.operation,
            name=each.name,
            variable_definitions=each.variable_definitions or (),
            directives=each.directives or (),
            selection_set=walk(each.selection_set, None),
        )
        if isinstance(each, graphql.OperationDefinitionNode)
        else each
        for each in document.definitions
    )
    return graphql.DocumentNode(definitions=definitions)


@schemathesis.hook
def before_generate_body(context, strategy):
    """Replaces the documents that schemathesis draws."""
    return with_arguments(strategy)


@schemathesis.hook
def before_call(context, case, kwargs):
    """Sets a media type, and sometimes a key in the header. The document selects both, so a seed repeats them."""
    print_ = zlib.crc32(str(case.body).encode("utf-8", "surrogatepass"))
    both = ["application/graphql-response+json", "application/json"]
    case.headers["accept"] = both[print_ % 2]
    if print_ % 7 == 0:
        case.headers["idempotency-key"] = f"header {print_ % 20}"


# --- Responses -----------------------------------------------------------------------------------------------

requests = Counter()
succeeded = Counter()
codes = Counter()
lost = Counter()


@atexit.register
def write_tally():
    """Writes the tally for fuzz.py."""
    TALLY.write_text(json.dumps({"requests": requests, "succeeded": succeeded, "codes": codes, "lost": lost}))


@schemathesis.hook
def after_call(context, case, response):
    """Counts a response."""
    field = case.operation.label
    requests[field] += 1
    try:
        body = response.json()
        for error in body.get("errors", []):
            codes[error["extensions"]["code"]] += 1
        if "errors" not in body and all(value is not None for value in body["data"].values()):
            succeeded[field] += 1
    except (AttributeError, KeyError, TypeError, ValueError):
        # The check below reports the fault.
        codes["(malformed response)"] += 1


@schemathesis.hook
def after_network_error(context, case, request):
    """Counts a lost connection."""
    lost[case.operation.label] += 1


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Keeps real failures only: schemathesis blames the server for every field error, whatever its code."""
    if type(failure).__name__ != "GraphQLServerError":
        return True
    return any(error.get("extensions", {}).get("code") not in CODES - NODES_FAULT for error in failure.errors)


@schemathesis.check
def every_error_has_a_documented_code(ctx, response, case):
    """Checks the form of the response. Each error must have a code of docs/errors.md for a fault of the client."""
    assert response.status_code in (200, 400), f"status {response.status_code}"
    media_type = response.headers["content-type"][0].split(";")[0]
    assert media_type == case.headers["accept"], f"content-type {media_type}, requested: {case.headers['accept']}"
    body = response.json()
    assert isinstance(body, dict) and body.keys() <= {"data", "errors"}, "not the specification's form"
    assert body.keys(), "neither data nor errors"
    if "errors" not in body:
        assert isinstance(body["data"], dict), "data is no object, and there are no errors"
        return
    errors = body["errors"]
    assert isinstance(errors, list) and errors, "errors is no list of errors"
    for error in errors:
        assert isinstance(error.get("message"), str) and error["message"], f"no message: {error}"
        code = error.get("extensions", {}).get("code")
        assert code in CODES, f"no documented code: {error}"
        assert code not in NODES_FAULT, f"not the client's fault: {error}"
        assert all(isinstance(step, (str, int)) for step in error.get("path", [])), f"no path: {error}"
        assert all(place["line"] > 0 and place["column"] > 0 for place in error.get("locations", [])), error
    if body.get("data") is not None:
        assert response.status_code == 200, "something was executed"
