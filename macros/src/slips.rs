//! What newcomers write, and what to write instead.
//!
//! Each is recognized only where nothing valid could be meant, or nothing that compiles.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::buffer::Cursor;
use syn::ext::IdentExt;
use syn::parse::{Error, ParseStream, Result};
use syn::{Expr, Ident, LitStr, Token};

use crate::syntax::Macro;

/// Before an argument.
pub(crate) fn check(which: Macro, input: ParseStream<'_>) -> Result<()> {
    if input.peek(Token![,]) {
        return Err(input.error("expected an argument before this `,`"));
    }
    if input.peek(Token![<]) && opens_pairs(input.cursor()) {
        return Err(input.error("keyword arguments go in `kwargs <name = value>`"));
    }
    let Some((word, rest)) = input.cursor().ident() else {
        return Ok(());
    };
    if is_assignment(rest) {
        return Err(assigned(which, &word));
    }
    if word == "kwargs" {
        check_kwargs(&word, rest)?;
    } else if opens_pairs(rest) {
        return Err(Error::new(word.span(), "did you mean `kwargs`?"));
    }
    check_misspelt(&word, rest)
}

/// `NAME = ..` outside of `kwargs <..>`.
fn assigned(which: Macro, word: &Ident) -> Error {
    let message = match (word.to_string().as_str(), which) {
        ("args", _) => {
            "the arguments themselves go here, one after the other: `3, 4`; a whole list is \
                        handed on as `..list`"
                .to_owned()
        }
        ("kwargs", _) => {
            "write `kwargs <name = value>`; a whole map is handed on as `kwargs <..map>`".to_owned()
        }
        ("target", _) => "the function comes first, by itself".to_owned(),
        ("daemon", Macro::Spawn) => {
            "`daemon` stands alone, as the last word; `daemon(false)` can be said on \
                                     `call!(..)`"
                .to_owned()
        }
        ("daemon", Macro::Call) => "say `.daemon(true)` on what `call!` gives".to_owned(),
        ("name", Macro::Spawn) => {
            "keyword arguments go in `kwargs <name = ..>`; to name the process, say \
                                   `call!(..).name(..).start()`"
                .to_owned()
        }
        ("name", Macro::Call) => {
            "keyword arguments go in `kwargs <name = ..>`; to name the process, say \
                                  `.name(..)` on what `call!` gives"
                .to_owned()
        }
        (word, _) => format!("keyword arguments go in `kwargs <{word} = ..>`"),
    };
    Error::new(word.span(), message)
}

/// `kwargs` with brackets other than `<..>`.
fn check_kwargs(word: &Ident, rest: Cursor<'_>) -> Result<()> {
    let Some((TokenTree::Group(group), _)) = rest.token_tree() else {
        return Ok(());
    };
    // A call or an index otherwise; braces behind a name are a literal of a struct, which are not
    // called so.
    let slip = match group.delimiter() {
        Delimiter::Brace => true,
        Delimiter::Parenthesis | Delimiter::Bracket => looks_like_pairs(group.stream()),
        Delimiter::None => false,
    };
    if slip {
        return Err(Error::new(
            word.span(),
            "the names go between `<` and `>`: write `kwargs <name = value>`",
        ));
    }
    Ok(())
}

/// `<name = ..`, which is no comparison.
fn opens_pairs(cursor: Cursor<'_>) -> bool {
    let inside = cursor
        .punct()
        .filter(|(punct, _)| punct.as_char() == '<')
        .map(|(_, rest)| rest);
    inside
        .and_then(Cursor::ident)
        .is_some_and(|(_, rest)| is_assignment(rest))
}

/// `name = ..`, `name: ..`, `"name" = ..`, `"name": ..` or `..`, which has nothing before it.
fn looks_like_pairs(tokens: TokenStream) -> bool {
    let buffer = syn::buffer::TokenBuffer::new2(tokens);
    let start = buffer.begin();
    let after_name = match (start.ident(), start.literal()) {
        (Some((_, rest)), _) => rest,
        (_, Some((_, rest))) => rest,
        _ => return starts_with(start, "..") && !starts_with(start, "..="),
    };
    is_assignment(after_name) || starts_with(after_name, ":") && !starts_with(after_name, "::")
}

