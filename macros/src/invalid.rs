//! After a mistake: the item as it was, and a description that fits every use, so that the one mistake
//! brings no errors at the places where the function is used.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Error, FnArg, GenericParam, ItemFn, ReturnType, Type};

use crate::attr::Options;
use crate::parameter::is_helper;
use crate::{twin, types};

/// Any item, without a description.
pub(crate) fn item(item: &impl ToTokens, error: &Error) -> TokenStream {
    let error = error.to_compile_error();
    quote! {
        #error
        #item
    }
}

/// A `main` or a test. That `main` can't be `async` is no second mistake.
pub(crate) fn entry(item: TokenStream, error: &Error) -> TokenStream {
    let shown = error.to_compile_error();
    match syn::parse2::<ItemFn>(item.clone()) {
        Ok(function) if function.sig.asyncness.is_some() => {
            let name = &function.sig.ident;
            quote! {
                #shown
                #[allow(dead_code)]
                fn #name() {
                    #function
                }
            }
        }
        _ => self::item(&item, error),
    }
}

/// A function that cannot be described.
pub(crate) fn function(options: &Options, mut item: ItemFn, error: &Error) -> TokenStream {
    let mut method = false;
    for input in &mut item.sig.inputs {
        match input {
            FnArg::Typed(input) => input.attrs.retain(|attr| !is_helper(attr)),
            FnArg::Receiver(_) => method = true,
        }
    }
    let error = error.to_compile_error();
    // In an `impl` neither types nor constants without a name can be declared.
    let mentions_self = crate::signature::mentions_self(&item);
    let twin = (!method && !mentions_self).then(|| describe(options, &item));
    quote! {
        #error
        #[allow(dead_code, unused_variables, unused_mut)]
        #item
        #twin
    }
}

fn describe(options: &Options, item: &ItemFn) -> TokenStream {
    let krate = &options.krate;
    let name = &item.sig.ident;
    let twin = twin::declare(item);
    let cfgs = twin::cfgs(&item.attrs);
    let output = known_output(item);
    quote! {
        #twin

        #cfgs
        #[allow(deprecated, dead_code, non_local_definitions)]
        const _: () = {
            #[automatically_derived]
            impl #krate::__private::Callable for #name {
                const SIGNATURE: &'static #krate::__private::Signature =
                    &#krate::__private::Signature::INVALID;
                const ENTRY: &'static #krate::__private::Entry = #krate::__private::Entry::INVALID;
            }
            #[automatically_derived]
            impl #krate::__private::Returns<#output> for #name {
                fn decode(
                    _: #krate::__private::Received,
                ) -> #krate::__private::Result<#output, #krate::__private::CodecError> {
                    ::core::unreachable!()
                }
            }
        };
    }
}

/// What it returns, as far as that means anything outside of it.
fn known_output(item: &ItemFn) -> Type {
    let generic = |param: &GenericParam| !matches!(param, GenericParam::Lifetime(_));
    let output = types::output(&item.sig.output);
    let nameable = match types::peel(&output) {
        Type::ImplTrait(_) | Type::Never(_) => false,
        ty => types::find_borrow(ty).is_none(),
    };
    if nameable && !item.sig.generics.params.iter().any(generic) {
        output
    } else {
        types::output(&ReturnType::Default)
    }
}
