//! One parameter: how it takes arguments, and what of its type travels.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Attribute, Error, Expr, FnArg, Ident, Meta, Pat, Path, Result, Type};

use crate::signature::METHOD;
use crate::{portable, types};

/// How a parameter takes its arguments.
pub(crate) enum Kind {
    Required,
    Default(Box<Expr>),
    /// The positional arguments left over.
    Args,
    /// The keyword arguments left over.
    Kwargs,
}

pub(crate) struct Parameter {
    pub(crate) name: Ident,
    pub(crate) kind: Kind,
    /// As it was written.
    pub(crate) ty: Type,
    /// What one argument for it is, without the parameter's `&`.
    pub(crate) element: Type,
    /// It begins with `&`: the function borrows what the child has.
    pub(crate) borrowed: bool,
}

impl Parameter {
    /// What is borrowed and has to be serializable, as the trait of ours that says so.
    fn lent(&self, krate: &Path) -> TokenStream {
        let (element, name) = match self.slice() {
            // Of a slice the compiler is to name the element.
            Some(element) => (element, quote!(Sendable)),
            None => (&self.element, quote!(Lend)),
        };
        // With the type the first to blame.
        quote_spanned!(element.span()=> <#element as #krate::__private::#name>)
    }

    /// A function pointer that encodes one argument.
    pub(crate) fn encode(&self, krate: &Path) -> TokenStream {
        if !self.takes_borrowed() {
            return portable::encode(krate, &self.element);
        }
        let lent = self.lent(krate);
        quote!(#lent::encode)
    }

    /// A function pointer that decodes one argument.
    pub(crate) fn decode(&self, krate: &Path) -> TokenStream {
        if !self.takes_borrowed() {
            return portable::decode(krate, &self.element);
        }
        let lent = self.lent(krate);
        quote!(#lent::decode)
    }

    /// What the child makes of one argument.
    pub(crate) fn owned(&self, krate: &Path) -> TokenStream {
        let element = &self.element;
        match self.slice() {
            Some(element) => quote!(::std::vec::Vec<#element>),
            None if self.takes_borrowed() => {
                // From the type's first token to its last: shown elsewhere, it would be blamed twice.
                let last = element.to_token_stream().into_iter().last();
                let last = last.map_or_else(|| element.span(), |token| token.span());
                let start = quote_spanned!(element.span()=> <#element as);
                let end = quote_spanned!(last=> #krate::__private::Lend>::Owned);
                quote!(#start #end)
            }
            None => quote!(#element),
        }
    }

    /// What the function borrows, from a reference to what the child has.
    pub(crate) fn lend(&self, krate: &Path, reference: &TokenStream) -> TokenStream {
        let element = &self.element;
        if self.slice().is_some() {
            quote!(#reference)
        } else {
            quote_spanned!(element.span()=> <#element as #krate::__private::Lend>::lend(#reference))
        }
    }

    /// Whether an argument is given as a reference. Those that are left over never are.
    pub(crate) fn takes_borrowed(&self) -> bool {
        self.borrowed && matches!(self.kind, Kind::Required | Kind::Default(_))
    }

    /// `T` of `&[T]`.
    fn slice(&self) -> Option<&Type> {
        match types::peel(&self.element) {
            Type::Slice(slice) if self.takes_borrowed() => Some(&slice.elem),
            _ => None,
        }
    }
}

/// Whether it is one of the attributes that only `#[subprocess]` knows.
pub(crate) fn is_helper(attr: &Attribute) -> bool {
    ["args", "kwargs", "default"]
        .iter()
        .any(|name| attr.path().is_ident(name))
}

/// Reads one parameter and takes our helper attributes off it.
pub(crate) fn parse(input: &mut FnArg, before: &[Parameter]) -> Result<Parameter> {
    let input = match input {
        FnArg::Typed(input) => input,
        FnArg::Receiver(receiver) => return Err(Error::new_spanned(receiver, METHOD)),
    };
    let kind = kind(&input.attrs);
    input.attrs.retain(|attr| !is_helper(attr));
    let kind = kind?;
    if let Some(cfg) = input
        .attrs
        .iter()
        .find(|attr| attr.path().is_ident("cfg") || attr.path().is_ident("cfg_attr"))
    {
        return Err(Error::new_spanned(
            cfg,
            "a parameter cannot come and go with the configuration: put `#[cfg]` on two functions",
        ));
    }
    let Pat::Ident(pat) = &*input.pat else {
        return Err(Error::new_spanned(
            &input.pat,
            "a parameter of a #[subprocess] function needs a plain name: callers may use it as a keyword",
        ));
    };
    let name = pat.ident.clone();
    check_order(&name, &kind, before)?;
    let (target, borrowed) = target(&input.ty)?;
    let (element, otherwise) = match kind {
        Kind::Args => {
            let element = if borrowed {
                types::slice_element
            } else {
                types::vec_element
            };
            (
                element(&target),
                "an #[args] parameter has type `Vec<T>` or `&[T]`",
            )
        }
        Kind::Kwargs => (
            types::map_value(&target),
            "a #[kwargs] parameter has type `BTreeMap<String, T>`, or is a reference to one",
        ),
        Kind::Required | Kind::Default(_) => (Some(&target), ""),
    };
    let element = element
        .cloned()
        .ok_or_else(|| Error::new_spanned(&input.ty, otherwise))?;
    Ok(Parameter {
        name,
        kind,
        ty: (*input.ty).clone(),
        element,
        borrowed,
    })
}

fn check_order(name: &Ident, kind: &Kind, before: &[Parameter]) -> Result<()> {
    if matches!(
        before.last(),
        Some(Parameter {
            kind: Kind::Kwargs,
            ..
        })
    ) {
        return Err(Error::new(name.span(), "no parameter can follow #[kwargs]"));
    }
    let after_args = before
        .iter()
        .any(|parameter| matches!(parameter.kind, Kind::Args));
    if matches!(kind, Kind::Args) && after_args {
        return Err(Error::new(name.span(), "only one parameter can be #[args]"));
    }
    let after_default = before
        .iter()
        .any(|parameter| matches!(parameter.kind, Kind::Default(_)));
    if matches!(kind, Kind::Required) && after_default && !after_args {
        return Err(Error::new(
            name.span(),
            "a parameter without a default follows a parameter with a default",
        ));
    }
    Ok(())
}

fn kind(attrs: &[Attribute]) -> Result<Kind> {
    let mut kind = None;
    for attr in attrs.iter().filter(|attr| is_helper(attr)) {
        if kind.is_some() {
            return Err(Error::new_spanned(
                attr,
                "a parameter is one of #[args], #[kwargs] and #[default = ..]",
            ));
        }
        kind = Some(match &attr.meta {
            Meta::Path(path) if path.is_ident("args") => Kind::Args,
            Meta::Path(path) if path.is_ident("kwargs") => Kind::Kwargs,
            Meta::NameValue(meta) if meta.path.is_ident("default") => {
                Kind::Default(Box::new(meta.value.clone()))
            }
            _ if attr.path().is_ident("default") => {
                return Err(Error::new_spanned(
                    attr,
                    "write the value as `#[default = value]`",
                ));
            }
            _ => {
                return Err(Error::new_spanned(
                    attr,
                    "#[args] and #[kwargs] stand alone",
                ));
            }
        });
    }
    Ok(kind.unwrap_or(Kind::Required))
}

/// The type behind the parameter's `&`, if it has one.
fn target(ty: &Type) -> Result<(Type, bool)> {
    let (target, borrowed) = match types::peel(ty) {
        Type::Reference(reference) => {
            if let Some(mutability) = &reference.mutability {
                return Err(Error::new_spanned(
                    mutability,
                    "changes made through `&mut` would stay in the child process: take the value itself, \
                     `mut` where needed, and return what has changed",
                ));
            }
            if let Some(lifetime) = &reference.lifetime
                && lifetime.ident == "static"
            {
                return Err(Error::new_spanned(
                    lifetime,
                    "nothing `'static` can come from another process: take `&T`, or an owned value",
                ));
            }
            (&*reference.elem, true)
        }
        _ => (ty, false),
    };
    if matches!(types::peel(target), Type::ImplTrait(_)) {
        return Err(Error::new_spanned(
            target,
            "a #[subprocess] function cannot be generic: name the type that the child is to receive",
        ));
    }
    if let Some(borrow) = types::find_borrow(target) {
        let message = match borrow.owned_name() {
            Some(owned) => format!(
                "a borrow inside of another type cannot be received: write `{owned}` instead of `{}`",
                borrow.name(),
            ),
            None => format!(
                "a borrow inside of another type cannot be received: take an owned type, or `'static` \
                 instead of `{}`",
                borrow.name(),
            ),
        };
        return Err(Error::new_spanned(borrow, message));
    }
    Ok((target.clone(), borrowed))
}
