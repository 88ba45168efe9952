//! `kwargs <NAME = ARGUMENT, .., ..MAP>`.

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::buffer::Cursor;
use syn::ext::IdentExt;
use syn::parse::{Error, ParseStream, Parser, Result};
use syn::{Expr, Ident, Token};

use crate::slips;
use crate::syntax::{Argument, Macro, spread};

pub(crate) struct Keyword {
    pub(crate) name: Ident,
    pub(crate) value: Argument,
}

type Keywords = (Vec<Keyword>, Option<Expr>);

/// The word `kwargs` before a `<`. `kwargs <= 3` and `kwargs << 3` are expressions.
pub(crate) fn starts(input: ParseStream<'_>) -> bool {
    let operator = input.peek2(Token![<=]) || input.peek2(Token![<<]);
    is_kwargs(input) && input.peek2(Token![<]) && !operator
}

fn is_kwargs(input: ParseStream<'_>) -> bool {
    input
        .cursor()
        .ident()
        .is_some_and(|(ident, _)| ident == "kwargs")
}

/// A value may itself hold `>` (`a > b`, `x as Vec<u8>`), so the group ends at the first `>` that is
/// followed by a comma or by nothing, and before which everything parses.
pub(crate) fn parse(which: Macro, input: ParseStream<'_>) -> Result<Keywords> {
    let kwargs = input.parse::<Ident>()?;
    input.parse::<Token![<]>()?;
    input.step(|cursor| {
        let mut last_error = None;
        for (tokens, next) in candidates(*cursor) {
            if !next.eof() && !starts_with_comma(next) {
                continue;
            }
            match group(which, tokens) {
                Ok(keywords) => return Ok((keywords, next)),
                Err(error) => last_error = Some(error),
            }
        }
        Err(last_error.unwrap_or_else(|| unclosed(which, kwargs.span(), *cursor)))
    })
}

/// For each `>` what stands before it and where it goes on.
fn candidates(start: Cursor<'_>) -> impl Iterator<Item = (TokenStream, Cursor<'_>)> {
    let mut rest = start;
    let mut tokens = TokenStream::new();
    let mut arrow = false;
    std::iter::from_fn(move || {
        loop {
            let (token, next) = rest.token_tree()?;
            rest = next;
            let end = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == '>') && !arrow;
            arrow = matches!(&token, TokenTree::Punct(punct) if matches!(punct.as_char(), '-' | '=')
                && punct.spacing() == proc_macro2::Spacing::Joint);
            let before = end.then(|| tokens.clone());
            tokens.extend([token]);
            if let Some(before) = before {
                return Some((before, next));
            }
        }
    })
}

fn starts_with_comma(cursor: Cursor<'_>) -> bool {
    cursor
        .punct()
        .is_some_and(|(punct, _)| punct.as_char() == ',')
}

/// There is no `>` before a comma or the end: either none at all, or the comma is missing.
fn unclosed(which: Macro, kwargs: Span, start: Cursor<'_>) -> Error {
    candidates(start)
        .find(|(tokens, _)| group(which, tokens.clone()).is_ok())
        .and_then(|(_, next)| next.token_tree())
        .map_or_else(
            || Error::new(kwargs, "`kwargs <` without its closing `>`"),
            |(token, _)| Error::new(token.span(), "missing `,` before this"),
        )
}

fn group(which: Macro, tokens: TokenStream) -> Result<Keywords> {
    (|input: ParseStream<'_>| elements(which, input)).parse2(tokens)
}

fn elements(which: Macro, input: ParseStream<'_>) -> Result<Keywords> {
    let mut keywords = Vec::<Keyword>::new();
    let mut map = None;
    while !input.is_empty() {
        if let Some(dots) = spread(input)? {
            let value = slips::spread_value(&dots, input)?;
            if map.replace(value).is_some() {
                return Err(Error::new_spanned(
                    dots,
                    "only one map can be handed on: chain them",
                ));
            }
        } else {
            let keyword = keyword(which, input)?;
            if map.is_some() {
                return Err(Error::new(
                    keyword.name.span(),
                    "the map handed on with `..` comes last in `kwargs <..>`",
                ));
            }
            let unraw = keyword.name.unraw();
            if keywords.iter().any(|other| other.name.unraw() == unraw) {
                let message = format!("keyword argument repeated: {unraw}");
                return Err(Error::new(keyword.name.span(), message));
            }
            keywords.push(keyword);
        }
        if !input.is_empty() {
            if !input.peek(Token![,]) {
                return Err(input.error("missing `,` before this"));
            }
            input.parse::<Token![,]>()?;
        }
    }
    Ok((keywords, map))
}

fn keyword(which: Macro, input: ParseStream<'_>) -> Result<Keyword> {
    slips::check_keyword(input)?;
    let name = input.call(Ident::parse_any)?;
    input.parse::<Token![=]>()?;
    if input.is_empty() || input.peek(Token![,]) {
        return Err(Error::new(
            name.span(),
            format!("'{}' has no value", name.unraw()),
        ));
    }
    Ok(Keyword {
        name,
        value: Argument::parse(which, input)?,
    })
}
