//! `#[subprocess]` on a function: describes it to the library.
//!
//! Items are not hygienic, so what is declared beside the user's types and default values has names
//! that nobody else uses.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Expr, ExprLit, ItemFn, Lit, Path, Type};

use crate::attr::Options;
use crate::parameter::{Kind, Parameter};
use crate::{invalid, portable, signature, twin, types};

pub(crate) fn expand(options: &Options, mut item: ItemFn) -> TokenStream {
    match signature::check(options, &mut item) {
        Ok(parameters) => describe(options, &item, &parameters),
        Err(error) => invalid::function(options, item, &error),
    }
}

fn describe(options: &Options, item: &ItemFn, parameters: &[Parameter]) -> TokenStream {
    let krate = &options.krate;
    let name = &item.sig.ident;
    let unraw = name.unraw().to_string();
    let output = types::output(&item.sig.output);
    let decode = portable::decode(krate, &output);

    let twin = twin::declare(item);
    let cfgs = twin::cfgs(&item.attrs);
    let described = parameters
        .iter()
        .map(|parameter| described(krate, parameter));
    let slots = parameters
        .iter()
        .enumerate()
        .map(|(index, parameter)| slot(krate, name, index, parameter));
    let run = run(options, item, parameters, &output);
    let names = parameters.iter().map(|parameter| &parameter.name);
    let checks = parameters.iter().map(|parameter| {
        let element = &parameter.element;
        // The compiler blames what the parentheses are spanned to.
        let spanned = |tokens| {
            let mut group = Group::new(Delimiter::Parenthesis, tokens);
            group.set_span(element.span());
            group
        };
        let refuse = spanned(quote!(#krate::__private::refuse));
        let copies = spanned(quote!(<#krate::__private::Probe<#element>>::COPIES));
        let moves = parameter.borrowed.then(|| {
            let moves = spanned(quote!(<#krate::__private::Probe<#element>>::MOVES));
            quote!(const _: () = #refuse #moves;)
        });
        quote! {
            const _: () = #refuse #copies;
            #moves
        }
    });

    quote! {
        #item

        #twin

        #cfgs
        #[allow(deprecated, dead_code, non_local_definitions, unexpected_cfgs)]
        const _: () = {
            #run

            static __OFFSPRING_ENTRY: #krate::__private::Entry = #krate::__private::Entry {
                name: #unraw,
                path: ::core::any::type_name::<#name>,
                file: ::core::file!(),
                line: ::core::line!(),
                column: ::core::column!(),
                run: __offspring_run,
            };
            #krate::__private::submit! { #krate::__private::Registered(&__OFFSPRING_ENTRY) }

            #[automatically_derived]
            impl #krate::__private::Callable for #name {
                const SIGNATURE: &'static #krate::__private::Signature =
                    &#krate::__private::Signature::new(#unraw, &[#(#described),*]);
                const ENTRY: &'static #krate::__private::Entry = &__OFFSPRING_ENTRY;
            }

            #[automatically_derived]
            impl #krate::__private::Returns<#output> for #name {
                fn decode(
                    answer: #krate::__private::Received,
                ) -> #krate::__private::Result<#output, #krate::__private::CodecError> {
                    #krate::__private::decode(answer, #decode)
                }
            }

            #[derive(::core::default::Default)]
            pub struct __OffspringSlot<const INDEX: usize>;
            #(#slots)*

            #[allow(unused_imports)]
            use #krate::__private::{CopiesNothing as _, MovesNothing as _};
            #(#checks)*

            // Something for the names in `kwargs <..>` to refer to.
            #[cfg(rust_analyzer)]
            #[allow(non_upper_case_globals)]
            impl #name {
                #(pub const #names: () = ();)*
            }
        };
    }
}

fn described(krate: &Path, parameter: &Parameter) -> TokenStream {
    let name = parameter.name.unraw().to_string();
    let kind = format_ident!(
        "{}",
        match parameter.kind {
            Kind::Required => "Required",
            Kind::Default(_) => "Optional",
            Kind::Args => "Args",
            Kind::Kwargs => "Kwargs",
        }
    );
    quote!(#krate::__private::Parameter { name: #name, kind: #krate::__private::Kind::#kind })
}

/// One method for each parameter, spanned to it: what an argument must be is checked like any call,
/// and a mismatch is explained by the parameter.
fn slot(krate: &Path, function: &Ident, index: usize, parameter: &Parameter) -> TokenStream {
    let element = &parameter.element;
    let span = Span::mixed_site().located_at(parameter.name.span());
    let mut value = parameter.name.clone();
    value.set_span(span);
    let held = quote!(#krate::__private::Held);
    let encode = parameter.encode(krate);
    let accept = if types::is_text(element) {
        let owned = parameter.owned(krate);
        let bound = quote_spanned!(element.span()=> #krate::__private::Argument<#owned>);
        quote_spanned! {span=>
            pub fn accept<__OffspringText: #bound>(
                self,
                #value: __OffspringText,
            ) -> #held<__OffspringText> {
                #held::new(#value, <__OffspringText as #krate::__private::Argument<#owned>>::encode)
            }
        }
    } else if parameter.takes_borrowed() {
        quote_spanned! {span=>
            pub fn accept<'__offspring>(
                self,
                #value: &'__offspring #element,
            ) -> #held<&'__offspring #element> {
                #held::new(#value, #encode)
            }
        }
    } else {
        quote_spanned! {span=>
            pub fn accept(self, #value: #element) -> #held<#element> {
                #held::new(#value, #encode)
            }
        }
    };
    quote! {
        impl __OffspringSlot<#index> {
            #accept
        }
        #[automatically_derived]
        impl #krate::__private::Slot<#index, __OffspringSlot<#index>> for #function {}
    }
}

