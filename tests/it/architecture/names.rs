//! Names and docs in a source file, found line by line.

/// Definitions of a line: keyword and name.
const KEYWORDS: [&str; 9] = ["fn", "struct", "enum", "trait", "type", "union", "mod", "static", "const"];

/// A type that other modules can name.
pub struct PublicType {
    pub name: String,
    pub line: usize,
}

/// Returns the names that a line defines: items, bindings, fields, variants.
pub fn defined(line: &str) -> Option<&str> {
    let indent = line.len() - line.trim_start().len();
    let code = without_visibility(line.trim_start());
    let code = ["const ", "async ", "unsafe "].iter().fold(code, |code, word| match code.strip_prefix(word) {
        Some(rest) if rest.starts_with("fn ") || rest.starts_with("unsafe ") || rest.starts_with("async ") => rest,
        _ => code,
    });
    if let Some(rest) = KEYWORDS.iter().find_map(|keyword| code.strip_prefix(keyword)?.strip_prefix(' ')) {
        return word(rest.strip_prefix("mut ").unwrap_or(rest));
    }
    if let Some(rest) = code.strip_prefix("let ") {
        return word(rest.strip_prefix("mut ").unwrap_or(rest));
    }
    let name = word(code)?;
    let after = &code[name.len()..];
    let is_field = after.starts_with(": ");
    let is_variant = indent >= 4
        && name.starts_with(char::is_uppercase)
        && (after.is_empty() || after.starts_with([' ', ',', '(', '{']));
    (is_field || is_variant).then_some(name)
}

/// Returns the type that a line defines, unless it is private to its module or an associated type.
pub fn public_type(line: &str, number: usize) -> Option<PublicType> {
    let code = line.trim_start();
    let rest = without_visibility(code);
    let keyword = ["struct", "enum", "trait", "type", "union"]
        .into_iter()
        .find(|word| rest.strip_prefix(word).is_some_and(|rest| rest.starts_with(' ')))?;
    let is_public = rest.len() < code.len();
    let is_associated = keyword == "type" && code.len() < line.len();
    let name = word(rest[keyword.len()..].trim_start())?;
    (is_public && !is_associated).then(|| PublicType { name: name.to_owned(), line: number })
}

/// Splits a name into its words in lower case: `FileScan` and `file_scan` have the same two.
pub fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = '_';
    for c in name.chars() {
        if c == '_' || (c.is_uppercase() && (before.is_lowercase() || before.is_numeric())) {
            words.push(String::new());
        }
        if c != '_' {
            words.last_mut().expect("a word").extend(c.to_lowercase());
        }
        before = c;
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Returns the first lines of a file's doc comments, with their line numbers.
pub fn docs(text: &str) -> Vec<(usize, &str)> {
    let (mut found, mut in_doc) = (Vec::new(), false);
    for (at, line) in text.lines().enumerate() {
        let line = line.trim_start();
        let doc = line.strip_prefix("///").or_else(|| line.strip_prefix("//!"));
        if let (Some(doc), false) = (doc, in_doc) {
            found.push((at + 1, doc.trim_start()));
        }
        in_doc = doc.is_some();
    }
    found
}

fn without_visibility(code: &str) -> &str {
    let Some(rest) = code.strip_prefix("pub") else { return code };
    match rest.strip_prefix('(').and_then(|scope| scope.split_once(") ")) {
        Some((_, rest)) => rest,
        None => rest.strip_prefix(' ').unwrap_or(code),
    }
}

fn word(code: &str) -> Option<&str> {
    let len = code.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(code.len());
    (len > 0).then(|| &code[..len])
}

/// Returns the bodies of the inherent `impl` blocks of a type, at the left margin of formatted code.
pub fn impls<'c>(code: &'c str, name: &str) -> impl Iterator<Item = &'c str> {
    let head = format!(" {name}");
    code.match_indices("impl").filter_map(move |(at, _)| {
        let starts_line = at == 0 || code[..at].ends_with('\n');
        let (header, body) = code[at..].split_once(" {\n").filter(|_| starts_line)?;
        let named = header.find(&head).map(|found| &header[found + head.len()..]);
        let matches = named.is_some_and(|rest| rest.is_empty() || rest.starts_with('<'));
        let body = body.split_once("\n}").map_or(body, |(body, _)| body);
        (matches && !header.contains(" for ")).then_some(body)
    })
}

/// Returns the names of the functions directly in the body of an `impl` block.
pub fn functions(body: &str) -> impl Iterator<Item = &str> {
    let is_item = |line: &&str| line.starts_with("    ") && !line.starts_with("     ");
    body.lines().filter(is_item).filter(|line| line.contains("fn ")).filter_map(defined)
}
