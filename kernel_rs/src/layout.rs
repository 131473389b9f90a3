//! The layout of every record that crosses the C interface, as this compiler sees it.
//!
//! `record!` declares a `repr(C)` struct and describes it in one place. A field is a signed 64-bit word, another record,
//! or an array of either (clause N3), anything else does not compile; so there is no padding, and two records are equal
//! exactly when their bytes are. The canonical text is the one of `dita.spec.layout`, every line ended by `\n`:
//!
//! ```text
//! record <name> <size in bytes>
//! word <dotted path> <offset in bytes>
//! ```
//!
//! Its SHA-256 is compared by the loader with the one that Python computes from its own records.

use crate::sha256::Sha256;

/// Words a nested path can be deep; a deeper record does not compile.
const DEPTH: usize = 8;

/// What stands at one place of a record.
pub enum Shape {
    /// A signed 64-bit integer.
    Word,
    /// A nested record.
    Record(&'static RecordLayout),
    /// `length` times the same shape, `stride` bytes apart.
    Array {
        /// Number of elements.
        length: usize,
        /// Bytes from one element to the next.
        stride: usize,
        /// What each element is.
        of: &'static Shape,
    },
}

/// A type that may be a field of a record.
pub trait Laid {
    /// Its description.
    const SHAPE: Shape;
}

impl Laid for i64 {
    const SHAPE: Shape = Shape::Word;
}

impl<T: Laid + 'static, const N: usize> Laid for [T; N] {
    const SHAPE: Shape = Shape::Array {
        length: N,
        stride: size_of::<T>(),
        of: &T::SHAPE,
    };
}

/// One field of a record.
pub struct FieldLayout {
    /// Name of the field, the same in Rust, C and Python.
    pub name: &'static str,
    /// Bytes from the start of the record.
    pub offset: usize,
    /// What stands there.
    pub shape: Shape,
}

/// One record of the C interface.
pub struct RecordLayout {
    /// Name of the record in Rust and Python; `struct dita_<lower case>` in C.
    pub name: &'static str,
    /// Bytes of the whole record.
    pub size: usize,
    /// Its fields in order.
    pub fields: &'static [FieldLayout],
}

/// SHA-256 of the canonical text: every word of `records`, then the size of `whole`.
pub const fn fingerprint(records: &[&RecordLayout], whole: &RecordLayout) -> [u8; 32] {
    let mut hash = Sha256::new();
    let mut index = 0;
    while index < records.len() {
        update_header(&mut hash, records[index]);
        update_record(&mut hash, records[index], &Path::new(), 0);
        index += 1;
    }
    update_header(&mut hash, whole);
    hash.finish()
}

/// A step on the way from a record to one of its words.
#[derive(Clone, Copy)]
enum Step {
    Field(&'static str),
    Index(usize),
}

/// The way from a record to one of its words.
#[derive(Clone, Copy)]
struct Path {
    steps: [Step; DEPTH],
    length: usize,
}

impl Path {
    const fn new() -> Self {
        Self {
            steps: [Step::Index(0); DEPTH],
            length: 0,
        }
    }

