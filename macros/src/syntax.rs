//! The words of `spawn!` and `call!`:
//! `FUNCTION {, ARGUMENT} [, ..LIST] [, kwargs <..>] [, daemon] [,]`.

use proc_macro2::{TokenStream, TokenTree};
use syn::parse::{Error, ParseStream, Result};
use syn::{Expr, Ident, Path, Token};

use crate::keywords::{self, Keyword};
use crate::{callee, slips};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Macro {
    Spawn,
    Call,
}

pub(crate) struct Call {
    pub(crate) krate: TokenStream,
    pub(crate) callee: Path,
    /// The callee, to be pointed at.
    pub(crate) written: Path,
    pub(crate) positional: Vec<Argument>,
    pub(crate) list: Option<Expr>,
    pub(crate) keywords: Vec<Keyword>,
    pub(crate) map: Option<Expr>,
    pub(crate) which: Macro,
    pub(crate) daemon: bool,
}

pub(crate) enum Argument {
    Value(Box<Expr>),
    /// `_`
    Hole(Token![_]),
}

impl Call {
    pub(crate) fn parse(which: Macro, input: ParseStream<'_>) -> Result<Self> {
        let krate = crate_path(input)?;
        let written = callee::parse(which, input)?;
        let mut call = Self {
            krate,
            callee: callee::items_only(&written),
            written,
            positional: Vec::new(),
            list: None,
            keywords: Vec::new(),
            map: None,
            which,
            daemon: false,
        };
        let mut kwargs = false;
        while !input.is_empty() {
            if !input.peek(Token![,]) {
                return Err(input.error("missing `,` before this"));
            }
            input.parse::<Token![,]>()?;
            if input.is_empty() {
                break;
            }
            slips::check(which, input)?;
            if keywords::starts(input) {
                if kwargs {
                    let message = "there is one `kwargs <..>`: put all the names into it";
                    return Err(input.error(message));
                }
                kwargs = true;
                (call.keywords, call.map) = keywords::parse(which, input)?;
            } else if is_daemon(input) {
                let daemon = input.parse::<Ident>()?;
                slips::check_daemon(which, &daemon, input)?;
                call.daemon = true;
            } else {
                call.argument(kwargs, input)?;
            }
        }
        Ok(call)
    }

    fn argument(&mut self, kwargs: bool, input: ParseStream<'_>) -> Result<()> {
        if let Some(dots) = spread(input)? {
            let list = slips::spread_value(&dots, input)?;
            if kwargs {
                return Err(Error::new_spanned(
                    dots,
                    "positional argument follows keyword argument",
                ));
            }
            if self.list.is_some() {
                return Err(Error::new_spanned(
                    dots,
                    "only one list can be handed on: chain them",
                ));
            }
            self.list = Some(list);
            return Ok(());
        }
        let argument = Argument::parse(self.which, input)?;
        let message = if kwargs {
            "positional argument follows keyword argument"
        } else if self.list.is_some() {
            "the list handed on with `..` comes last among the positional arguments"
        } else {
            self.positional.push(argument);
            return Ok(());
        };
        Err(match argument {
            Argument::Value(value) => Error::new_spanned(value, message),
            Argument::Hole(hole) => Error::new_spanned(hole, message),
        })
    }
}

impl Argument {
    pub(crate) fn parse(which: Macro, input: ParseStream<'_>) -> Result<Self> {
        if !input.peek(Token![_]) {
            return Ok(Self::Value(Box::new(input.parse()?)));
        }
        let hole = input.parse::<Token![_]>()?;
        if which == Macro::Spawn {
            return Err(Error::new_spanned(
                hole,
                "`_` leaves an argument open, and `spawn!` starts at once: use `call!`",
            ));
        }
        Ok(Self::Hole(hole))
    }
}

/// The dots of `..SPREAD`.
pub(crate) fn spread(input: ParseStream<'_>) -> Result<Option<Token![..]>> {
    let range = input.peek(Token![..=]) || input.peek(Token![...]);
    if input.peek(Token![..]) && !range {
        input.parse().map(Some)
    } else {
        Ok(None)
    }
}

/// The word `daemon`, and no expression that begins with it.
fn is_daemon(input: ParseStream<'_>) -> bool {
    input.cursor().ident().is_some_and(|(ident, rest)| {
        ident == "daemon"
            && (rest.eof()
                || rest
                    .punct()
                    .is_some_and(|(punct, _)| punct.as_char() == ','))
    })
}

/// Everything up to the `;` that the `macro_rules!` put behind `$crate`.
fn crate_path(input: ParseStream<'_>) -> Result<TokenStream> {
    let mut path = TokenStream::new();
    while !input.peek(Token![;]) {
        path.extend([input.parse::<TokenTree>()?]);
    }
    input.parse::<Token![;]>()?;
    Ok(path)
}
