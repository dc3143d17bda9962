//! Tests that this machine cannot run are reported by name.

use std::io::Write as _;

/// Reports that a test was not run, and why. `cargo xtask test` counts such lines. They are written
/// past the capture of the test's output, which a passing test does not show.
///
/// Call it through [`skip_unless!`](crate::skip_unless) or [`skip!`](crate::skip), which know the
/// test's name. A test that continues with its other parts calls it with
/// [`test_name!`](crate::test_name).
pub fn skipped(test: &str, reason: &str) {
    let line = format!("\nskipped test: {test}: {reason}\n");
    // A closed output has no reader.
    drop(std::io::stdout().write_all(line.as_bytes()));
}

/// The name of the function around [`test_name!`](crate::test_name): the last part of a path such as
/// `tests::node_restarts::{{closure}}::here` that is neither a closure nor the macro's own function.
#[doc(hidden)]
#[must_use]
pub fn function_in(type_name: &str) -> &str {
    let mut parts = type_name.rsplit("::").skip(1);
    parts
        .find(|part| !part.starts_with('{'))
        .unwrap_or(type_name)
}

/// The name of the enclosing test function, without its modules.
#[macro_export]
macro_rules! test_name {
    () => {{
        fn here() {}
        $crate::function_in(std::any::type_name_of_val(&here))
    }};
}

/// Reports the enclosing test as skipped, and returns from it. Takes the reason.
#[macro_export]
macro_rules! skip {
    ($reason:expr) => {{
        $crate::skipped($crate::test_name!(), &$reason.to_string());
        return;
    }};
}

/// The value of a fixture, or the end of the enclosing test where this machine does not have it.
///
/// Takes a `Result<_, ServiceError>`: [`ServiceError::Missing`](crate::ServiceError::Missing) skips
/// the test, every other error fails it. Write it in the test function itself, whose name it prints;
/// functions that tests share return the `Result`.
///
/// ```no_run
/// # fn server_restarts() {
/// use fritzy_testbed::{PostgresServer, skip_unless};
///
/// let server = skip_unless!(PostgresServer::start(Default::default()));
/// server.restart().unwrap();
/// # }
/// ```
#[macro_export]
macro_rules! skip_unless {
    ($fixture:expr) => {
        match $fixture {
            Ok(value) => value,
            Err(error) if $crate::ServiceError::is_missing(&error) => $crate::skip!(error),
            Err(error) => panic!("{error}"),
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ServiceError;

    #[test]
    fn test_name_is_that_of_the_function() {
        assert_eq!(crate::test_name!(), "test_name_is_that_of_the_function");
        let in_closure = || crate::test_name!();
        assert_eq!(in_closure(), "test_name_is_that_of_the_function");
    }

    #[tokio::test]
    async fn test_name_is_that_of_an_async_function() {
        let name = async { crate::test_name!() }.await;
        assert_eq!(name, "test_name_is_that_of_an_async_function");
        assert_eq!(function_in("a::b::{{closure}}::{{closure}}::here"), "b");
    }

    #[test]
    fn fixture_that_exists_is_returned() {
        let fixture: Result<u8, ServiceError> = Ok(7);
        assert_eq!(crate::skip_unless!(fixture), 7);
    }
}
