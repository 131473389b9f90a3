//! The path vectors, replayed: on every path of the reference, what it gave there, against this crate.
//!
//! `vectors/path_vectors.bin` is made by `dita vectors`; `dita.conformance.vectors.rows` says how: a magic, the SHA-256
//! of the rest, the number of vectors and of the paths that they take, then zigzag LEB128. A vector is its path, purpose
//! and base (1: the state begins blank again), and four groups of words behind their length, made of runs: how many
//! words are left alone, how many follow, and these. The groups are the changes of the state and of the input from the
//! vector before, the outcome, and the changes of the state by the step.

use core::slice;

use crate::records::{Input, Outcome, State};
use crate::sha256::Sha256;
use crate::step::step;

const KEPT: &[u8] = include_bytes!("../vectors/path_vectors.bin");
const MAGIC: &[u8] = b"DITAVEC1";
const HEAD: usize = 8 + 32;

/// What was replayed.
#[derive(Debug, PartialEq, Eq)]
struct Replayed {
    vectors: u64,
    paths: u64,
}

/// The integers of the file, one after the other.
struct Reader<'a> {
    bytes: &'a [u8],
}

impl Reader<'_> {
    fn fixed(&mut self) -> Result<u64, String> {
        let (word, rest) = self.bytes.split_first_chunk().ok_or("the file ends in its counts")?;
        self.bytes = rest;
        Ok(u64::from_le_bytes(*word))
    }

    fn word(&mut self) -> Result<i64, String> {
        let mut value: u64 = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.bytes.split_first().ok_or("the file ends within a vector")?;
            self.bytes = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed());
            }
        }
        Err("a word has more than 64 bits".to_owned())
    }

    fn size(&mut self) -> Result<usize, String> {
        usize::try_from(self.word()?).map_err(|_| "a length is negative".to_owned())
    }

    /// Put a group's words into their places.
    fn change(&mut self, words: &mut [i64]) -> Result<(), String> {
        let mut left = self.size()?;
        let mut place = 0;
        while left > 0 {
            place = self.size()?.saturating_add(place);
            let length = self.size()?;
            let run = words
                .get_mut(place..place.saturating_add(length))
                .filter(|run| !run.is_empty());
            for word in run.ok_or("a run of words does not fit")? {
                *word = self.word()?;
            }
            place += length;
            left = left
                .checked_sub(length.saturating_add(2))
                .ok_or("a run is longer than its group")?;
        }
        Ok(())
    }
}

/// A record's words.
fn words<T>(record: &mut T) -> &mut [i64] {
    let first: *mut T = record;
    // SAFETY: a record is nothing but 64-bit words, and the borrow of the record is handed on.
    unsafe { slice::from_raw_parts_mut(first.cast(), size_of::<T>() / 8) }
}

/// Replay a whole file: it must be what was written, hold something, and agree.
fn replay(file: &[u8]) -> Result<Replayed, String> {
    let content = file.get(HEAD..).filter(|_| file.starts_with(MAGIC));
    let content = content.ok_or("this is no file of path vectors")?;
    let mut hash = Sha256::new();
    hash.update(content);
    if hash.finish() != file[MAGIC.len()..HEAD] {
        return Err("the file is not what was written; make it anew with `dita vectors`".to_owned());
    }
    agree(content)
}

/// Replay the vectors behind the hash.
fn agree(content: &[u8]) -> Result<Replayed, String> {
    let mut reader = Reader { bytes: content };
    let (vectors, paths) = (reader.fixed()?, reader.fixed()?);
    let (mut before, mut event) = (State::INITIAL, Input::EMPTY);
    let mut taken = std::collections::BTreeSet::new();
    for number in 0..vectors {
        let (path, _purpose, base) = (reader.word()?, reader.word()?, reader.word()?);
        taken.insert(path);
        if base == 1 {
            before = State::INITIAL;
        }
        reader.change(words(&mut before))?;
        reader.change(words(&mut event))?;
        let (mut expected, mut after) = (Outcome::EMPTY, before);
        reader.change(words(&mut expected))?;
        reader.change(words(&mut after))?;
        let (mut state, mut outcome) = (before, Outcome::EMPTY);
        step(&mut state, &event, &mut outcome);
        if outcome != expected {
            return Err(format!(
                "vector {number}, path {path}: {event:?} gives {outcome:?}, not {expected:?}"
            ));
        }
        let (ours, theirs) = (words(&mut state), words(&mut after));
        if let Some(word) = (0..ours.len()).find(|&word| ours[word] != theirs[word]) {
            return Err(format!(
                "vector {number}, path {path}: {event:?} leaves {} in word {word} of the state, not {}",
                ours[word], theirs[word]
            ));
        }
    }
    if !reader.bytes.is_empty() {
        return Err("something follows the last vector".to_owned());
    }
    if vectors == 0 || taken.len() as u64 != paths {
        return Err(format!("{} of {paths} paths have a vector", taken.len()));
    }
    Ok(Replayed { vectors, paths })
}

/// Every path has a vector, and the crate does on all of them what the reference did.
#[test]
fn every_path_agrees() {
    let replayed = replay(KEPT).expect("the reference's own answers");
    assert!(
        replayed.paths > 1_000 && replayed.vectors > replayed.paths,
        "{replayed:?}"
    );
}

/// A file that is empty, cut short anywhere, or changed in one byte is refused.
#[test]
fn a_file_that_was_not_written_so_is_refused() {
    assert!(replay(&[]).is_err());
    assert!(replay(&KEPT[..HEAD]).is_err());
    for length in [KEPT.len() - 1, KEPT.len() / 2, HEAD + 16, HEAD + 8, 9] {
        assert!(replay(&KEPT[..length]).is_err(), "cut to {length}");
    }
    for place in [0, 8, HEAD, HEAD + 8, KEPT.len() / 2, KEPT.len() - 1] {
        let mut changed = KEPT.to_vec();
        changed[place] ^= 1;
        assert!(replay(&changed).is_err(), "byte {place}");
    }
}

/// Behind the hash too: vectors cut short, none at all, too few paths, and trailing words are noticed.
#[test]
fn contents_that_do_not_add_up_are_refused() {
    let content = &KEPT[HEAD..];
    assert!(agree(&content[..content.len() - 1]).is_err());
    assert!(agree(&[&[0; 8], &content[8..]].concat()).is_err());
    assert_eq!(agree(&[0; 16]), Err("0 of 0 paths have a vector".to_owned()));
    assert!(agree(&[&content[..8], &[0xff; 8], &content[16..]].concat()).is_err());
    assert!(agree(&[content, &[0]].concat()).is_err());
}

/// An expectation that is off by one word, in the outcome or in the state after, is a disagreement.
#[test]
fn a_changed_expectation_is_noticed() {
    // one vector of path 0: the blank state, an input that names no kind, and the refusal BAD_KIND
    let code = crate::vocabulary::Code::BadKind as u8;
    let file = |outcome: &[u8], after: &[u8]| {
        let head = [1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0];
        let groups = [&[0, 0, 0, 0, 0], outcome, after].concat();
        [&head[..], &groups[..]].concat()
    };
    let refusal = [6, 2, 2, 2 * code];
    assert_eq!(agree(&file(&refusal, &[0])), Ok(Replayed { vectors: 1, paths: 1 }));
    let other = agree(&file(&[6, 2, 2, 2 * code + 2], &[0])).expect_err("another code");
    assert!(other.contains("gives Outcome"), "{other}");
    let moved = agree(&file(&refusal, &[6, 0, 2, 2])).expect_err("a state that changed");
    assert!(moved.contains("word 0 of the state, not 1"), "{moved}");
}
