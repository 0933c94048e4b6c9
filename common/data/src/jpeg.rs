//! Whether all of a JPEG image is there.
//!
//! The decoder fills what is missing from a truncated file with grey and says
//! nothing. What follows the end of an image, as many cameras write it, is no
//! fault.

/// Markers (ITU-T T.81, table B.1): start of image, end of image, start of scan,
/// restarts, and those of a segment without a length.
const START: u8 = 0xd8;
const END: u8 = 0xd9;
const SCAN: u8 = 0xda;
const RESTARTS: std::ops::RangeInclusive<u8> = 0xd0..=0xd7;
const TEMPORARY: u8 = 0x01;

/// Whether the image's own end-of-image marker is there: segments are passed over
/// by their lengths, so that neither a thumbnail within one nor what follows the
/// image is taken for it.
pub(crate) fn is_whole(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    let mut scanned = false;
    while let Some((marker, after)) = next_marker(rest) {
        rest = after;
        match marker {
            END => return scanned,
            START | TEMPORARY => {}
            marker if RESTARTS.contains(&marker) => {}
            _ => {
                scanned |= marker == SCAN;
                let Some(&[high, low]) = rest.first_chunk() else {
                    return false;
                };
                let length = usize::from(u16::from_be_bytes([high, low]));
                let Some(after) = rest.get(length..) else {
                    return false;
                };
                rest = after;
            }
        }
    }
    false
}

/// The next marker and what follows it. Within a scan's data a byte 0xff that is no
/// marker is followed by 0.
fn next_marker(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let mut at = 0;
    loop {
        at += bytes.get(at..)?.iter().position(|&byte| byte == 0xff)?;
        match bytes.get(at + 1)? {
            0 => at += 2,
            0xff => at += 1, // filling
            marker => return Some((*marker, &bytes[at + 2..])),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_images_own_end_is_found() {
        let head = b"\xff\xd8\xff\xe1\0\x06\xff\xda\xff\xd9"; // a thumbnail's markers
        let scan = b"\xff\xff\xda\0\x03\x01ab\xff\0c\xff\xd0d";
        let again = b"\xff\xc4\0\x02\xff\xda\0\x02e";
        let whole = |parts: &[&[u8]]| is_whole(&parts.concat());
        assert!(!whole(&[head]) && !whole(&[head, b"\xff\xd9"]));
        assert!(!whole(&[head, scan]) && whole(&[head, scan, b"\xff\xd9"]));
        assert!(!whole(&[head, scan, again]) && whole(&[head, scan, again, b"\xff\xd9"]));
        // A second picture behind the first, cut off.
        assert!(whole(&[head, scan, b"\xff\xd9", head, scan]));
        assert!(!whole(&[b"\xff\xd8\xff\xda\xff\xff"]) && !whole(&[]));
    }
}