    const fn then(mut self, step: Step) -> Self {
        self.steps[self.length] = step;
        self.length += 1;
        self
    }
}

const fn update_header(hash: &mut Sha256, record: &RecordLayout) {
    hash.update(b"record ");
    hash.update(record.name.as_bytes());
    hash.update(b" ");
    update_decimal(hash, record.size);
    hash.update(b"\n");
}

const fn update_record(hash: &mut Sha256, record: &RecordLayout, path: &Path, base: usize) {
    let mut index = 0;
    while index < record.fields.len() {
        let field = &record.fields[index];
        update_shape(
            hash,
            &field.shape,
            &path.then(Step::Field(field.name)),
            base + field.offset,
        );
        index += 1;
    }
}

const fn update_shape(hash: &mut Sha256, shape: &Shape, path: &Path, offset: usize) {
    match shape {
        Shape::Word => update_word(hash, path, offset),
        Shape::Record(record) => update_record(hash, record, path, offset),
        Shape::Array { length, stride, of } => {
            let mut index = 0;
            while index < *length {
                update_shape(hash, of, &path.then(Step::Index(index)), offset + index * *stride);
                index += 1;
            }
        }
    }
}

const fn update_word(hash: &mut Sha256, path: &Path, offset: usize) {
    hash.update(b"word ");
    let mut index = 0;
    while index < path.length {
        match path.steps[index] {
            Step::Field(name) => {
                if index > 0 {
                    hash.update(b".");
                }
                hash.update(name.as_bytes());
            }
            Step::Index(number) => {
                hash.update(b"[");
                update_decimal(hash, number);
                hash.update(b"]");
            }
        }
        index += 1;
    }
    hash.update(b" ");
    update_decimal(hash, offset);
    hash.update(b"\n");
}

const fn update_decimal(hash: &mut Sha256, number: usize) {
    let mut divisor = 1;
    while number / divisor >= 10 {
        divisor *= 10;
    }
    while divisor > 0 {
        hash.update(b"0123456789".split_at(number / divisor % 10).1.split_at(1).0);
        divisor /= 10;
    }
}

/// Declares a record of the C interface: `record! { /// Doc.  pub struct Name { pub field: i64 } }`.
macro_rules! record {
    ($(#[$meta:meta])* pub struct $name:ident { $($(#[$field_meta:meta])* pub $field:ident : $kind:ty),+ $(,)? }) => {
        $(#[$meta])*
        #[repr(C)]
        #[derive(Clone, Copy)]
        #[cfg_attr(test, derive(Debug, PartialEq, Eq))]
        #[allow(missing_docs, reason = "the fields are described once, in dita.spec")]
        pub struct $name { $($(#[$field_meta])* pub $field: $kind,)+ }

        impl $name {
            /// The layout of this record, for the fingerprint.
            pub const LAYOUT: $crate::layout::RecordLayout = $crate::layout::RecordLayout {
                name: stringify!($name),
                size: size_of::<$name>(),
                fields: &[$($crate::layout::FieldLayout {
                    name: stringify!($field),
                    offset: core::mem::offset_of!($name, $field),
                    shape: <$kind as $crate::layout::Laid>::SHAPE,
                },)+],
            };
        }

        impl $crate::layout::Laid for $name {
            const SHAPE: $crate::layout::Shape = $crate::layout::Shape::Record(&$name::LAYOUT);
        }
    };
}

#[cfg(test)]
mod tests {
    use super::{Sha256, fingerprint};

    record! {
        /// A nested record.
        pub struct Inner {
            /// A word.
            pub a: i64,
            /// Two words.
            pub b: [i64; 2],
        }
    }

    record! {
        /// A record with every shape and an offset of two digits.
        pub struct Outer {
            /// A word.
            pub first: i64,
            /// Two records.
            pub inner: [Inner; 2],
        }
    }

    /// The fingerprint is the hash of the text that the module's page promises, written out here by hand.
    #[test]
    fn fingerprint_is_the_hash_of_the_canonical_text() {
        let mut hash = Sha256::new();
        hash.update(b"record Inner 24\nword a 0\nword b[0] 8\nword b[1] 16\n");
        hash.update(b"record Outer 56\nword first 0\n");
        hash.update(b"word inner[0].a 8\nword inner[0].b[0] 16\nword inner[0].b[1] 24\n");
        hash.update(b"word inner[1].a 32\nword inner[1].b[0] 40\nword inner[1].b[1] 48\n");
        hash.update(b"record Outer 56\n");

        assert_eq!(
            fingerprint(&[&Inner::LAYOUT, &Outer::LAYOUT], &Outer::LAYOUT),
            hash.finish()
        );
    }
}
