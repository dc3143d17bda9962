//! The server that tests share, and their databases on it.

use fritzy_testbed::{shared_postgres, skip_unless};

#[test]
fn databases_of_the_shared_server_are_unique() {
    let shared = skip_unless!(shared_postgres());
    let again = shared_postgres().unwrap();
    assert_eq!(shared.url(), again.url());
    let (one, other) = (
        shared.fresh_database().unwrap(),
        again.fresh_database().unwrap(),
    );
    assert_ne!(one, other);
    for url in [one, other] {
        let name = url.rsplit('/').next().unwrap().split('?').next().unwrap();
        let there = shared
            .psql(&format!(
                "SELECT has_database_privilege('{name}', 'connect')"
            ))
            .unwrap();
        assert_eq!(there, "t");
    }
}
