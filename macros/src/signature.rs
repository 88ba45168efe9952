//! What the whole of a function may not be. All mistakes are collected before they are reported.

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Error, GenericParam, ItemFn, ReturnType, Safety, Type};

use crate::attr::Options;
use crate::parameter::{self, Parameter};
use crate::types;

pub(crate) const METHOD: &str = "#[subprocess] is for functions, not for methods and associated \
     functions: write a function outside of the `impl` that takes the value as a parameter";

/// Reads the parameters and takes our helper attributes off them.
pub(crate) fn check(options: &Options, item: &mut ItemFn) -> Result<Vec<Parameter>, Error> {
    let mut errors = Errors(None);
    errors.extend(generics(item));
    errors.extend(qualifiers(item));
    errors.extend(executor(options, item));
    let mut parameters = Vec::new();
    let mut method = false;
    for input in &mut item.sig.inputs {
        method |= matches!(input, syn::FnArg::Receiver(_));
        match parameter::parse(input, &parameters) {
            Ok(parameter) => parameters.push(parameter),
            Err(error) => errors.extend([error]),
        }
    }
    if !method {
        errors.extend(associated(item));
    }
    errors.extend(output(&item.sig.output));
    errors.0.map_or(Ok(parameters), Err)
}

struct Errors(Option<Error>);

impl Errors {
    fn extend(&mut self, errors: impl IntoIterator<Item = Error>) {
        for error in errors {
            match &mut self.0 {
                Some(errors) => errors.combine(error),
                None => self.0 = Some(error),
            }
        }
    }
}

fn generics(item: &ItemFn) -> Option<Error> {
    let param = item
        .sig
        .generics
        .params
        .iter()
        .find(|param| !matches!(param, GenericParam::Lifetime(_)))?;
    Some(Error::new_spanned(
        param,
        "a #[subprocess] function cannot be generic: the child process finds it by name, and one name \
         stands for one function",
    ))
}

fn qualifiers(item: &ItemFn) -> Option<Error> {
    let sig = &item.sig;
    let odd = [
        matches!(sig.safety, Safety::Unsafe(_)).then(|| sig.safety.to_token_stream()),
        sig.constness.as_ref().map(ToTokens::to_token_stream),
        sig.abi.as_ref().map(ToTokens::to_token_stream),
        sig.variadic.as_ref().map(ToTokens::to_token_stream),
    ];
    let odd = odd.into_iter().flatten().next()?;
    let message =
        format!("a #[subprocess] function cannot be `{odd}`: call that one from a plain `fn`");
    Some(Error::new_spanned(odd, message))
}

fn executor(options: &Options, item: &ItemFn) -> Option<Error> {
    match (&item.sig.asyncness, &options.block_on) {
        (Some(asyncness), None) => Some(Error::new_spanned(
            asyncness,
            "an `async fn` needs an executor in the child: #[subprocess(block_on = path::to::block_on)]",
        )),
        (None, Some(block_on)) => Some(Error::new_spanned(
            block_on,
            "`block_on` is for an `async fn`",
        )),
        _ => None,
    }
}

fn output(output: &ReturnType) -> Option<Error> {
    let ReturnType::Type(_, ty) = output else {
        return None;
    };
    match types::peel(ty) {
        Type::Never(_) => {
            return Some(Error::new_spanned(
                ty,
                "the child's result is sent back, and there is none of type `!`: leave it out",
            ));
        }
        Type::ImplTrait(_) => {
            return Some(Error::new_spanned(
                ty,
                "the child's result is sent back: name the type that the parent is to receive",
            ));
        }
        _ => {}
    }
    if let Some(object) = types::find_dyn_error(ty) {
        return Some(Error::new_spanned(
            object,
            "`dyn Error` cannot be sent to another process: return `Result<_, offspring::RemoteError>`, \
             into which `?` turns any error",
        ));
    }
    let borrow = types::find_borrow(ty)?;
    let message = match borrow.owned_name() {
        Some(owned) => format!(
            "what the child returns travels by value: write `{owned}` instead of `{}`",
            borrow.name()
        ),
        None => "what the child returns travels by value: name an owned type".to_owned(),
    };
    Some(Error::new_spanned(borrow, message))
}

/// An associated function can be told from others only if it mentions `Self`.
fn associated(item: &ItemFn) -> Option<Error> {
    Some(Error::new(self_of(item)?.span(), METHOD))
}

/// Whether the function is one of an `impl` for sure.
pub(crate) fn mentions_self(item: &ItemFn) -> bool {
    self_of(item).is_some()
}

fn self_of(item: &ItemFn) -> Option<Ident> {
    let inside = find_self(item.sig.to_token_stream());
    inside.or_else(|| find_self(statements_without_items(item)))
}

/// `Self` may well be at home in an `impl` inside of the function.
fn statements_without_items(item: &ItemFn) -> TokenStream {
    let statements = item.block.stmts.iter();
    statements
        .filter(|statement| !matches!(statement, syn::Stmt::Item(_) | syn::Stmt::Macro(_)))
        .map(ToTokens::to_token_stream)
        .collect()
}

fn find_self(tokens: TokenStream) -> Option<Ident> {
    let mut tokens = tokens.into_iter();
    tokens.find_map(|token| match token {
        TokenTree::Ident(ident) if ident == "Self" => Some(ident),
        // Items deeper inside have a `Self` of their own; one mistake less is found.
        TokenTree::Group(group) if !has_items(group.stream()) => find_self(group.stream()),
        _ => None,
    })
}

fn has_items(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ["impl", "trait", "struct", "enum", "union"]
            .iter()
            .any(|word| ident == word),
        _ => false,
    })
}
