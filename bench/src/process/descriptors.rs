//! The limit of file descriptors: every connection needs one here and one in the server, which
//! inherits the limit.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit of this process, and of those that it starts, to the maximum without
/// privileges. Returns the limit; `None` is unlimited.
pub(crate) fn raise_descriptor_limit() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => maximum,
        // Some systems reject their own maximum.
        Err(_) => current,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptor_limit_is_raised_to_the_maximum() {
        let limit = raise_descriptor_limit();
        assert_eq!(getrlimit(Resource::Nofile).current, limit);
        assert_eq!(raise_descriptor_limit(), limit);
    }
}
