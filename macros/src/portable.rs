//! How a type is encoded and decoded, such that what cannot be sent is blamed at its own tokens.
//!
//! Of `Result<T, E>`, written so, the value and the error are encoded each by itself; otherwise the
//! compiler could say no more than that of the whole. What must be an error, or a result with one that
//! cannot be seen, goes by a trait that says what to do about errors.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{GenericArgument, Path, PathArguments, PathSegment, Type, TypePath};

use crate::types::peel;

/// A function pointer that encodes a value of this type.
pub(crate) fn encode(krate: &Path, ty: &Type) -> TokenStream {
    let Some((value, error)) = value_and_error(krate, ty) else {
        let portable = portable(krate, ty, "Portable");
        return quote!(#portable::encode);
    };
    quote_spanned! {Span::mixed_site()=>
        |value, message| {
            #krate::__private::Outcome::encode(value, message, #value::encode, #error::encode)
        }
    }
}

/// A function pointer that decodes a value of this type.
pub(crate) fn decode(krate: &Path, ty: &Type) -> TokenStream {
    let Some((value, error)) = value_and_error(krate, ty) else {
        let portable = portable(krate, ty, "Portable");
        return quote!(#portable::decode);
    };
    quote_spanned! {Span::mixed_site()=>
        |body, beside| {
            #krate::__private::Outcome::decode(body, beside, #value::decode, #error::decode)
        }
    }
}

fn value_and_error(krate: &Path, ty: &Type) -> Option<(TokenStream, TokenStream)> {
    let (_, segment) = last_two(ty)?;
    match types(segment)?[..] {
        [value, error] if segment.ident == "Result" => Some((
            portable(krate, value, "Portable"),
            portable(krate, error, "PortableError"),
        )),
        _ => None,
    }
}

/// `<TYPE as TRAIT>`, with the type the first to blame.
fn portable(krate: &Path, ty: &Type, otherwise: &str) -> TokenStream {
    let name = special(ty).unwrap_or(otherwise);
    let name = proc_macro2::Ident::new(name, Span::mixed_site().located_at(ty.span()));
    quote_spanned!(ty.span()=> <#ty as #krate::__private::#name>)
}

/// The trait for what is an error to all appearances, or fails with one.
fn special(ty: &Type) -> Option<&'static str> {
    const REPORTS: [&str; 3] = ["anyhow", "eyre", "color_eyre"];
    let (module, segment) = last_two(ty)?;
    let report = module.is_some_and(|module| REPORTS.iter().any(|name| module.ident == name));
    if segment.ident == "Result" && types(segment).is_some_and(|types| types.len() < 2) {
        // The error is in what the name stands for.
        return Some(if report {
            "PortableReportResult"
        } else {
            "PortableResult"
        });
    }
    if !segment.arguments.is_none() {
        return None;
    }
    if report && (segment.ident == "Error" || segment.ident == "Report") {
        return Some("PortableReport");
    }
    (segment.ident == "Error").then_some("PortableError")
}

/// The name at the end of a path, and the one before it.
fn last_two(ty: &Type) -> Option<(Option<&PathSegment>, &PathSegment)> {
    let Type::Path(TypePath {
        qself: None, path, ..
    }) = peel(ty)
    else {
        return None;
    };
    let mut segments = path.segments.iter().rev();
    let last = segments.next()?;
    Some((segments.next(), last))
}

/// What stands between the angle brackets, if there are types and nothing else.
fn types(segment: &PathSegment) -> Option<Vec<&Type>> {
    let arguments = match &segment.arguments {
        PathArguments::None => return Some(Vec::new()),
        PathArguments::AngleBracketed(arguments) => arguments,
        PathArguments::Parenthesized(_) => return None,
    };
    let types = arguments.args.iter().map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    types.collect()
}
