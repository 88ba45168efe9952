//! What can be told from the tokens of a type.

use quote::ToTokens;
use syn::{GenericArgument, PathArguments, ReturnType, Type, TypeParamBound, TypeReference};

/// The type without the invisible group that a `$t:ty` of `macro_rules!` is in, and without parentheses.
pub(crate) fn peel(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => peel(&group.elem),
        Type::Paren(paren) => peel(&paren.elem),
        ty => ty,
    }
}

/// Something in a type that borrows.
pub(crate) enum Borrow<'a> {
    Reference(&'a TypeReference),
    /// `'_` or a named lifetime between angle brackets.
    Lifetime(&'a syn::Lifetime),
}

/// The first borrow in the type, but for `'static` between angle brackets.
pub(crate) fn find_borrow(ty: &Type) -> Option<Borrow<'_>> {
    match peel(ty) {
        Type::Reference(reference) => Some(Borrow::Reference(reference)),
        Type::Array(array) => find_borrow(&array.elem),
        Type::Slice(slice) => find_borrow(&slice.elem),
        Type::Tuple(tuple) => tuple.elems.iter().find_map(find_borrow),
        Type::Path(path) => path.path.segments.iter().find_map(|segment| {
            let PathArguments::AngleBracketed(arguments) = &segment.arguments else {
                return None;
            };
            arguments.args.iter().find_map(|argument| match argument {
                GenericArgument::Type(ty) => find_borrow(ty),
                GenericArgument::Lifetime(lifetime) if lifetime.ident != "static" => {
                    Some(Borrow::Lifetime(lifetime))
                }
                _ => None,
            })
        }),
        _ => None,
    }
}

/// `dyn Error`, which cannot be serialized, anywhere in a type.
pub(crate) fn find_dyn_error(ty: &Type) -> Option<&Type> {
    match peel(ty) {
        Type::TraitObject(object) => {
            let is_error = |bound: &TypeParamBound| match bound {
                TypeParamBound::Trait(bound) => bound
                    .path
                    .segments
                    .last()
                    .is_some_and(|segment| segment.ident == "Error"),
                _ => false,
            };
            object.bounds.iter().any(is_error).then_some(ty)
        }
        Type::Tuple(tuple) => tuple.elems.iter().find_map(find_dyn_error),
        Type::Path(path) => path.path.segments.iter().find_map(|segment| {
            let PathArguments::AngleBracketed(arguments) = &segment.arguments else {
                return None;
            };
            arguments.args.iter().find_map(|argument| match argument {
                GenericArgument::Type(ty) => find_dyn_error(ty),
                _ => None,
            })
        }),
        _ => None,
    }
}

impl Borrow<'_> {
    /// What to write instead, if that can be told.
    pub(crate) fn owned_name(&self) -> Option<String> {
        let Self::Reference(reference) = self else {
            return None;
        };
        Some(match peel(&reference.elem) {
            Type::Slice(slice) => format!("Vec<{}>", text(&slice.elem)),
            ty if last_name_is(ty, &["str"]) => "String".into(),
            ty if last_name_is(ty, &["Path"]) => "PathBuf".into(),
            ty if last_name_is(ty, &["OsStr"]) => "OsString".into(),
            ty => text(ty),
        })
    }

    /// As it is written.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Reference(reference) => text(*reference),
            Self::Lifetime(lifetime) => lifetime.to_string(),
        }
    }
}

impl ToTokens for Borrow<'_> {
    fn to_tokens(&self, tokens: &mut proc_macro2::TokenStream) {
        match self {
            Self::Reference(reference) => reference.to_tokens(tokens),
            Self::Lifetime(lifetime) => lifetime.to_tokens(tokens),
        }
    }
}

/// Tokens as people write them, or nearly so.
fn text(tokens: impl ToTokens) -> String {
    let text = tokens.to_token_stream().to_string();
    [
        (" <", "<"),
        ("< ", "<"),
        (" >", ">"),
        ("& ", "&"),
        (" ,", ","),
        (" :: ", "::"),
    ]
    .iter()
    .fold(text, |text, (from, to)| text.replace(from, to))
}

/// `T` of `Vec<T>`.
pub(crate) fn vec_element(ty: &Type) -> Option<&Type> {
    match generics(ty, "Vec")?[..] {
        [element] => Some(element),
        _ => None,
    }
}

/// `T` of `[T]`.
pub(crate) fn slice_element(ty: &Type) -> Option<&Type> {
    match peel(ty) {
        Type::Slice(slice) => Some(&slice.elem),
        _ => None,
    }
}

/// `T` of `BTreeMap<String, T>`.
pub(crate) fn map_value(ty: &Type) -> Option<&Type> {
    match generics(ty, "BTreeMap")?[..] {
        [key, value] if last_name_is(key, &["String"]) => Some(value),
        _ => None,
    }
}

fn generics<'a>(ty: &'a Type, name: &str) -> Option<Vec<&'a Type>> {
    let Type::Path(path) = peel(ty) else {
        return None;
    };
    let segment = path.path.segments.last()?;
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else {
        return None;
    };
    let types = arguments.args.iter().map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    if segment.ident == name {
        types.collect()
    } else {
        None
    }
}

/// Whether a parameter of this type takes all kinds of text.
pub(crate) fn is_text(ty: &Type) -> bool {
    last_name_is(
        ty,
        &["String", "PathBuf", "OsString", "str", "Path", "OsStr"],
    )
}

/// Whether it is a path that ends with one of these names and has no generic arguments there.
pub(crate) fn last_name_is(ty: &Type, names: &[&str]) -> bool {
    let Type::Path(path) = peel(ty) else {
        return false;
    };
    path.path.segments.last().is_some_and(|segment| {
        segment.arguments.is_none() && names.iter().any(|name| segment.ident == name)
    })
}

/// What a function returns, with `()` written out.
pub(crate) fn output(output: &ReturnType) -> Type {
    match output {
        ReturnType::Default => syn::parse_quote!(()),
        ReturnType::Type(_, ty) => (**ty).clone(),
    }
}