fn check_misspelt(word: &Ident, rest: Cursor<'_>) -> Result<()> {
    const MISSPELT: [&str; 7] = [
        "demon", "deamon", "dameon", "daemom", "daemons", "daemonic", "Daemon",
    ];
    let last = rest.eof()
        || rest
            .punct()
            .is_some_and(|(punct, rest)| punct.as_char() == ',' && rest.eof());
    if last && MISSPELT.iter().any(|misspelt| word == misspelt) {
        return Err(Error::new(
            word.span(),
            format!("did you mean `daemon`? A variable of this name is passed as `({word})`"),
        ));
    }
    Ok(())
}

/// After the word `daemon`.
pub(crate) fn check_daemon(which: Macro, daemon: &Ident, input: ParseStream<'_>) -> Result<()> {
    let more = input
        .cursor()
        .punct()
        .and_then(|(_, rest)| (!rest.eof()).then_some(rest));
    let message = match (which, more) {
        (Macro::Call, _) => {
            "`call!` starts nothing yet: say `.daemon(true)` on what it gives; a variable of this name is \
             passed as `(daemon)`"
        }
        (Macro::Spawn, Some(rest)) if rest.ident().is_some_and(|(word, _)| word == "daemon") => {
            "`daemon` is said twice"
        }
        (Macro::Spawn, Some(_)) => {
            "`daemon` is the last word; a variable of this name is passed as `(daemon)`"
        }
        (Macro::Spawn, None) => return Ok(()),
    };
    Err(Error::new(daemon.span(), message))
}

/// Before a pair in `kwargs <..>`.
pub(crate) fn check_keyword(input: ParseStream<'_>) -> Result<()> {
    if input.peek(Token![*]) && input.peek2(Token![*]) {
        return Err(input.error("a whole map is handed on as `..map`"));
    }
    if input.peek(LitStr) {
        let name = input.fork().parse::<LitStr>()?;
        return Err(Error::new(name.span(), quoted(&name)));
    }
    if !input.peek(Ident::peek_any) {
        return Err(input.error("a value without a name: write `name = value`"));
    }
    let fork = input.fork();
    let name = fork.call(Ident::parse_any)?;
    let rest = fork.cursor();
    if is_assignment(rest) {
        return Ok(());
    }
    let message = if starts_with(rest, ":") && !starts_with(rest, "::") {
        format!("`=`, not `:`: write `{name} = value`")
    } else if input
        .fork()
        .parse::<Expr>()
        .is_ok_and(|value| !is_name(&value) || fork_ends(rest))
    {
        "a value without a name: write `name = value`".to_owned()
    } else {
        format!("expected `=` behind the name: write `{name} = value`")
    };
    Err(Error::new(name.span(), message))
}

fn is_name(value: &Expr) -> bool {
    matches!(value, Expr::Path(path) if path.path.get_ident().is_some())
}

fn fork_ends(rest: Cursor<'_>) -> bool {
    rest.eof() || starts_with(rest, ",")
}

fn quoted(name: &LitStr) -> String {
    let text = name.value();
    if syn::parse_str::<Ident>(&text).is_ok() {
        format!("names are written without quotes: `{text} = value`")
    } else {
        format!("a name that is no Rust name goes in a map: `kwargs <..[({text:?}, value)]>`")
    }
}

/// What stands behind `..`.
pub(crate) fn spread_value(dots: &Token![..], input: ParseStream<'_>) -> Result<Expr> {
    if input.is_empty() || input.peek(Token![,]) {
        return Err(Error::new_spanned(
            dots,
            "what is handed on stands behind `..`; a range that is an argument is written in parentheses",
        ));
    }
    input.parse()
}

/// A `=` by itself.
fn is_assignment(cursor: Cursor<'_>) -> bool {
    starts_with(cursor, "=") && !starts_with(cursor, "==") && !starts_with(cursor, "=>")
}

fn starts_with(mut cursor: Cursor<'_>, puncts: &str) -> bool {
    puncts.chars().all(|char| match cursor.punct() {
        Some((punct, rest)) if punct.as_char() == char => {
            cursor = rest;
            true
        }
        _ => false,
    })
}
