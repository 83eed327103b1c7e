//! Undoing `Content-Encoding`, with a limit on what comes out.

use std::io::{self, Read};

use brotli_decompressor::Decompressor;
use bytes::Bytes;
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

/// Codings that may be put on each other.
const CODINGS_MAX: usize = 3;
const BROTLI_BUFFER: usize = 4096;

/// Why a body is not decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DecodeError {
    /// More comes out than may.
    TooLarge,
    /// It is not what it says.
    Broken,
    /// It says something that is not known.
    Unknown,
}

/// How much may come out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DecodeLimits {
    /// Bytes.
    pub(crate) bytes: usize,
    /// Times what went in.
    pub(crate) ratio: usize,
}

/// Whether there is anything to undo.
pub(crate) fn is_coded(encoding: &str) -> bool {
    codings(encoding).next().is_some()
}

/// Undoes the codings of a `Content-Encoding`. Takes as long as that takes.
pub(crate) fn decode(
    encoding: &str,
    body: &Bytes,
    limits: DecodeLimits,
) -> Result<Bytes, DecodeError> {
    let limit = body.len().saturating_mul(limits.ratio).min(limits.bytes);
    let codings: Vec<&str> = codings(encoding).collect();
    if codings.len() > CODINGS_MAX {
        return Err(DecodeError::Unknown);
    }
    let mut decoded = body.clone();
    for coding in codings.iter().rev() {
        decoded = undo(coding, &decoded, limit)?.into();
    }
    Ok(decoded)
}

fn codings(encoding: &str) -> impl Iterator<Item = &str> {
    encoding
        .split(',')
        .map(str::trim)
        .filter(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case("identity"))
}

fn undo(coding: &str, body: &[u8], limit: usize) -> Result<Vec<u8>, DecodeError> {
    match coding.to_ascii_lowercase().as_str() {
        "gzip" | "x-gzip" => read(MultiGzDecoder::new(body), limit),
        // The standard means zlib; some send the bare stream.
        "deflate" => match read(ZlibDecoder::new(body), limit) {
            Err(DecodeError::Broken) => read(DeflateDecoder::new(body), limit),
            outcome => outcome,
        },
        "br" => read(Decompressor::new(body, BROTLI_BUFFER), limit),
        _ => Err(DecodeError::Unknown),
    }
}

fn read(decoder: impl Read, limit: usize) -> Result<Vec<u8>, DecodeError> {
    let mut decoded = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let outcome: io::Result<usize> = decoder.take(most).read_to_end(&mut decoded);
    if decoded.len() > limit {
        return Err(DecodeError::TooLarge);
    }
    match outcome {
        Ok(_) => Ok(decoded),
        Err(_) => Err(DecodeError::Broken),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use proptest::prelude::*;

    use super::*;

    const LIMITS: DecodeLimits = DecodeLimits {
        bytes: 10_000,
        ratio: 100,
    };
    /// `hello` as the reference encoder writes it.
    const BROTLI: &[u8] = b"\x0b\x02\x80hello\x03";

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(text: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn deflate(text: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn decoded(encoding: &str, body: Vec<u8>) -> Result<Bytes, DecodeError> {
        decode(encoding, &body.into(), LIMITS)
    }

    #[test]
    fn each_coding_is_undone_in_turn() {
        for (encoding, body) in [
            ("gzip", gzip(b"hello")),
            ("X-GZIP", gzip(b"hello")),
            ("deflate", zlib(b"hello")),
            ("deflate", deflate(b"hello")),
            ("br", BROTLI.to_vec()),
            ("deflate, gzip", gzip(&zlib(b"hello"))),
            ("identity,gzip,", gzip(b"hello")),
            ("identity", b"hello".to_vec()),
            ("", b"hello".to_vec()),
        ] {
            assert_eq!(decoded(encoding, body).unwrap(), "hello", "{encoding}");
        }
    }

    #[test]
    fn what_is_not_as_it_says_is_refused() {
        let cut = gzip(b"hello")[..15].to_vec();
        for (encoding, body, error) in [
            ("gzip", b"hello".to_vec(), DecodeError::Broken),
            ("gzip", cut, DecodeError::Broken),
            ("br", b"\xff\xff\xff".to_vec(), DecodeError::Broken),
            ("zstd", b"hello".to_vec(), DecodeError::Unknown),
            ("gzip,gzip,gzip,gzip", gzip(b""), DecodeError::Unknown),
            ("gzip", gzip(&vec![0; 10_001]), DecodeError::TooLarge),
            ("gzip", gzip(&vec![0; 9_000]), DecodeError::TooLarge),
        ] {
            assert_eq!(decoded(encoding, body), Err(error), "{encoding}");
        }
        assert!(decoded("gzip", gzip(&[0; 2_000])).is_ok());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_or_give_more_than_the_limit(
            bytes in prop::collection::vec(any::<u8>(), 0..300),
            encoding in "gzip|deflate|br|gzip,br",
        ) {
            if let Ok(decoded) = decode(&encoding, &bytes.into(), LIMITS) {
                prop_assert!(decoded.len() <= LIMITS.bytes);
            }
        }
    }
}
