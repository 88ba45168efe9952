//! What stands in the attributes' parentheses: `#[subprocess(crate = path, block_on = path)]`.

use syn::parse::{Error, Parse, ParseStream, Result};
use syn::{Path, Token, parse_quote};

pub(crate) struct Options {
    /// Where the library is.
    pub(crate) krate: Path,
    /// What runs the future of an `async fn`.
    pub(crate) block_on: Option<Path>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            krate: parse_quote!(::offspring),
            block_on: None,
        }
    }
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut krate = None;
        let mut block_on = None;
        while !input.is_empty() {
            let lookahead = input.lookahead1();
            let option = if lookahead.peek(Token![crate]) {
                input.parse::<Token![crate]>()?;
                &mut krate
            } else if lookahead.peek(keyword::block_on) {
                input.parse::<keyword::block_on>()?;
                &mut block_on
            } else {
                return Err(input.error(
                    "the options are `crate = path` and, for an `async fn`, `block_on = path`; \
                     what concerns the process is said at the call",
                ));
            };
            input.parse::<Token![=]>()?;
            let path = input.call(Path::parse_mod_style)?;
            if option.is_some() {
                return Err(Error::new_spanned(path, "this option is given twice"));
            }
            *option = Some(path);
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(Self {
            krate: krate.unwrap_or_else(|| Self::default().krate),
            block_on,
        })
    }
}

mod keyword {
    syn::custom_keyword!(block_on);
}
