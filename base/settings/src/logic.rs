//! `and`, `or`, `not` over questions, read once for everybody who writes conditions: routes, rows of mappings.
//! In: text, how a name is cut from it. Out: a tree whose questions are still words with their places; the first fault.
//! Bounded in length and depth before anything is evaluated. Absent: what a name means, which questions may be asked.

/// Longest condition, in characters.
pub const CHARACTERS_MAX: usize = 4096;
/// Deepest nesting of parentheses and `not`.
pub const DEPTH_MAX: usize = 32;

/// Truth of a condition over its questions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Logic<Q> {
    /// A question.
    Question(Q),
    /// `not a`.
    Not(Box<Logic<Q>>),
    /// `a and b`; of none: it holds.
    And(Vec<Logic<Q>>),
    /// `a or b`.
    Or(Vec<Logic<Q>>),
}

/// A question as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// What is asked about.
    pub name: Word,
    /// Texts it is compared with: `==`, `in`, and under `not`: `!=`. `None`: the name stands alone.
    pub wanted: Option<Vec<Word>>,
}

/// A word or a text, and where it stands, in characters from the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// Without its quotes.
    pub text: String,
    /// First character, quotes included.
    pub offset: usize,
    /// Characters, quotes included.
    pub length: usize,
    /// Whether it had quotes.
    pub quoted: bool,
}

/// What is wrong, in French.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogicFault {
    /// First character; behind the last one when something is missing there.
    pub offset: usize,
    /// How many characters.
    pub length: usize,
    /// What is wrong.
    pub sentence: String,
    /// What to do.
    pub remedy: String,
}

impl<Q> Logic<Q> {
    /// Truth, each question answered by `answer`, which is told whether it stands positively: under no `not`, or two.
    pub fn truth(&self, answer: &dyn Fn(&Q, bool) -> bool) -> bool {
        self.truth_there(true, answer)
    }

    fn truth_there(&self, positive: bool, answer: &dyn Fn(&Q, bool) -> bool) -> bool {
        match self {
            Self::Question(question) => answer(question, positive),
            Self::Not(inner) => !inner.truth_there(!positive, answer),
            Self::And(all) => all.iter().all(|inner| inner.truth_there(positive, answer)),
            Self::Or(any) => any.iter().any(|inner| inner.truth_there(positive, answer)),
        }
    }

    /// Visits every question, in order, with whether it stands positively.
    pub fn each<'l>(&'l self, visit: &mut dyn FnMut(&'l Q, bool)) {
        self.each_there(true, visit);
    }

    fn each_there<'l>(&'l self, positive: bool, visit: &mut dyn FnMut(&'l Q, bool)) {
        match self {
            Self::Question(question) => visit(question, positive),
            Self::Not(inner) => inner.each_there(!positive, visit),
            Self::And(inner) | Self::Or(inner) => {
                inner.iter().for_each(|inner| inner.each_there(positive, visit));
            }
        }
    }

    /// The same tree over other questions. Errors: the first that `turn` gives, in the order of the text.
    pub fn turned<R, E>(self, turn: &mut dyn FnMut(Q) -> Result<R, E>) -> Result<Logic<R>, E> {
        let mut all = |inner: Vec<Self>| -> Result<Vec<Logic<R>>, E> {
            inner.into_iter().map(|one| one.turned(turn)).collect()
        };
        Ok(match self {
            Self::And(inner) => Logic::And(all(inner)?),
            Self::Or(inner) => Logic::Or(all(inner)?),
            Self::Question(question) => Logic::Question(turn(question)?),
            Self::Not(inner) => Logic::Not(Box::new(inner.turned(turn)?)),
        })
    }
}

