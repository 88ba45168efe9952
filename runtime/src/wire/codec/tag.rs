//! The first byte of every value.
//!
//! `NAME` is in no body: it is how the decoder presents a name that it has read as a value.

macro_rules! tags {
    ($first:ident $($name:ident)*) => {
        tags! { @ 0, $first $($name)* }
    };
    (@ $number:expr, $name:ident $($rest:ident)*) => {
        pub(super) const $name: u8 = $number;
        tags! { @ $name + 1, $($rest)* }
    };
    (@ $number:expr,) => {};
}

tags! {
    END
    UNIT NONE SOME FALSE TRUE
    U8 U16 U32 U64 U128 I8 I16 I32 I64 I128 F32 F64
    CHAR STR BYTES
    SEQ MAP STRUCT UNIT_VARIANT VARIANT
    RUN BULK BULK_STR FD
    NAME
}