/// What the child does.
fn run(options: &Options, item: &ItemFn, parameters: &[Parameter], output: &Type) -> TokenStream {
    let krate = &options.krate;
    let name = &item.sig.ident;
    let locals: Vec<_> = (0..parameters.len())
        .map(|index| format_ident!("argument{index}", span = Span::mixed_site()))
        .collect();
    let takes = parameters
        .iter()
        .enumerate()
        .zip(&locals)
        .map(|((index, parameter), local)| take(krate, index, parameter, local));
    let passed = parameters
        .iter()
        .zip(&locals)
        .map(|(parameter, local)| match parameter.kind {
            Kind::Required if parameter.borrowed => parameter.lend(krate, &quote!(&#local)),
            Kind::Args | Kind::Kwargs if parameter.borrowed => quote!(&#local),
            _ => quote!(#local),
        });
    let call = quote!(#name(#(#passed),*));
    let encode = portable::encode(krate, output);
    let call = match &options.block_on {
        Some(block_on) => quote!(#block_on(#call)),
        None => call,
    };
    quote_spanned! {Span::mixed_site()=>
        fn __offspring_run(
            invocation: &mut #krate::__private::Invocation<'_>,
        ) -> #krate::__private::Ran {
            // The arguments are gone before anybody can know that it is done.
            let output: #output = {
                #(#takes)*
                invocation.complete()?;
                let output: #output = #call;
                output
            };
            let failed = #krate::__private::Outcome(&output).failed();
            invocation.answer(&output, failed, #encode)
        }
    }
}

/// Decodes one parameter.
fn take(krate: &Path, index: usize, parameter: &Parameter, local: &Ident) -> TokenStream {
    let name = parameter.name.unraw().to_string();
    let decode = parameter.decode(krate);
    let owned = parameter.owned(krate);
    let ty = &parameter.ty;
    let decoded = |method: &str| {
        let method = format_ident!("{method}", span = Span::mixed_site());
        quote_spanned!(Span::mixed_site()=> invocation.#method(#index, #name, #decode)?)
    };
    match &parameter.kind {
        Kind::Required => {
            let decoded = decoded("required");
            quote!(let #local: #owned = #decoded;)
        }
        Kind::Default(value) if parameter.borrowed => {
            let decoded = decoded("optional");
            let lent = parameter.lend(krate, &quote!(value));
            quote! {
                let #local: ::core::option::Option<#owned> = #decoded;
                let #local: #ty = match &#local {
                    ::core::option::Option::Some(value) => #lent,
                    ::core::option::Option::None => { let value: #ty = #value; value }
                };
            }
        }
        Kind::Default(value) => {
            let decoded = decoded("optional");
            let value = if types::is_text(&parameter.element) && is_string(value) {
                quote!(<#owned as ::core::convert::From<&str>>::from(#value))
            } else {
                quote!(#value)
            };
            quote! {
                let #local: #ty = match #decoded {
                    ::core::option::Option::Some(value) => value,
                    ::core::option::Option::None => { let value: #ty = #value; value }
                };
            }
        }
        Kind::Args => {
            let decoded = decoded("rest");
            quote!(let #local: ::std::vec::Vec<#owned> = #decoded;)
        }
        Kind::Kwargs => {
            let decoded = decoded("extra");
            quote! {
                let #local: ::std::collections::BTreeMap<::std::string::String, #owned> = #decoded;
            }
        }
    }
}

/// A string literal is a good default for a `String`.
fn is_string(value: &Expr) -> bool {
    match value {
        Expr::Lit(ExprLit {
            lit: Lit::Str(_), ..
        }) => true,
        Expr::Group(group) => is_string(&group.expr),
        Expr::Paren(paren) => is_string(&paren.expr),
        _ => false,
    }
}
