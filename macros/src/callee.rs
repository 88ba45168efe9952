//! The function that is called: a plain path, and what is written there by mistake.

use proc_macro2::{Span, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{Error, ParseStream, Result};
use syn::punctuated::Punctuated;
use syn::{Ident, Lit, LitStr, Path, PathSegment, Token, token};

use crate::syntax::Macro;

pub(crate) fn parse(which: Macro, input: ParseStream<'_>) -> Result<Path> {
    let name = match which {
        Macro::Spawn => "spawn!",
        Macro::Call => "call!",
    };
    reject(name, input)?;
    let mut path = Path {
        leading_colon: input.parse()?,
        segments: Punctuated::new(),
    };
    loop {
        if !input.peek(Ident::peek_any) {
            return Err(input.error("expected the name of a #[subprocess] function"));
        }
        path.segments
            .push_value(PathSegment::from(input.call(Ident::parse_any)?));
        let generic = input.peek(Token![<]) || input.peek(Token![::]) && input.peek3(Token![<]);
        if generic {
            return Err(input.error(format!(
                "a #[subprocess] function has no type parameters: write `{}`",
                text(&path),
            )));
        }
        if !input.peek(Token![::]) {
            break;
        }
        path.segments.push_punct(input.parse()?);
    }
    if input.peek(token::Paren) {
        let rest = match input.cursor().token_tree() {
            Some((TokenTree::Group(group), _)) if !group.stream().is_empty() => {
                format!(", {}", group.stream())
            }
            _ => String::new(),
        };
        let message = format!(
            "a comma, not parentheses: write `{name}({}{rest})`",
            text(&path)
        );
        return Err(input.error(message));
    }
    if input.peek(Token![.]) && !input.peek(Token![..]) {
        return Err(input.error(
            "a method cannot be spawned: write a #[subprocess] function that takes the value",
        ));
    }
    if input.peek(Token![!]) {
        return Err(input.error("a macro cannot run in a child process: name a function"));
    }
    Ok(path)
}

/// The path such that a name by itself never means a local variable: rustc would find it in the way of
/// each constant that the call is made of, and complain about each.
pub(crate) fn items_only(path: &Path) -> Path {
    let mut path = path.clone();
    if path.get_ident().is_some()
        && let Some(segment) = path.segments.first_mut()
    {
        let span = Span::mixed_site().located_at(segment.ident.span());
        segment.ident.set_span(span);
    }
    path
}

/// What is no path at all.
fn reject(name: &str, input: ParseStream<'_>) -> Result<()> {
    if input.is_empty() {
        return Err(Error::new(
            Span::call_site(),
            format!("expected the function to run: write `{name}(function, arguments..)`"),
        ));
    }
    let closure = input.peek(Token![|])
        || input.peek(Token![||])
        || input.peek(Token![move])
        || input.peek(Token![async]);
    if closure {
        return Err(input.error(
            "a closure cannot be found by another process: write a #[subprocess] fn, and pass what it \
             captures as arguments",
        ));
    }
    if input.peek(Token![&]) {
        return Err(input.error("name the function itself, without `&`"));
    }
    if input.peek(Token![<]) || input.peek(Token![Self]) {
        return Err(input.error(
            "an associated function cannot run in a child process: write a #[subprocess] fn outside of \
             the `impl`",
        ));
    }
    if input.peek(LitStr) {
        return Err(input.error("name the function itself, without quotes"));
    }
    if input.peek(Lit) || input.peek(Token![_]) || input.peek(token::Paren) {
        return Err(input.error("expected the name of a #[subprocess] function"));
    }
    if input.peek(Ident::peek_any) && input.peek2(Token![=]) && !input.peek2(Token![==]) {
        let word = input.fork().call(Ident::parse_any)?;
        let message = if word == "target" {
            format!("the function comes first, by itself: write `{name}(function, arguments..)`")
        } else {
            format!("the function comes first: write `{name}(function, arguments..)`")
        };
        return Err(Error::new(word.span(), message));
    }
    Ok(())
}

fn text(path: &Path) -> String {
    let segments: Vec<_> = path
        .segments
        .iter()
        .map(|segment| segment.ident.to_string())
        .collect();
    let leading = if path.leading_colon.is_some() {
        "::"
    } else {
        ""
    };
    format!("{leading}{}", segments.join("::"))
}
