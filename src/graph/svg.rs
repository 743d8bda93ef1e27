//! The picture as SVG: senders on the left, routes in the middle, receivers on the right, light or dark like its reader.
//! In: a picture. Out: one self-contained drawing. Every condition stands on the line it is about: nothing overlaps.

use std::fmt::Write as _;

use super::{Card, End, Picture, Target};

const MARGIN: usize = 24;
const PARTNER: (usize, usize) = (176, 44);
const CARD_WIDTH: usize = 460;
/// Between two columns, and between two boxes of one.
const ALLEY: usize = 132;
const GAP: usize = 22;
const LINE: usize = 22;
const HEAD: usize = 56;
/// Characters that fit on a line of a card.
const FIT: usize = 66;

const STYLE: &str = "
svg { color-scheme: light dark; --ink: #1c2733; --soft: #5b6b7b; --card: #ffffff; --edge: #c9d3dd; --back: #f4f7fa;
  --go: #1f6f8b; --back-way: #9a6324; --hand: #6b4fa0 }
@media (prefers-color-scheme: dark) { svg { --ink: #e6edf3; --soft: #9fb0c0; --card: #1b2530; --edge: #3a4856;
  --back: #121a22; --go: #6cc3de; --back-way: #e0aa6a; --hand: #b9a2ea } }
.back { fill: var(--back) } .box { fill: var(--card); stroke: var(--edge) }
text { fill: var(--ink); font: 13px system-ui, sans-serif } .name { font-weight: 600; font-size: 15px }
.soft { fill: var(--soft) } .code { font-family: ui-monospace, monospace; font-size: 12px }
.way { fill: none; stroke-width: 1.6 } .go { stroke: var(--go) } .hand { stroke: var(--hand) }
.reply { stroke: var(--back-way); stroke-dasharray: 5 4 } .rule { stroke: var(--edge) }
marker path { stroke: none } #go path { fill: var(--go) } #hand path { fill: var(--hand) } #reply path { fill: var(--back-way) }
";

/// A box of a column.
struct Placed {
    top: usize,
    height: usize,
}

impl Placed {
    fn middle(&self) -> usize {
        self.top + self.height / 2
    }
}

impl Card {
    fn height(&self) -> usize {
        HEAD + LINE * (self.steps.len() + self.to.len() + self.reply.len()) + 14
    }

    /// Middle of a line, from the top of the card.
    fn line(at: usize) -> usize {
        HEAD + LINE * at + LINE / 2 + 6
    }
}

impl Picture {
    /// A whole SVG file.
    pub(crate) fn to_svg(&self) -> String {
        let mut cards: Vec<Placed> = Vec::new();
        for card in &self.routes {
            let top = cards.last().map_or(MARGIN, |last| last.top + last.height + GAP);
            cards.push(Placed { top, height: card.height() });
        }
        let (sources, sinks) = (self.sources(), self.sinks());
        let left = column(&sources, |end| self.near(&cards, |card| card.from.as_ref() == Some(end)));
        let right = column(&sinks, |end| self.near(&cards, |card| card.goes_to(end)));
        let columns = [&cards, &left, &right];
        let bottom =
            columns.into_iter().flatten().map(|placed| placed.top + placed.height).max().unwrap_or(0);
        let (card_x, right_x) = (MARGIN + PARTNER.0 + ALLEY, MARGIN + PARTNER.0 + 2 * ALLEY + CARD_WIDTH);
        let (width, height) = (right_x + PARTNER.0 + MARGIN, bottom + MARGIN);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
             role=\"img\" aria-label=\"Routes\">\n<style>{STYLE}</style>\n<defs>{}{}{}</defs>\n\
             <rect class=\"back\" width=\"{width}\" height=\"{height}\" rx=\"10\"/>\n",
            marker("go"),
            marker("hand"),
            marker("reply"),
        );
        for (end, placed) in sources.iter().zip(&left) {
            partner(&mut svg, end, MARGIN, placed);
        }
        for (end, placed) in sinks.iter().zip(&right) {
            partner(&mut svg, end, right_x, placed);
        }
        for (card, placed) in self.routes.iter().zip(&cards) {
            draw_card(&mut svg, card, card_x, placed);
        }
        for (card, placed) in self.routes.iter().zip(&cards) {
            let source = card.from.as_ref().and_then(|from| sources.iter().position(|end| end == from));
            if let Some(at) = source {
                let way = curve((MARGIN + PARTNER.0, left[at].middle()), (card_x, placed.top + 24));
                way_of(&mut svg, "go", &way);
            }
            for (at, arrow) in card.to.iter().enumerate() {
                let from = (card_x + CARD_WIDTH, placed.top + Card::line(card.steps.len() + at));
                match &arrow.target {
                    Target::Partner(end) => {
                        let Some(to) = sinks.iter().position(|sink| sink == end) else { continue };
                        way_of(&mut svg, "go", &curve(from, (right_x, right[to].middle())));
                    }
                    Target::Route(name) => {
                        let Some(to) = self.routes.iter().position(|card| card.name == *name) else {
                            continue;
                        };
                        let to = (card_x + CARD_WIDTH, cards[to].top + 24);
                        way_of(&mut svg, "hand", &bend(from, to));
                    }
                }
            }
            for (at, end) in card.reply.iter().enumerate() {
                let line = Card::line(card.steps.len() + card.to.len() + at);
                let Some(to) = sources.iter().position(|source| source == end) else { continue };
                let to = (MARGIN + PARTNER.0, left[to].middle() + 10);
                way_of(&mut svg, "reply", &curve((card_x, placed.top + line), to));
            }
        }
        svg + "</svg>\n"
    }

    fn sources(&self) -> Vec<End> {
        let ends = self.routes.iter().flat_map(|card| card.from.iter().chain(&card.reply));
        distinct(ends)
    }

    fn sinks(&self) -> Vec<End> {
        let ends = self.routes.iter().flat_map(|card| &card.to).filter_map(|arrow| match &arrow.target {
            Target::Partner(end) => Some(end),
            Target::Route(_) => None,
        });
        distinct(ends)
    }

    /// Middle of the cards that a partner has to do with.
    fn near(&self, cards: &[Placed], concerns: impl Fn(&Card) -> bool) -> usize {
        let middles: Vec<_> = self
            .routes
            .iter()
            .zip(cards)
            .filter(|(card, _)| concerns(card))
            .map(|(_, placed)| placed.middle())
            .collect();
        middles.iter().sum::<usize>() / middles.len().max(1)
    }
}

impl Card {
    fn goes_to(&self, end: &End) -> bool {
        self.to.iter().any(|arrow| matches!(&arrow.target, Target::Partner(to) if to == end))
    }
}

fn distinct<'e>(ends: impl Iterator<Item = &'e End>) -> Vec<End> {
    let mut seen: Vec<End> = Vec::new();
    for end in ends {
        if !seen.contains(end) {
            seen.push(end.clone());
        }
    }
    seen
}

/// Boxes one under the other, each as near as may be to what it is tied to.
fn column(ends: &[End], near: impl Fn(&End) -> usize) -> Vec<Placed> {
    let mut free = MARGIN;
    ends.iter()
        .map(|end| {
            let top = near(end).saturating_sub(PARTNER.1 / 2).max(free);
            free = top + PARTNER.1 + GAP;
            Placed { top, height: PARTNER.1 }
        })
        .collect()
}

fn marker(name: &str) -> String {
    format!(
        "<marker id=\"{name}\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" \
         orient=\"auto-start-reverse\"><path d=\"M0 0 8 4 0 8z\"/></marker>"
    )
}

fn partner(svg: &mut String, end: &End, x: usize, placed: &Placed) {
    let (width, height, top) = (PARTNER.0, placed.height, placed.top);
    let _ = writeln!(
        svg,
        "<g><rect class=\"box\" x=\"{x}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" rx=\"22\"/>\
         <text class=\"name\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>\
         <text class=\"soft code\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text></g>",
        x + width / 2,
        top + 20,
        short(&end.partner, 20),
        x + width / 2,
        top + 35,
        short(&end.connector, 22),
    );
}

fn draw_card(svg: &mut String, card: &Card, x: usize, placed: &Placed) {
    let accept = if card.accept.is_empty() { "tout" } else { &card.accept };
    let accept = if card.from.is_some() { accept } else { "ce que d'autres routes transmettent" };
    let _ = writeln!(
        svg,
        "<g><rect class=\"box\" x=\"{x}\" y=\"{}\" width=\"{CARD_WIDTH}\" height=\"{}\" rx=\"8\"/>\
         <text class=\"name\" x=\"{}\" y=\"{}\">{}</text>\
         <text class=\"soft code\" x=\"{}\" y=\"{}\">{}</text>",
        placed.top,
        placed.height,
        x + 14,
        placed.top + 24,
        short(&card.name, 40),
        x + 14,
        placed.top + 44,
        short(accept, FIT),
    );
    let steps = card.steps.iter().map(|step| {
        let note = if step.note.is_empty() { String::new() } else { format!(" · {}", step.note) };
        format!("{} {}{note}", step.kind, step.what)
    });
    let to = card.to.iter().map(|arrow| {
        let when = if arrow.when.is_empty() { String::new() } else { format!(" · {}", arrow.when) };
        let note = if arrow.note.is_empty() { String::new() } else { format!(" · {}", arrow.note) };
        let name = match &arrow.target {
            Target::Partner(end) => end.partner.clone(),
            Target::Route(name) => format!("route {name}"),
        };
        format!("→ {name}{note}{when}")
    });
    let reply = card.reply.iter().map(|end| format!("← {} · comptes rendus", end.partner));
    for (at, text) in steps.chain(to).chain(reply).enumerate() {
        let y = placed.top + Card::line(at);
        if at == 0 || at == card.steps.len() {
            let rule = y - LINE / 2;
            let _ = writeln!(svg, "<path class=\"rule\" d=\"M{} {rule}H{}\"/>", x + 10, x + CARD_WIDTH - 10);
        }
        let _ = writeln!(
            svg,
            "<text class=\"code\" x=\"{}\" y=\"{}\">{}</text>",
            x + 14,
            y + 4,
            short(&text, FIT)
        );
    }
    svg.push_str("</g>\n");
}

type Point = (usize, usize);

/// From one column to another.
fn curve((x, y): Point, (to_x, to_y): Point) -> String {
    let middle = usize::midpoint(x, to_x);
    format!("M{x} {y}C{middle} {y} {middle} {to_y} {to_x} {to_y}")
}

/// From a card to another one of the same column.
fn bend((x, y): Point, (to_x, to_y): Point) -> String {
    let out = x + ALLEY / 2;
    format!("M{x} {y}C{out} {y} {out} {to_y} {to_x} {to_y}")
}

fn way_of(svg: &mut String, kind: &str, way: &str) {
    let _ = writeln!(svg, "<path class=\"way {kind}\" d=\"{way}\" marker-end=\"url(#{kind})\"/>");
}

/// A text that fits, escaped; what is cut is told by the browser when one points at it.
fn short(text: &str, fit: usize) -> String {
    if text.chars().count() <= fit {
        return escaped(text);
    }
    let kept: String = text.chars().take(fit - 1).collect();
    format!("{}…<title>{}</title>", escaped(&kept), escaped(text))
}

/// As text of XML.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            control if control.is_control() => escaped.push(' '),
            other => escaped.push(other),
        }
    }
    escaped
}
