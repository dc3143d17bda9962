//! The content security policy of the page at `/`: it may load files of this node only, nothing
//! inline, and no other page may frame it. Text that an entity brings into the page, such as a
//! product's name, can then run nothing, whatever mistake shows it.

/// The policy, for the header `content-security-policy`.
pub(super) const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
