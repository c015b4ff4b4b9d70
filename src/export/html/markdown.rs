//! Markdown as HTML. Raw HTML is shown as text, images are links, and only addresses of pages and of mail are links.

use std::io::{self, Write};

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::code::CodeWriter;
use super::escape::write_escaped;

/// Writes a Markdown text.
pub(super) fn write(out: &mut dyn Write, text: &str, code: &mut CodeWriter) -> io::Result<()> {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut writer = Writer { out, in_head: false, links: Vec::new(), code, block: None };
    Parser::new_ext(text, options).try_for_each(|event| writer.event(event))
}

struct Writer<'o> {
    out: &'o mut dyn Write,
    /// True within the head of a table.
    in_head: bool,
    /// True for each open link that is written as one.
    links: Vec<bool>,
    code: &'o mut CodeWriter,
    /// Language and text of the open code block.
    block: Option<(String, String)>,
}

impl Writer<'_> {
    fn event(&mut self, event: Event<'_>) -> io::Result<()> {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => match &mut self.block {
                Some((_, code)) => {
                    code.push_str(&text);
                    Ok(())
                }
                None => write_escaped(self.out, &text),
            },
            Event::Code(code) | Event::InlineMath(code) | Event::DisplayMath(code) => {
                self.raw("<code>")?;
                write_escaped(self.out, &code)?;
                self.raw("</code>")
            }
            // Agents break lines on purpose.
            Event::SoftBreak | Event::HardBreak => self.raw("<br>\n"),
            Event::Rule => self.raw("<hr>\n"),
            Event::TaskListMarker(done) => self.raw(if done { "☑ " } else { "☐ " }),
            Event::FootnoteReference(name) => write_escaped(self.out, &name),
        }
    }

    fn start(&mut self, tag: Tag<'_>) -> io::Result<()> {
        match tag {
            Tag::Heading { level, .. } => write!(self.out, "<h{}>", level_below(level)),
            Tag::CodeBlock(kind) => {
                self.raw("<pre><code")?;
                let mut fence = String::new();
                if let CodeBlockKind::Fenced(language) = kind
                    && !language.is_empty()
                {
                    language.split([' ', ',']).next().unwrap_or_default().clone_into(&mut fence);
                    self.raw(" class=\"language-")?;
                    write_escaped(self.out, &fence)?;
                    self.raw("\"")?;
                }
                self.block = Some((fence, String::new()));
                self.raw(">")
            }
            Tag::List(Some(first)) => writeln!(self.out, "<ol start=\"{first}\">"),
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => self.link(&dest_url),
            Tag::TableHead => {
                self.in_head = true;
                self.raw("<thead><tr>")
            }
            Tag::Table(_) => self.raw("<div class=\"wide\"><table>"),
            Tag::TableCell => self.raw(if self.in_head { "<th>" } else { "<td>" }),
            tag => self.named(tag.to_end(), false),
        }
    }

    fn end(&mut self, tag: TagEnd) -> io::Result<()> {
        match tag {
            TagEnd::Heading(level) => writeln!(self.out, "</h{}>", level_below(level)),
            TagEnd::CodeBlock => {
                if let Some((fence, code)) = self.block.take() {
                    self.code.write(self.out, &fence, &code)?;
                }
                self.raw("</code></pre>\n")
            }
            TagEnd::Link | TagEnd::Image => {
                let is_link = self.links.pop().unwrap_or(false);
                self.raw(if is_link { "</a>" } else { "" })
            }
            TagEnd::TableHead => {
                self.in_head = false;
                self.raw("</tr></thead>\n")
            }
            TagEnd::Table => self.raw("</table></div>\n"),
            TagEnd::TableCell => self.raw(if self.in_head { "</th>" } else { "</td>" }),
            tag => self.named(tag, true),
        }
    }

    /// Writes an element without attributes.
    fn named(&mut self, tag: TagEnd, ends: bool) -> io::Result<()> {
        let name = match tag {
            TagEnd::Paragraph => "p",
            TagEnd::BlockQuote(_) => "blockquote",
            TagEnd::List(true) => "ol",
            TagEnd::List(false) => "ul",
            TagEnd::Item => "li",
            TagEnd::TableRow => "tr",
            TagEnd::Emphasis => "em",
            TagEnd::Strong => "strong",
            TagEnd::Strikethrough => "del",
            TagEnd::Superscript => "sup",
            TagEnd::Subscript => "sub",
            // Raw HTML is text, and everything else has no mark of its own.
            _ => return Ok(()),
        };
        let is_inline = matches!(name, "em" | "strong" | "del" | "sup" | "sub");
        let (slash, line_end) = (if ends { "/" } else { "" }, if ends && !is_inline { "\n" } else { "" });
        write!(self.out, "<{slash}{name}>{line_end}")
    }

    fn link(&mut self, address: &str) -> io::Result<()> {
        let is_link = ["https://", "http://", "mailto:"]
            .iter()
            .any(|scheme| address.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)));
        self.links.push(is_link);
        if !is_link {
            return Ok(());
        }
        self.raw("<a rel=\"noreferrer noopener\" href=\"")?;
        write_escaped(self.out, address)?;
        self.raw("\">")
    }

    fn raw(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(text.as_bytes())
    }
}

/// Level of a heading within an entry: the page and its prompts have the first two.
fn level_below(level: HeadingLevel) -> usize {
    (level as usize + 2).min(6)
}
