//! File descriptors: every connection takes one here and one in the server, which inherits this limit.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit of this process, and of those it starts, to what the system allows without asking anyone.
/// Answers the limit; `None` is no limit.
pub(crate) fn raise_descriptor_limit() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => maximum,
        // Some systems refuse what they call their own maximum.
        Err(_) => current,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_what_the_system_allows() {
        let limit = raise_descriptor_limit();
        assert_eq!(getrlimit(Resource::Nofile).current, limit);
        assert_eq!(raise_descriptor_limit(), limit);
    }
}
