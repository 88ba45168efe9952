//! What a call becomes: one compile-time check for each thing that can be wrong, shown at the tokens
//! that are, and the list of the arguments.
//!
//! It is one function call and no block, so that a temporary in an argument lives as long as it would
//! in a call of the function itself: `call!(f, &make()).name("x").start()`.
//!
//! Between angle brackets the function stands in parentheses: without them rustc would take a name that
//! is no type for a constant, and find a second mistake in that.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{Expr, UnOp};

use crate::syntax::{Argument, Call, Macro};

pub(crate) fn expand(call: &Call) -> TokenStream {
    let Call {
        krate,
        callee,
        which,
        daemon,
        ..
    } = call;
    let checked = checks(call);
    let mut holes = Vec::new();
    let mut given = Vec::new();
    for (index, argument) in call.positional.iter().enumerate() {
        let slot = quote!(#krate::__private::positional_slot::<(#callee)>(#index));
        let place = quote!(#index, ::core::option::Option::None);
        sort(call, argument, &slot, &place, &mut given, &mut holes);
    }
    given.extend(call.list.as_ref().map(|list| spread_list(call, list)));
    let count = call.positional.len();
    for (index, keyword) in call.keywords.iter().enumerate() {
        let name = keyword.name.unraw().to_string();
        let index = count + index;
        let slot = quote!(#krate::__private::keyword_slot::<(#callee)>(#name, #count));
        let place = quote!(#index, ::core::option::Option::Some(#name));
        sort(call, &keyword.value, &slot, &place, &mut given, &mut holes);
    }
    given.extend(call.map.as_ref().map(|map| spread_map(call, map)));
    let fixed = list(krate, given);

    if !holes.is_empty() {
        let names: Vec<_> = (0..holes.len()).map(hole_name).collect();
        let open = list(krate, holes);
        let pattern = match &names[..] {
            [name] => quote!(#name),
            names => quote!((#(#names),*)),
        };
        return quote_spanned! {Span::mixed_site()=>
            #krate::__private::partial::<(#callee), _, _, _, _, _>(#checked, #fixed, move |#pattern| #open)
        };
    }
    let called = quote_spanned! {Span::mixed_site()=>
        #krate::__private::call::<(#callee), _, _>(#checked, #fixed)
    };
    match (which, daemon) {
        (Macro::Call, _) => called,
        (Macro::Spawn, false) => quote_spanned!(Span::mixed_site()=> #called.start()),
        (Macro::Spawn, true) => quote_spanned!(Span::mixed_site()=> #called.daemon(true).start()),
    }
}

/// An item of the list: all but the rest of the list, which follows it in parentheses.
struct Item {
    constructor: TokenStream,
    arguments: TokenStream,
}

fn list(krate: &TokenStream, items: Vec<Item>) -> TokenStream {
    items.into_iter().rev().fold(quote!(#krate::__private::End), |rest, item| {
        let Item { constructor, arguments } = item;
        quote_spanned!(Span::mixed_site()=> #krate::__private::#constructor::new(#arguments, #rest))
    })
}

/// Holes are filled later, and each gets its argument from a parameter of the closure that does so.
fn sort(
    call: &Call,
    argument: &Argument,
    slot: &TokenStream,
    place: &TokenStream,
    given: &mut Vec<Item>,
    holes: &mut Vec<Item>,
) {
    let Call { krate, callee, .. } = call;
    let item = |value: TokenStream| Item {
        constructor: quote!(Given),
        arguments: quote_spanned! {Span::mixed_site()=>
            #krate::__private::slot::<(#callee), { #slot }, _>().accept(#value),
            #krate::__private::Place::new::<(#callee)>(#slot, #place)
        },
    };
    match argument {
        Argument::Value(value) => given.push(item(without_parentheses(value))),
        Argument::Hole(hole) => {
            let mut name = hole_name(holes.len());
            name.set_span(Span::mixed_site().located_at(hole.span));
            holes.push(item(quote!(#name)));
        }
    }
}

/// `(daemon)` is passed as `daemon`: rustc would find the parentheses superfluous.
fn without_parentheses(value: &Expr) -> TokenStream {
    match value {
        Expr::Paren(paren) if paren.attrs.is_empty() => paren.expr.to_token_stream(),
        value => value.to_token_stream(),
    }
}

/// `**value`
fn is_starred(value: &Expr) -> bool {
    let starred = |value: &Expr| match value {
        Expr::Unary(unary) if matches!(unary.op, UnOp::Deref(_)) => Some(unary.expr.clone()),
        _ => None,
    };
    starred(value).is_some_and(|value| starred(&value).is_some())
}

fn hole_name(index: usize) -> Ident {
    format_ident!("hole{index}", span = Span::mixed_site())
}

fn spread_list(call: &Call, list: &Expr) -> Item {
    let Call {
        krate,
        callee,
        positional,
        ..
    } = call;
    let position = positional.len();
    let slot = quote!(#krate::__private::spread_slot::<(#callee)>(#krate::__private::Kind::Args));
    // What is wrong with the list or an item is shown at the list.
    let items = shown_at(list, quote!(#krate::__private::Items::items));
    let item = shown_at(list, quote_spanned!(Span::mixed_site()=> item));
    Item {
        constructor: quote!(Spread),
        arguments: quote_spanned! {Span::mixed_site()=>
            #items(
                #list,
                |item| #krate::__private::slot::<(#callee), { #slot }, _>().accept(#item),
            ),
            #krate::__private::Place::new::<(#callee)>(#slot, #position, ::core::option::Option::None)
        },
    }
}

fn spread_map(call: &Call, map: &Expr) -> Item {
    let Call {
        krate,
        callee,
        keywords,
        ..
    } = call;
    let taken = keywords
        .iter()
        .map(|keyword| keyword.name.unraw().to_string());
    let slot = quote!(#krate::__private::spread_slot::<(#callee)>(#krate::__private::Kind::Kwargs));
    let pairs = shown_at(map, quote!(#krate::__private::Pairs::pairs));
    let value = shown_at(map, quote_spanned!(Span::mixed_site()=> value));
    Item {
        constructor: quote!(SpreadNamed),
        arguments: quote_spanned! {Span::mixed_site()=>
            #pairs(
                #map,
                |value| #krate::__private::slot::<(#callee), { #slot }, _>().accept(#value),
            ),
            #krate::__private::Place::new::<(#callee)>(#slot, 0, ::core::option::Option::None),
            <#callee as #krate::__private::Callable>::SIGNATURE,
            &[#(#taken),*]
        },
    }
}

/// As if it stood where `place` begins. Parentheses alone would not do: here it is types that mismatch.
fn shown_at(place: &impl ToTokens, tokens: TokenStream) -> TokenStream {
    let first = place.to_token_stream().into_iter().next();
    let place = first.map_or_else(Span::mixed_site, |token| token.span());
    let moved = tokens.into_iter().map(|mut token| {
        token.set_span(token.span().located_at(place));
        token
    });
    moved.collect()
}

fn parentheses(tokens: TokenStream, shown_at: Option<&TokenTree>) -> Group {
    let mut group = Group::new(Delimiter::Parenthesis, tokens);
    group.set_span(shown_at.map_or_else(Span::mixed_site, TokenTree::span));
    group
}

fn checks(call: &Call) -> TokenStream {
    let Call {
        krate,
        callee,
        written,
        ..
    } = call;
    let count = call.positional.len();
    let names: Vec<_> = call
        .keywords
        .iter()
        .map(|k| k.name.unraw().to_string())
        .collect();
    let signature = quote!(__OFFSPRING_SIGNATURE);

    let positional = call.positional.iter().enumerate().map(|(index, argument)| {
        let arguments = quote!(#signature, #index, #count);
        match argument {
            Argument::Value(value) if is_starred(value) => {
                check(krate, value, "starred", &arguments)
            }
            Argument::Value(value) => check(krate, value, "positional", &arguments),
            Argument::Hole(hole) => check(krate, hole, "positional", &arguments),
        }
    });
    let keywords = call.keywords.iter().zip(&names).map(|(keyword, name)| {
        check(
            krate,
            &keyword.name,
            "keyword",
            &quote!(#signature, #name, #count),
        )
    });
    let list = call
        .list
        .iter()
        .map(|list| check(krate, list, "list", &quote!(#signature, #count)));
    let map = call
        .map
        .iter()
        .map(|map| check(krate, map, "map", &quote!(#signature)));
    let has_list = call.list.is_some();
    let arguments = quote!(#signature, #count, #has_list, &[#(#names),*]);
    let complete = check(krate, written, "complete", &arguments);
    let hints = call
        .keywords
        .iter()
        .zip(&names)
        .filter_map(|(keyword, name)| {
            // `type = ..` is a name here, but only `r#type` is one to rustc.
            match syn::parse_str::<Ident>(name) {
                Ok(_) => Some(keyword.name.clone()),
                Err(_) if ["self", "Self", "super", "crate", "_"].contains(&name.as_str()) => None,
                Err(_) => Some(Ident::new_raw(name, keyword.name.span())),
            }
        });

    quote_spanned! {Span::mixed_site()=> {
        const __OFFSPRING_SIGNATURE: &#krate::__private::Signature =
            <#callee as #krate::__private::Callable>::SIGNATURE;
        #(#positional)*
        #(#list)*
        #(#keywords)*
        #(#map)*
        #complete
        #[allow(unexpected_cfgs)]
        const _: () = {
            // The callee leads to the function, and a keyword to its parameter.
            #[cfg(rust_analyzer)]
            {
                type __OffspringCallee = #written;
                #( let () = <#written>::#hints; )*
            }
        };
        #krate::__private::Checked
    }}
}

/// `const _: () = (check)(arguments);`, shown at `blamed` if it panics.
///
/// rustc shows a call from its first token to its last, so the two pairs of parentheses stand where
/// `blamed` does. Nothing else may: an editor that is asked about `blamed` would find that as well.
fn check(
    krate: &TokenStream,
    blamed: &impl ToTokens,
    name: &str,
    arguments: &TokenStream,
) -> TokenStream {
    let blamed: Vec<TokenTree> = blamed.to_token_stream().into_iter().collect();
    let name = format_ident!("{name}", span = Span::mixed_site());
    let check = quote_spanned!(Span::mixed_site()=> #krate::__private::Check::#name);
    let check = parentheses(check, blamed.first());
    let arguments = parentheses(arguments.clone(), blamed.last());
    quote_spanned!(Span::mixed_site()=> const _: () = #check #arguments;)
}
