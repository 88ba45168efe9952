//! `#[main]` and `#[test]`: where a child process comes in.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{AttrStyle, Attribute, Block, Error, ItemFn, Result, Stmt};

use crate::attr::Options;

pub(crate) fn main(options: &Options, item: &ItemFn) -> Result<TokenStream> {
    let krate = &options.krate;
    if item.sig.ident != "main" {
        return Err(Error::new_spanned(
            &item.sig.ident,
            "#[offspring::main] is for `fn main`; for a test there is #[offspring::test]",
        ));
    }
    check_executor(options, item, "#[tokio::main]")?;
    Ok(enter_before(
        options,
        item,
        &quote!(#krate::__private::enter()),
        &TokenStream::new(),
    ))
}

pub(crate) fn test(options: &Options, item: &ItemFn) -> Result<TokenStream> {
    let krate = &options.krate;
    check_executor(options, item, "#[tokio::test]")?;
    let name = item.sig.ident.unraw().to_string();
    let enter = quote! {
        #krate::__private::enter_test(::core::concat!(::core::module_path!(), "::", #name))
    };
    // A runtime's attribute that came first has brought it.
    let is_test = |attr: &Attribute| {
        attr.path()
            .segments
            .last()
            .is_some_and(|s| s.ident == "test")
    };
    let already = item.sig.asyncness.is_none() && item.attrs.iter().any(is_test);
    let test = if already {
        TokenStream::new()
    } else {
        quote!(#[::core::prelude::v1::test])
    };
    Ok(enter_before(options, item, &enter, &test))
}

fn check_executor(options: &Options, item: &ItemFn, example: &str) -> Result<()> {
    let executor = item.attrs.iter().any(|attr| !is_builtin(attr));
    match (&item.sig.asyncness, &options.block_on) {
        (Some(asyncness), None) if !executor => Err(Error::new_spanned(
            asyncness,
            format!(
                "an `async fn` needs an executor: add its attribute, such as {example}, or \
                 `block_on = path` to this one"
            ),
        )),
        (None, Some(block_on)) => Err(Error::new_spanned(
            block_on,
            "`block_on` is for an `async fn`",
        )),
        _ => Ok(()),
    }
}

/// The function with `enter` before all that it does: a child ends in there.
fn enter_before(
    options: &Options,
    item: &ItemFn,
    enter: &TokenStream,
    test: &TokenStream,
) -> TokenStream {
    let ItemFn {
        attrs,
        vis,
        sig,
        block,
        ..
    } = item;
    let (inner, attrs): (Vec<_>, Vec<_>) = attrs
        .iter()
        .partition(|attr| matches!(attr.style, AttrStyle::Inner(_)));
    if sig.asyncness.is_none() {
        // Its statements and not the block: that would be braces for nothing around one expression.
        // Items stay in front, where they belong to those who lint.
        let is_item = |statement: &&Stmt| matches!(statement, Stmt::Item(_));
        let items = block.stmts.iter().take_while(is_item);
        let statements = block.stmts.iter().skip_while(is_item);
        let body = in_braces(
            block,
            quote! {
                #(#inner)*
                #(#items)*
                #enter;
                #(#statements)*
            },
        );
        return quote_spanned! {Span::mixed_site()=>
            #(#attrs)*
            #test
            #vis #sig #body
        };
    }
    let mut outer = sig.clone();
    outer.asyncness = None;
    if let Some(block_on) = &options.block_on {
        return quote_spanned! {Span::mixed_site()=>
            #(#attrs)*
            #test
            #vis #outer {
                #(#inner)*
                #enter;
                #block_on(async move #block)
            }
        };
    }
    // A runtime's attribute is among those below ours. It makes threads, and the child must not come
    // in among them: so it goes to a function inside of a plain one.
    let (outside, inside): (Vec<_>, Vec<_>) = attrs.into_iter().partition(|attr| is_outside(attr));
    let name = &sig.ident;
    let statements = &block.stmts;
    let body = in_braces(block, quote!(#(#inner)* #(#statements)*));
    quote_spanned! {Span::mixed_site()=>
        #(#outside)*
        #test
        #[allow(unnameable_test_items)]
        #vis #outer {
            #(#inside)*
            #sig #body

            #enter;
            #name()
        }
    }
}

/// Between the braces of the user's block, so that what is said of the function is shown there.
fn in_braces(block: &Block, inside: TokenStream) -> TokenStream {
    let mut body = TokenStream::new();
    block
        .brace_token
        .surround(&mut body, |tokens| tokens.extend(inside));
    body
}

/// Belongs to the test as the harness sees it, or to the item.
fn is_outside(attr: &Attribute) -> bool {
    const OUTSIDE: [&str; 5] = ["doc", "cfg", "should_panic", "ignore", "deprecated"];
    OUTSIDE.iter().any(|name| attr.path().is_ident(name))
}

/// An attribute of the language itself, which makes no executor.
fn is_builtin(attr: &Attribute) -> bool {
    const INSIDE: [&str; 11] = [
        "allow",
        "cfg_attr",
        "cold",
        "deny",
        "expect",
        "forbid",
        "inline",
        "must_use",
        "test",
        "track_caller",
        "warn",
    ];
    is_outside(attr) || INSIDE.iter().any(|name| attr.path().is_ident(name))
}
