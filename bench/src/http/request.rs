//! Requests as bytes, built once and copied afterwards.

use std::io::Write;

/// A complete GET request without a body.
pub(crate) fn get(authority: &str, path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: {authority}\r\n\r\n").into_bytes()
}

/// The constant part of a GraphQL request: the head, and the body up to the variables.
#[derive(Clone, Debug)]
pub(crate) struct GraphqlRequest {
    head: Vec<u8>,
    body_start: Vec<u8>,
}

impl GraphqlRequest {
    /// A request with this document to `authority` (`127.0.0.1:8000`) at `path`.
    pub(crate) fn new(authority: &str, path: &str, document: &str) -> Self {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: {authority}\r\naccept: application/json\r\n\
             content-type: application/json\r\ncontent-length: "
        );
        let document = serde_json::to_string(document).expect("a string is valid JSON");
        let body_start = format!("{{\"query\":{document},\"variables\":");
        Self {
            head: head.into_bytes(),
            body_start: body_start.into_bytes(),
        }
    }

    /// Appends the request with these variables, a JSON object in parts, to the buffer.
    pub(crate) fn write(&self, variables: &[&[u8]], buffer: &mut Vec<u8>) {
        let variables_len: usize = variables.iter().map(|part| part.len()).sum();
        let body_len = self.body_start.len() + variables_len + 1;
        buffer.extend_from_slice(&self.head);
        write!(buffer, "{body_len}\r\n\r\n").expect("writing to a vector cannot fail");
        buffer.extend_from_slice(&self.body_start);
        for part in variables {
            buffer.extend_from_slice(part);
        }
        buffer.push(b'}');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_is_complete_with_its_content_length() {
        let request = GraphqlRequest::new("127.0.0.1:8000", "/graphql", "{ a(b: \"c\") }");
        let mut buffer = Vec::new();
        request.write(&[b"{\"id\":\"", b"7", b"\"}"], &mut buffer);
        let text = String::from_utf8(buffer).expect("UTF-8");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
        assert!(head.starts_with("POST /graphql HTTP/1.1\r\nhost: 127.0.0.1:8000\r\n"));
        assert_eq!(
            body,
            r#"{"query":"{ a(b: \"c\") }","variables":{"id":"7"}}"#
        );
        assert!(head.ends_with(&format!("content-length: {}", body.len())));
    }
}
