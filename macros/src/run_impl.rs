//! `#[subprocess] impl offspring::Run for Type`: registers the type.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, GenericParam, ImplItem, ItemImpl, Path, Result, Type};

use crate::attr::Options;
use crate::{invalid, portable, twin, types};

pub(crate) fn expand(options: Result<Options>, item: &ItemImpl) -> TokenStream {
    match options {
        Ok(options) => match check(&options, item) {
            Ok(()) => describe(&options, item),
            Err(error) => rejected(&options.krate, item, &error),
        },
        Err(error) => rejected(&Options::default().krate, item, &error),
    }
}

/// With a registration that nothing can be wrong with, so that starting a value is no second error.
fn rejected(krate: &Path, item: &ItemImpl, error: &Error) -> TokenStream {
    let shown = invalid::item(item, error);
    let (true, Some(output)) = (is_run(item), output(item)) else {
        return shown;
    };
    let this = &item.self_ty;
    let (generics, _, bounds) = item.generics.split_for_impl();
    let cfgs = twin::cfgs(&item.attrs);
    quote! {
        #shown

        #cfgs
        #[automatically_derived]
        impl #generics #krate::__private::Runnable<#output> for #this #bounds {
            const ENTRY: &'static #krate::__private::Entry = #krate::__private::Entry::INVALID;

            fn encode<'__offspring>(
                _: &'__offspring Self,
                _: &mut #krate::__private::Message<'__offspring>,
            ) -> #krate::__private::Result<(), #krate::__private::CodecError> {
                ::core::unreachable!()
            }

            fn decode(
                _: #krate::__private::Received,
            ) -> #krate::__private::Result<#output, #krate::__private::CodecError> {
                ::core::unreachable!()
            }
        }
    }
}

fn is_run(item: &ItemImpl) -> bool {
    let path = item.trait_.as_ref().map(|(path, _)| path);
    path.and_then(|path| path.segments.last())
        .is_some_and(|segment| segment.ident == "Run")
}

fn output(item: &ItemImpl) -> Option<&Type> {
    item.items.iter().find_map(|item| match item {
        ImplItem::Type(output) if output.ident == "Output" => Some(&output.ty),
        _ => None,
    })
}

fn check(options: &Options, item: &ItemImpl) -> Result<()> {
    let path = match &item.trait_ {
        Some((path, _)) => path,
        None => {
            return Err(Error::new_spanned(
                &item.self_ty,
                "#[subprocess] is for `impl offspring::Run for Type` and for functions outside of an \
                 `impl`",
            ));
        }
    };
    if !is_run(item) {
        return Err(Error::new_spanned(
            path,
            "#[subprocess] is for `impl offspring::Run for Type`",
        ));
    }
    let generic = "a #[subprocess] `impl` cannot be generic: the child process finds it by the name of \
         the type, and one name stands for one function";
    if let Some(param) = item.generics.params.first() {
        let message = match param {
            GenericParam::Lifetime(_) => {
                "what is sent to another process cannot borrow: name an owned type"
            }
            _ => generic,
        };
        return Err(Error::new_spanned(param, message));
    }
    if let Some(borrow) = types::find_borrow(&item.self_ty) {
        return Err(Error::new_spanned(
            borrow,
            "what is sent to another process cannot borrow: name an owned type",
        ));
    }
    if let Some(block_on) = &options.block_on {
        return Err(Error::new_spanned(
            block_on,
            "`block_on` is for an `async fn`",
        ));
    }
    Ok(())
}

fn describe(options: &Options, item: &ItemImpl) -> TokenStream {
    let krate = &options.krate;
    let this = &item.self_ty;
    let cfgs = twin::cfgs(&item.attrs);
    let name = match types::peel(this) {
        Type::Path(path) => path
            .path
            .segments
            .last()
            .map(|segment| segment.ident.to_string()),
        _ => None,
    };
    let name = name.unwrap_or_else(|| quote!(#this).to_string());
    // If it is missing rustc says so.
    let Some(output) = output(item) else {
        return quote!(#item);
    };
    let portable = quote_spanned!(this.span()=> <#this as #krate::__private::Portable>);
    let encode_output = portable::encode(krate, output);
    let decode_output = portable::decode(krate, output);

    quote_spanned! {Span::mixed_site()=>
        #item

        #cfgs
        #[allow(deprecated, non_local_definitions)]
        const _: () = {
            fn __offspring_run(
                invocation: &mut #krate::__private::Invocation<'_>,
            ) -> #krate::__private::Ran {
                let this: #this = invocation.required(0, "self", #portable::decode)?;
                invocation.complete()?;
                let output: #output = <#this as #krate::Run>::run(this);
                let failed = #krate::__private::Outcome(&output).failed();
                invocation.answer(&output, failed, #encode_output)
            }

            static __OFFSPRING_ENTRY: #krate::__private::Entry = #krate::__private::Entry {
                name: #name,
                path: ::core::any::type_name::<#this>,
                file: ::core::file!(),
                line: ::core::line!(),
                column: ::core::column!(),
                run: __offspring_run,
            };
            #krate::__private::submit! { #krate::__private::Registered(&__OFFSPRING_ENTRY) }

            #[automatically_derived]
            impl #krate::__private::Runnable<#output> for #this {
                const ENTRY: &'static #krate::__private::Entry = &__OFFSPRING_ENTRY;

                fn encode<'s>(
                    value: &'s Self,
                    message: &mut #krate::__private::Message<'s>,
                ) -> #krate::__private::Result<(), #krate::__private::CodecError> {
                    #portable::encode(value, message)
                }

                fn decode(
                    answer: #krate::__private::Received,
                ) -> #krate::__private::Result<#output, #krate::__private::CodecError> {
                    #krate::__private::decode(answer, #decode_output)
                }
            }
        };
    }
}
