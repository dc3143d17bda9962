//! Compression of responses, by what the client accepts.

use std::io::Write as _;

use brotli::enc::BrotliEncoderParams;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::Stream;
use futures_util::stream::unfold;
use warp::Reply;
use warp::http::{HeaderMap, HeaderValue, header};
use warp::reply::Response;

use super::weights::weighted;

/// Bytes of a response that are worth compressing: below, it fits into two packets anyway.
const COMPRESSED_BYTES_MIN: usize = 2 * 1_024;
/// Bytes compressed at once. It takes below a millisecond; then other tasks run, and the client has
/// to take what was compressed before more is.
const STEP_BYTES: usize = 64 * 1_024;
/// The fastest level: for JSON, the best one saves little more and takes ten times as long.
const GZIP_LEVEL: u32 = 1;
/// As fast as gzip, and smaller.
const BROTLI_QUALITY: i32 = 2;
/// 256 KiB of window, as the base-2 logarithm: a compressor then takes about a megabyte.
const BROTLI_WINDOW: i32 = 18;

/// A content coding of responses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Gzip,
    Brotli,
}

/// What a client accepts, of what this API offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Accepted {
    encoding: Option<Encoding>,
    /// Whether it takes responses that are not encoded.
    identity: bool,
}

impl Accepted {
    /// A response that is not encoded.
    pub(super) const PLAIN: Self = Self {
        encoding: None,
        identity: true,
    };

    /// The preferred encoding; of equal ones br, which is smaller. `None` when the client accepts
    /// nothing that this API offers.
    pub(super) fn negotiate(headers: &HeaderMap) -> Option<Self> {
        let mut weights = [None; 3];
        let mut other = None;
        for entry in weighted(headers, &header::ACCEPT_ENCODING) {
            let at = match entry.name.to_ascii_lowercase().as_str() {
                "br" => 0,
                "gzip" | "x-gzip" => 1,
                "identity" => 2,
                "*" => {
                    other = Some(entry.weight);
                    continue;
                }
                _ => continue,
            };
            weights[at] = Some(entry.weight);
        }
        let weight = |at: usize| weights[at].or(other);
        let identity = weight(2);
        let accepted = [(Encoding::Brotli, weight(0)), (Encoding::Gzip, weight(1))];
        let mut best: Option<(Encoding, f32)> = None;
        for (encoding, weight) in accepted {
            let Some(weight) = weight.filter(|weight| *weight > 0.0) else {
                continue;
            };
            if best.is_none_or(|(_, known)| weight > known) {
                best = Some((encoding, weight));
            }
        }
        // A client that says that it prefers identity gets it.
        let preferred = weights[2].unwrap_or(0.0);
        let best = best.filter(|(_, weight)| *weight >= preferred);
        let accepted = Self {
            encoding: best.map(|(encoding, _)| encoding),
            identity: identity.is_none_or(|weight| weight > 0.0),
        };
        (accepted.identity || accepted.encoding.is_some()).then_some(accepted)
    }

    /// The encoding of a response of this length, if any.
    pub(super) fn encoding(self, len: usize) -> Option<Encoding> {
        let encodes = len >= COMPRESSED_BYTES_MIN || !self.identity;
        self.encoding.filter(|_| encodes)
    }

    /// A response with this text, encoded where it is worth it.
    pub(super) fn respond(self, text: Vec<u8>) -> Response {
        match self.encoding(text.len()) {
            None => text.into_response(),
            Some(encoding) => encoding.respond(text.into(), ()),
        }
    }
}

impl Encoding {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Brotli => "br",
        }
    }

    /// An encoded response. A long text is compressed while it is sent. `held` is dropped after its
    /// last part.
    pub(super) fn respond<H>(self, text: Bytes, held: H) -> Response
    where
        H: Send + Sync + 'static,
    {
        let mut response = if text.len() <= STEP_BYTES {
            self.compress(&text).into_response()
        } else {
            warp::reply::stream(self.parts(text, held)).into_response()
        };
        let name = HeaderValue::from_static(self.name());
        response
            .headers_mut()
            .insert(header::CONTENT_ENCODING, name);
        response
    }

    /// The whole text, compressed.
    pub(super) fn compress(self, text: &[u8]) -> Vec<u8> {
        let mut compressor = Compressor::new(self);
        let mut compressed = compressor.push(text);
        compressed.extend(compressor.finish());
        compressed
    }

    fn parts<H>(
        self,
        text: Bytes,
        held: H,
    ) -> impl Stream<Item = Result<Bytes, std::convert::Infallible>> + Send + Sync + 'static
    where
        H: Send + Sync + 'static,
    {
        let state = (text, Some(Compressor::new(self)), held);
        unfold(state, async |(mut rest, mut compressor, held)| {
            loop {
                let step = rest.split_to(rest.len().min(STEP_BYTES));
                let part = if step.is_empty() {
                    compressor.take()?.finish()
                } else {
                    compressor.as_mut()?.push(&step)
                };
                // Compressors keep what they may still shorten.
                if !part.is_empty() {
                    return Some((Ok(part.into()), (rest, compressor, held)));
                }
                // After the end of the text, there is none left.
                compressor.as_ref()?;
            }
        })
    }
}

