//! Usage of a reply: counts, some of which newer versions write in nested objects only.

use crate::agent::jsonl::{JsonCursor, MalformedJson};
use crate::domain::Tokens;

/// Reads a `usage` object.
///
/// Tokens written to the cache are also split by their lifetime, `cache_creation.ephemeral_{5m,1h}_input_tokens`; some
/// proxies write only that. A reply of several requests has them in `iterations`; their sum is in the outer counts, if
/// these are there.
pub(super) fn tokens(value: &mut JsonCursor<'_>) -> Result<Tokens, MalformedJson> {
    read(value, true)
}

/// Reads a `usage` object, or one of its iterations, which have none.
fn read(value: &mut JsonCursor<'_>, is_outer: bool) -> Result<Tokens, MalformedJson> {
    let (mut tokens, mut by_lifetime, mut iterations) = (Tokens::default(), 0, Tokens::default());
    value.object(|key, value| {
        let count = match key {
            b"input_tokens" => &mut tokens.input,
            b"output_tokens" => &mut tokens.output,
            b"cache_read_input_tokens" => &mut tokens.cache_read,
            b"cache_creation_input_tokens" => &mut tokens.cache_write,
            b"cache_creation" if value.peek()? == b'{' => {
                return value.object(|_, value| {
                    by_lifetime += value.number()?.unwrap_or(0);
                    Ok(())
                });
            }
            b"iterations" if is_outer && value.peek()? == b'[' => {
                return value.array(|value| {
                    iterations += read(value, false)?;
                    Ok(())
                });
            }
            _ => return Ok(()),
        };
        *count = value.number()?.unwrap_or(0);
        Ok(())
    })?;
    if tokens.cache_write == 0 {
        tokens.cache_write = by_lifetime;
    }
    Ok(if tokens.total() == 0 { iterations } else { tokens })
}