/// Reads a condition. `name`: how many characters of a text a name takes at its start, 0 when none begins there.
/// `example` ends the remedies.
pub fn read(
    text: &str,
    name: fn(&[char]) -> usize,
    example: &'static str,
) -> Result<Logic<Asked>, LogicFault> {
    let characters: Vec<char> = text.chars().collect();
    let end = characters.len();
    if end > CHARACTERS_MAX {
        let sentence = format!("cette condition dépasse {CHARACTERS_MAX} caractères");
        return Err(LogicFault {
            offset: 0,
            length: 60,
            sentence,
            remedy: "la couper en plusieurs".to_owned(),
        });
    }
    let tokens = tokens(&characters, name, example)?;
    let mut parser = Parser { tokens, at: 0, end, example };
    let logic = parser.any(0)?;
    match parser.peek() {
        None => Ok(logic),
        Some(extra) => Err(LogicFault {
            offset: extra.offset,
            length: extra.length,
            sentence: "la condition est finie ici".to_owned(),
            remedy: "relier par and ou or, ou retirer ce qui suit".to_owned(),
        }),
    }
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    /// A name, `and`, `or`, `not`, `in`.
    Name,
    /// A text between quotes.
    Text,
    Sign(&'static str),
}

struct Placed {
    token: Token,
    text: String,
    offset: usize,
    length: usize,
}

const SIGNS: [&str; 7] = ["==", "!=", "(", ")", "[", "]", ","];

fn tokens(characters: &[char], name: fn(&[char]) -> usize, example: &str) -> Result<Vec<Placed>, LogicFault> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&character) = characters.get(at) {
        if character.is_whitespace() {
            at += 1;
            continue;
        }
        let rest = &characters[at..];
        let fault = |length, sentence: String, remedy: &str| LogicFault {
            offset: at,
            length,
            sentence,
            remedy: remedy.to_owned(),
        };
        let starts = |sign: &&str| sign.chars().enumerate().all(|(at, wanted)| rest.get(at) == Some(&wanted));
        let (token, text, length) = if let Some(sign) = SIGNS.into_iter().find(starts) {
            (Token::Sign(sign), String::new(), sign.len())
        } else if character == '"' || character == '\'' {
            let Some(length) = rest[1..].iter().position(|c| *c == character) else {
                let sentence = "ce texte n'est pas fermé".to_owned();
                return Err(fault(rest.len(), sentence, "ajouter le guillemet de fin"));
            };
            (Token::Text, rest[1..=length].iter().collect(), length + 2)
        } else {
            match name(rest) {
                0 => return Err(fault(1, format!("« {character} » n'a pas de sens ici"), example)),
                length => (Token::Name, rest[..length].iter().collect(), length),
            }
        };
        tokens.push(Placed { token, text, offset: at, length });
        at += length;
    }
    Ok(tokens)
}

struct Parser {
    tokens: Vec<Placed>,
    at: usize,
    end: usize,
    example: &'static str,
}

impl Parser {
    fn peek(&self) -> Option<&Placed> {
        self.tokens.get(self.at)
    }

    fn takes(&mut self, token: Token, text: &str) -> bool {
        let found = self.peek().is_some_and(|placed| placed.token == token && placed.text == text);
        self.at += usize::from(found);
        found
    }

    fn takes_word(&mut self, word: &str) -> bool {
        self.takes(Token::Name, word)
    }

    fn takes_sign(&mut self, sign: &'static str) -> bool {
        self.takes(Token::Sign(sign), "")
    }

    fn expected(&self, what: &str) -> LogicFault {
        let (offset, length) = self.peek().map_or((self.end, 1), |placed| (placed.offset, placed.length));
        let remedy = self.example.to_owned();
        LogicFault { offset, length, sentence: format!("ici est attendu {what}"), remedy }
    }

    fn any(&mut self, depth: usize) -> Result<Logic<Asked>, LogicFault> {
        let mut items = vec![self.all(depth)?];
        while self.takes_word("or") {
            items.push(self.all(depth)?);
        }
        Ok(one_or(items, Logic::Or))
    }

    fn all(&mut self, depth: usize) -> Result<Logic<Asked>, LogicFault> {
        let mut items = vec![self.one(depth)?];
        while self.takes_word("and") {
            items.push(self.one(depth)?);
        }
        Ok(one_or(items, Logic::And))
    }

