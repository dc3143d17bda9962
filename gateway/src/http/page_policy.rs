//! The content security policy of the page at `/`: what it may load, and that no other page may
//! frame it. Text that an entity brings into the page, such as a product's name, can then run
//! nothing, whatever mistake shows it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use warp::http::HeaderValue;

/// Where the page loads GraphiQL from, if it names it.
const CDN: &str = "https://esm.sh";

/// The policy of a page. Its inline scripts and styles are allowed by their hashes.
pub(super) fn of(page: &str) -> HeaderValue {
    let hashes = |tag| -> String {
        let texts = inline_texts(page, tag);
        texts
            .map(|text| format!(" 'sha256-{}'", STANDARD.encode(Sha256::digest(text))))
            .collect()
    };
    // The editor of GraphiQL adds its styles as elements, and starts its workers from blobs.
    let (cdn, styles, workers) = match page.contains(CDN) {
        true => (format!(" {CDN}"), " 'unsafe-inline'".to_owned(), " blob:"),
        false => (String::new(), hashes("style"), ""),
    };
    let scripts = hashes("script");
    let policy = format!(
        "default-src 'none'; script-src 'self'{cdn}{scripts}; style-src 'self'{cdn}{styles}; \
         img-src 'self' data:; font-src 'self' data:{cdn}; connect-src 'self'{cdn}; \
         worker-src 'self'{workers}{cdn}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).expect("the policy is ASCII")
}

/// The contents of all elements with this tag, except those that name a file.
fn inline_texts<'p>(page: &'p str, tag: &str) -> impl Iterator<Item = &'p str> {
    let (open, close) = (format!("<{tag}"), format!("</{tag}>"));
    let mut rest = page;
    let elements = std::iter::from_fn(move || {
        let (_, after) = rest.split_once(open.as_str())?;
        let (attributes, after) = after.split_once('>')?;
        let (text, after) = after.split_once(close.as_str())?;
        rest = after;
        Some((attributes, text))
    });
    elements
        .filter(|(attributes, _)| !attributes.contains("src="))
        .map(|(_, text)| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(page: &str) -> String {
        of(page).to_str().expect("ASCII").to_owned()
    }

    #[test]
    fn inline_scripts_are_allowed_by_their_hash() {
        // The hashes are those of `printf a | openssl dgst -sha256 -binary | base64`.
        let page = "<script type=\"importmap\">a</script><script src=\"/x.js\"></script>\
                    <style>b</style>";
        let policy = policy(page);
        let scripts = "script-src 'self' 'sha256-ypeBEsobvcr6wjGzmiPcTaeG7/gUfE5yuYB3ha/uSLs=';";
        assert!(policy.contains(scripts), "{policy}");
        let styles = "style-src 'self' 'sha256-PiPoFgA5WUoziU9lZOGxNIu9egCI1CxKy3PurtWcAJ0=';";
        assert!(policy.contains(styles), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
    }

    #[test]
    fn page_without_a_cdn_loads_from_the_node_only() {
        let policy = policy("<script src=\"/x.js\"></script>");
        assert!(
            !policy.contains("https:") && !policy.contains("blob:"),
            "{policy}"
        );
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    }
}
