//! The type that bears the function's name and carries what calls need to know.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, Ident, ItemFn, Meta};

/// The attributes that decide whether the function is there at all; what describes it goes with it.
pub(crate) fn cfgs(attrs: &[Attribute]) -> TokenStream {
    let cfgs = attrs.iter().filter(|attr| is_cfg(attr));
    quote!(#(#cfgs)*)
}

fn is_cfg(attr: &Attribute) -> bool {
    // Of `cfg_attr(unix, cfg(..))` and the like; another attribute may not fit what we emit.
    let nested =
        |meta: &Meta| match meta {
            Meta::List(list) => list.tokens.clone().into_iter().any(
                |token| matches!(token, proc_macro2::TokenTree::Ident(ident) if ident == "cfg"),
            ),
            _ => false,
        };
    attr.path().is_ident("cfg") || attr.path().is_ident("cfg_attr") && nested(&attr.meta)
}

/// Types and functions live in different namespaces, so the type can have the function's name, and
/// one `use` brings both. It is no `mod`, whose items would not see the types that are declared in the
/// function body around it.
pub(crate) fn declare(item: &ItemFn) -> TokenStream {
    let ItemFn {
        attrs, vis, sig, ..
    } = item;
    let name: &Ident = &sig.ident;
    let cfgs = cfgs(attrs);
    let deprecated = attrs
        .iter()
        .filter(|attr| attr.path().is_ident("deprecated"));
    quote! {
        #cfgs
        #(#deprecated)*
        #[doc(hidden)]
        #[allow(non_camel_case_types, dead_code, missing_debug_implementations)]
        #vis enum #name {}
    }
}