    fn one(&mut self, depth: usize) -> Result<Logic<Asked>, LogicFault> {
        if depth >= DEPTH_MAX {
            return Err(self.expected(&format!("une fin : plus de {DEPTH_MAX} niveaux")));
        }
        if self.takes_word("not") {
            return Ok(Logic::Not(Box::new(self.one(depth + 1)?)));
        }
        if self.takes_sign("(") {
            let inner = self.any(depth + 1)?;
            if !self.takes_sign(")") {
                return Err(self.expected("une parenthèse fermante"));
            }
            return Ok(inner);
        }
        self.question()
    }

    fn question(&mut self) -> Result<Logic<Asked>, LogicFault> {
        let name = match self.word(false) {
            Some(name) if !["and", "or", "in"].contains(&name.text.as_str()) => name,
            _ => return Err(self.expected("une question, et non la fin, un texte ou un mot de liaison")),
        };
        self.at += 1;
        let (wanted, negative) = if self.takes_sign("==") {
            (Some(vec![self.value()?]), false)
        } else if self.takes_sign("!=") {
            (Some(vec![self.value()?]), true)
        } else if self.takes_word("in") {
            (Some(self.values()?), false)
        } else {
            (None, false)
        };
        let question = Logic::Question(Asked { name, wanted });
        Ok(if negative { Logic::Not(Box::new(question)) } else { question })
    }

    fn word(&self, quoted: bool) -> Option<Word> {
        let placed = self.peek()?;
        let kind = if quoted { Token::Text } else { Token::Name };
        let Placed { text, offset, length, .. } = placed;
        (placed.token == kind).then(|| Word { text: text.clone(), offset: *offset, length: *length, quoted })
    }

    /// A text, or a bare word: whether that is allowed depends on the name.
    fn value(&mut self) -> Result<Word, LogicFault> {
        let word = self.word(true).or_else(|| self.word(false));
        let word = word.ok_or_else(|| self.expected("un texte entre guillemets"))?;
        self.at += 1;
        Ok(word)
    }

    fn values(&mut self) -> Result<Vec<Word>, LogicFault> {
        if !self.takes_sign("[") {
            return Err(self.expected("un crochet ouvrant"));
        }
        let mut values = vec![self.value()?];
        while self.takes_sign(",") {
            values.push(self.value()?);
        }
        if !self.takes_sign("]") {
            return Err(self.expected("une virgule ou un crochet fermant"));
        }
        Ok(values)
    }
}

fn one_or(mut items: Vec<Logic<Asked>>, many: fn(Vec<Logic<Asked>>) -> Logic<Asked>) -> Logic<Asked> {
    if items.len() == 1 { items.remove(0) } else { many(items) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(rest: &[char]) -> usize {
        rest.iter().take_while(|c| c.is_ascii_alphanumeric() || **c == '.').count()
    }

    #[test]
    fn questions_are_told_with_their_places_and_whether_they_stand_positively() {
        let logic = read("a == 'x' and not (b or not c != \"y\")", plain, "").unwrap();
        let mut told = Vec::new();
        logic.each(&mut |asked, positive| told.push((asked.name.text.as_str(), asked.name.offset, positive)));
        assert_eq!(told, [("a", 0, true), ("b", 18, false), ("c", 27, false)]);
        assert!(logic.truth(&|asked, _| asked.name.text == "a"));
        assert!(!logic.truth(&|asked, _| asked.name.text != "c"));
        let turned = logic.turned(&mut |asked| if asked.name.text == "b" { Err("b") } else { Ok(1) });
        assert_eq!(turned, Err("b"));
    }

    #[test]
    fn length_and_depth_are_bounded_exactly() {
        let nested = |depth: usize| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
        assert!(read(&nested(DEPTH_MAX - 1), plain, "").is_ok());
        assert!(read(&nested(DEPTH_MAX), plain, "").is_err());
        assert!(read(&format!("{:CHARACTERS_MAX$}", "a"), plain, "").is_ok());
        assert!(read(&format!("{:1$}", "a", CHARACTERS_MAX + 1), plain, "").is_err());
    }
}