/// A compressor of one text.
enum Compressor {
    Gzip(Box<GzEncoder<Vec<u8>>>),
    Brotli(Box<brotli::CompressorWriter<Vec<u8>>>),
}

const TO_MEMORY: &str = "writing to memory does not fail";

impl Compressor {
    fn new(encoding: Encoding) -> Self {
        let sink = Vec::new();
        match encoding {
            Encoding::Gzip => {
                let level = Compression::new(GZIP_LEVEL);
                Self::Gzip(Box::new(GzEncoder::new(sink, level)))
            }
            Encoding::Brotli => {
                let parameters = BrotliEncoderParams {
                    quality: BROTLI_QUALITY,
                    lgwin: BROTLI_WINDOW,
                    ..BrotliEncoderParams::default()
                };
                let writer = brotli::CompressorWriter::with_params(sink, 4_096, &parameters);
                Self::Brotli(Box::new(writer))
            }
        }
    }

    /// Compresses a part of the text; returns what is final of it.
    fn push(&mut self, text: &[u8]) -> Vec<u8> {
        match self {
            Self::Gzip(writer) => {
                writer.write_all(text).expect(TO_MEMORY);
                std::mem::take(writer.get_mut())
            }
            Self::Brotli(writer) => {
                writer.write_all(text).expect(TO_MEMORY);
                std::mem::take(writer.get_mut())
            }
        }
    }

    /// What is left at the end of the text.
    fn finish(self) -> Vec<u8> {
        match self {
            Self::Gzip(writer) => writer.finish().expect(TO_MEMORY),
            Self::Brotli(writer) => writer.into_inner(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use futures_util::StreamExt as _;

    use super::*;

    fn negotiate(value: &'static str) -> Option<Accepted> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(value));
        Accepted::negotiate(&headers)
    }

    #[test]
    fn encoding_of_highest_weight_is_chosen() {
        use Encoding::{Brotli, Gzip};
        assert_eq!(
            Accepted::negotiate(&HeaderMap::new()),
            Some(Accepted::PLAIN)
        );
        for (value, encoding) in [
            ("", None),
            ("gzip", Some(Gzip)),
            ("X-GZIP", Some(Gzip)),
            ("br", Some(Brotli)),
            ("gzip, deflate, br, zstd", Some(Brotli)),
            ("gzip, br;q=0.9", Some(Gzip)),
            ("gzip;q=0.5, br;q=0.5", Some(Brotli)),
            ("gzip;q=0, br;q=0", None),
            ("deflate", None),
            ("*", Some(Brotli)),
            ("*, br;q=0", Some(Gzip)),
            ("*;q=0, gzip;q=0.1", Some(Gzip)),
            ("identity, gzip;q=0.5", None),
            ("identity;q=0.5, gzip", Some(Gzip)),
            ("gzip;q=5", None),
        ] {
            let accepted = negotiate(value).expect("something is accepted");
            assert_eq!(accepted.encoding(COMPRESSED_BYTES_MIN), encoding, "{value}");
            if accepted.identity {
                assert_eq!(accepted.encoding(COMPRESSED_BYTES_MIN - 1), None, "{value}");
            }
        }
    }

    #[test]
    fn refused_identity_is_respected() {
        for value in ["identity;q=0", "*;q=0", "identity;q=0, gzip;q=0, br;q=0"] {
            assert_eq!(negotiate(value), None, "{value}");
        }
        for value in ["identity;q=0, gzip", "*;q=0, gzip"] {
            let accepted = negotiate(value).expect("gzip");
            assert_eq!(accepted.encoding(1), Some(Encoding::Gzip), "{value}");
        }
    }

    #[tokio::test]
    async fn text_compressed_in_parts_is_restored() {
        let text: String = (0..100_000).map(|n| format!("{n},")).collect();
        for encoding in [Encoding::Gzip, Encoding::Brotli] {
            let parts: Vec<_> = encoding.parts(text.clone().into(), ()).collect().await;
            assert!(parts.len() > 2, "{} parts", parts.len());
            let bytes: Vec<u8> = parts
                .into_iter()
                .flat_map(|part| part.expect("no failure"))
                .collect();
            assert!(bytes.len() < text.len() / 4 * 3);
            let mut restored = String::new();
            let read = match encoding {
                Encoding::Gzip => {
                    flate2::read::GzDecoder::new(&bytes[..]).read_to_string(&mut restored)
                }
                Encoding::Brotli => {
                    brotli::Decompressor::new(&bytes[..], 4_096).read_to_string(&mut restored)
                }
            };
            read.expect("whole");
            assert_eq!(restored, text);
        }
    }
}
