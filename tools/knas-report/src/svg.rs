//! A small writer of SVG.

use std::fmt::{self, Display, Write as _};

use maud::{Markup, PreEscaped, Render};

/// One picture, in pixels from the upper left.
#[derive(Debug)]
pub struct Svg {
    /// Width of the picture.
    pub width: f64,
    /// Height of the picture.
    pub height: f64,
    /// What the picture shows, for those who cannot see it.
    pub title: String,
    body: String,
}

/// Text with everything that means something in HTML or XML written so that
/// it does not, in text and in quoted attributes. What XML cannot hold becomes
/// U+FFFD.
pub struct Escaped<'t>(pub &'t str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars().map(visible) {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                _ => f.write_char(character)?,
            }
        }
        Ok(())
    }
}

impl Render for Escaped<'_> {
    fn render_to(&self, html: &mut String) {
        // Writing to a String cannot fail.
        let _ = write!(html, "{self}");
    }
}

/// The character, or one that is seen in the place of one that is not: of
/// those that XML cannot hold or that would turn the text around them.
pub fn visible(character: char) -> char {
    match character {
        '\t' | '\n' => ' ',
        '\u{fffe}' | '\u{ffff}' => '\u{fffd}',
        _ if character.is_control() || is_bidi_control(character) => '\u{fffd}',
        _ => character,
    }
}

/// Characters that would turn the text around them.
fn is_bidi_control(character: char) -> bool {
    matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A length with one decimal, which is finer than anyone sees.
pub struct Px(pub f64);

impl Display for Px {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = (self.0 * 10.0).round() as i64;
        if tenths % 10 == 0 {
            write!(f, "{}", tenths / 10)
        } else {
            write!(f, "{:.1}", tenths as f64 / 10.0)
        }
    }
}

impl Svg {
    /// An empty picture.
    pub fn new(width: f64, height: f64, title: impl Into<String>) -> Self {
        Self {
            width,
            height,
            title: title.into(),
            body: String::new(),
        }
    }

    /// A line of a style class.
    pub fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        self.raw(format_args!(
            "<line class=\"{class}\" x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\"/>",
            Px(from.0),
            Px(from.1),
            Px(to.0),
            Px(to.1)
        ));
    }

    /// A rectangle; `hint` is shown by browsers where the pointer rests.
    pub fn rect(&mut self, class: &str, at: (f64, f64), size: (f64, f64), hint: &str) {
        let hint = match hint {
            "" => String::new(),
            hint => format!("<title>{}</title>", Escaped(hint)),
        };
        self.raw(format_args!(
            "<rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\">{hint}</rect>",
            Px(at.0),
            Px(at.1),
            Px(size.0),
            Px(size.1)
        ));
    }

    /// A circle.
    pub fn circle(&mut self, class: &str, at: (f64, f64), radius: f64) {
        self.raw(format_args!(
            "<circle class=\"{class}\" cx=\"{}\" cy=\"{}\" r=\"{}\"/>",
            Px(at.0),
            Px(at.1),
            Px(radius)
        ));
    }

    /// A path.
    pub fn path(&mut self, class: &str, data: &str) {
        self.raw(format_args!("<path class=\"{class}\" d=\"{data}\"/>"));
    }

    /// A line of text. Classes `start`, `middle` and `end` say which part of
    /// it lies at `at`.
    pub fn text(&mut self, class: &str, at: (f64, f64), text: &str) {
        self.raw(format_args!(
            "<text class=\"{class}\" x=\"{}\" y=\"{}\">{}</text>",
            Px(at.0),
            Px(at.1),
            Escaped(text)
        ));
    }

    /// Opens a group, to be closed with [`Svg::end`].
    pub fn group(&mut self, attributes: impl Display) {
        self.raw(format_args!("<g {attributes}>"));
    }

    /// Closes a group.
    pub fn end(&mut self) {
        self.raw("</g>");
    }

    /// SVG as it is.
    pub fn raw(&mut self, svg: impl Display) {
        // Writing to a String cannot fail.
        let _ = write!(self.body, "{svg}");
    }

    /// The picture as an element of a page, with further `attributes`.
    pub fn element(&self, attributes: &str) -> Markup {
        PreEscaped(format!(
            "<svg {attributes} viewBox=\"0 0 {w} {h}\" width=\"{w}\" height=\"{h}\" role=\"img\" \
             aria-label=\"{}\">{}</svg>",
            Escaped(&self.title),
            self.body,
            w = Px(self.width),
            h = Px(self.height)
        ))
    }

    /// The picture as a file of its own, with its style sheet: as large as it
    /// was drawn, or as large as fits into `size`.
    pub fn file(&self, style: &str, size: Option<(f64, f64)>, titled: bool) -> String {
        let scale = size.map_or(1.0, |(width, height)| {
            (width / self.width).min(height / self.height)
        });
        let title = match titled {
            true => format!("<title>{}</title>", Escaped(&self.title)),
            false => String::new(),
        };
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" width=\"{}\" \
             height=\"{}\">{title}<style>{style}</style>\
             <rect class=\"paper\" width=\"100%\" height=\"100%\"/>{}</svg>\n",
            Px(self.width),
            Px(self.height),
            Px(self.width * scale),
            Px(self.height * scale),
            self.body,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_its_element() {
        let text = Escaped("</text><script>alert('1')</script>\" onload=\"x&\u{0}\u{202e}\n");
        assert_eq!(
            text.to_string(),
            "&lt;/text&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&quot; \
             onload=&quot;x&amp;\u{fffd}\u{fffd} "
        );
    }

    #[test]
    fn lengths_are_short() {
        let shown = [12.0, 12.04, 12.06, -0.04, -3.25].map(|value| Px(value).to_string());
        assert_eq!(shown, ["12", "12", "12.1", "0", "-3.3"]);
    }
}
