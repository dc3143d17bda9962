//! Strongly connected components of a graph of files.

use std::collections::{BTreeMap, BTreeSet};

/// The components of more than one node, each sorted, in the order of their first nodes.
///
/// Found by following every node: a crate has some hundred files.
pub(super) fn circles<'a, E>(graph: &BTreeMap<&'a str, BTreeMap<&'a str, E>>) -> Vec<Vec<&'a str>> {
    let reached: BTreeMap<&str, BTreeSet<&str>> = graph
        .keys()
        .map(|node| (*node, reach(graph, node)))
        .collect();
    let reaches = |from: &str, to: &str| reached.get(from).is_some_and(|nodes| nodes.contains(to));
    let circles: BTreeSet<Vec<&str>> = graph
        .keys()
        .map(|node| {
            let together = reached[node].iter().copied();
            together.filter(|other| reaches(other, node)).collect()
        })
        .filter(|circle: &Vec<&str>| circle.len() > 1)
        .collect();
    circles.into_iter().collect()
}

fn reach<'a, E>(
    graph: &BTreeMap<&'a str, BTreeMap<&'a str, E>>,
    from: &'a str,
) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<&str> = vec![from];
    while let Some(node) = open.pop() {
        let next = graph.get(node).into_iter().flat_map(BTreeMap::keys);
        open.extend(next.filter(|next| reached.insert(**next)));
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_are_found_and_single_nodes_are_not() {
        let edges = [
            ("a", "b"),
            ("b", "c"),
            ("c", "a"),
            ("c", "d"),
            ("d", "e"),
            ("x", "y"),
            ("y", "x"),
        ];
        let mut graph: BTreeMap<&str, BTreeMap<&str, ()>> = BTreeMap::new();
        for (from, to) in edges {
            graph.entry(from).or_default().insert(to, ());
        }
        assert_eq!(circles(&graph), [vec!["a", "b", "c"], vec!["x", "y"]]);
    }
}
