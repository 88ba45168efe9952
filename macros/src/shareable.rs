//! `#[derive(Shareable)]`: structs that may lie in shared memory.
//!
//! What can be seen in the text is said here. The rest is left to rustc, each at the guilty field: that its type is
//! `Shareable` by a bound, that no gap follows it by an assertion.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::parse::{Error, ParseStream, Parser, Result};
use syn::spanned::Spanned;
use syn::{Attribute, Field, GenericParam, Ident, Index, Item, ItemStruct, Member, Path};
use syn::{Meta, Token, parse_quote};

pub(crate) fn expand(item: &Item) -> TokenStream {
    let result = match item {
        Item::Struct(item) => describe(item),
        Item::Enum(item) => Err(Error::new_spanned(
            item.enum_token,
            "an enum can't lie in shared memory: another process could write a number that none of its variants has; \
             use a number, and convert it where it is read",
        )),
        Item::Union(item) => Err(Error::new_spanned(
            item.union_token,
            "a union can't lie in shared memory: which of its fields was written is known to nobody; use an array of \
             bytes, or a struct",
        )),
        other => Err(Error::new_spanned(
            other,
            "Shareable is derived for structs",
        )),
    };
    result.unwrap_or_else(|error| error.into_compile_error())
}

fn describe(item: &ItemStruct) -> Result<TokenStream> {
    let krate = krate(&item.attrs)?;
    check_generics(item)?;
    check_repr(item)?;
    let fields: Vec<(Member, &Field)> = item
        .fields
        .iter()
        .enumerate()
        .map(|(index, field)| (member(index, field), field))
        .collect();
    if fields.is_empty() {
        return Err(Error::new_spanned(
            &item.ident,
            "a struct without fields has no bytes that could lie in shared memory",
        ));
    }

    let name = &item.ident;
    let types = fields.iter().map(|(_, field)| &field.ty);
    let drops = drops(name);
    let gaps = gaps(name, &fields);
    Ok(quote_spanned! {Span::mixed_site()=>
        // SAFETY: what the trait asks for is what is checked below.
        #[automatically_derived]
        unsafe impl #krate::shared::Shareable for #name {}

        // All in one, since a mistake that one check finds would be another's, too.
        const _: () = {
            const fn field<T: #krate::shared::Shareable>() {}
            #(field::<#types>();)*
            #drops
            #(#gaps)*
        };
    })
}

fn drops(name: &Ident) -> TokenStream {
    let message = format!(
        "`{name}` implements Drop, but nobody owns what lies in shared memory: it would be dropped by each process, or \
         by none"
    );
    quote_spanned! {Span::mixed_site().located_at(name.span())=>
        ::core::assert!(!::core::mem::needs_drop::<#name>(), #message);
    }
}

/// One assertion a field: that the next one, or the end, follows it at once.
fn gaps(name: &Ident, fields: &[(Member, &Field)]) -> Vec<TokenStream> {
    let ends = fields.iter().enumerate().map(|(index, (member, field))| {
        let ty = &field.ty;
        let next = match fields.get(index + 1) {
            Some((next, _)) => quote!(::core::mem::offset_of!(#name, #next)),
            None => quote!(::core::mem::size_of::<#name>()),
        };
        let shown = member.to_token_stream().to_string();
        let message = format!(
            "`{name}` has padding after its field `{shown}`: bytes that are nobody's, and undefined, can't be shared; \
             order the fields by size, the largest first, or fill the gap with a field like `_pad: [u8; N]`"
        );
        let place = match &field.ident {
            Some(ident) => ident.span(),
            None => ty.span(),
        };
        quote_spanned! {Span::mixed_site().located_at(place)=>
            ::core::assert!(
                ::core::mem::offset_of!(#name, #member) + ::core::mem::size_of::<#ty>() == #next,
                #message
            );
        }
    });
    ends.collect()
}

fn member(index: usize, field: &Field) -> Member {
    match &field.ident {
        Some(ident) => Member::Named(ident.clone()),
        None => Member::Unnamed(Index::from(index)),
    }
}

/// `#[shareable(crate = path)]`
fn krate(attrs: &[Attribute]) -> Result<Path> {
    let mut krate = None;
    for attr in attrs
        .iter()
        .filter(|attr| attr.path().is_ident("shareable"))
    {
        let option = |input: ParseStream<'_>| {
            if !input.peek(Token![crate]) {
                return Err(input.error("the only option is `crate = path`"));
            }
            input.parse::<Token![crate]>()?;
            input.parse::<Token![=]>()?;
            input.call(Path::parse_mod_style)
        };
        let path = match &attr.meta {
            Meta::List(list) => option.parse2(list.tokens.clone())?,
            other => {
                return Err(Error::new_spanned(
                    other,
                    "write `#[shareable(crate = path)]`",
                ));
            }
        };
        if krate.replace(path).is_some() {
            return Err(Error::new_spanned(attr, "this option is given twice"));
        }
    }
    Ok(krate.unwrap_or_else(|| parse_quote!(::offspring)))
}

fn check_generics(item: &ItemStruct) -> Result<()> {
    match item.generics.params.first() {
        None => Ok(()),
        Some(param @ GenericParam::Lifetime(_)) => Err(Error::new_spanned(
            param,
            "what lies in shared memory can't borrow: a reference points nowhere in another process",
        )),
        Some(param) => Err(Error::new_spanned(
            param,
            "a struct with parameters can't be derived Shareable, since some of them could bring padding: write a struct \
             of concrete types",
        )),
    }
}

fn check_repr(item: &ItemStruct) -> Result<()> {
    let mut is_fixed = false;
    for attr in item
        .attrs
        .iter()
        .filter(|attr| attr.path().is_ident("repr"))
    {
        attr.parse_nested_meta(|meta| {
            if meta.path.is_ident("packed") {
                return Err(meta.error(
                    "the fields of a packed struct aren't aligned, which shared memory needs: fill gaps with a field like \
                     `_pad: [u8; N]` instead",
                ));
            }
            is_fixed |= meta.path.is_ident("C") || meta.path.is_ident("transparent");
            // `align(8)`
            if meta.input.peek(syn::token::Paren) {
                let content;
                syn::parenthesized!(content in meta.input);
                content.parse::<TokenStream>()?;
            }
            Ok(())
        })?;
    }
    if is_fixed {
        return Ok(());
    }
    let name: &Ident = &item.ident;
    let message = format!(
        "put #[repr(C)] on `{name}`: without it the order of its fields is the compiler's choice, and two programs that \
         share the memory may each get another one"
    );
    Err(Error::new_spanned(name, message))
}
