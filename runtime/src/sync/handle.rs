//! What all handles have in common: clones, `Debug`, and going to another process.

/// Makes a tuple struct of an `Arc<Shared<..>>` a handle.
///
/// `create` and `open` are given, with the number of words and the name that `/proc/PID/maps` shows.
macro_rules! handle {
    ($name:ident $(<$param:ident: $bound:path>)?, $body:ty, $words:expr, $label:literal) => {
        impl$(<$param: $bound>)? $name$(<$param>)? {
            fn create() -> $crate::Result<Self> {
                match $crate::sync::segment::Shared::<$body>::create($label, $words) {
                    Ok(shared) => Ok(Self(::std::sync::Arc::new(shared))),
                    Err(error) => Err($crate::Error::system(
                        concat!("can't create a ", stringify!($name)),
                        error,
                    )),
                }
            }
        }

        /// Another handle to the same.
        impl$(<$param: $bound>)? Clone for $name$(<$param>)? {
            fn clone(&self) -> Self {
                Self(self.0.clone())
            }
        }

        /// As an argument of a call.
        impl$(<$param: $bound>)? ::serde::Serialize for $name$(<$param>)? {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                ::serde::Serialize::serialize(
                    &$crate::wire::Descriptor::lend(self.0.fd()),
                    serializer,
                )
            }
        }

        impl<'de, $($param: $bound)?> ::serde::Deserialize<'de> for $name$(<$param>)? {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let fd = <$crate::wire::Descriptor as ::serde::Deserialize>::deserialize(deserializer)?;
                match $crate::sync::segment::Shared::<$body>::open(fd.into_fd(), $words) {
                    Ok(shared) => Ok(Self(::std::sync::Arc::new(shared))),
                    Err(error) => Err(::serde::de::Error::custom(format_args!(
                        concat!("a ", stringify!($name), " can't be mapped: {}"),
                        error
                    ))),
                }
            }
        }
    };
}
pub(super) use handle;
