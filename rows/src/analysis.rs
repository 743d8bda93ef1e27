//! What conditions can and cannot be together, before any message: every combination of answers is tried.
//! In: conditions of rows. Out: worlds; whether one exists where something holds, told in the words of the file.
//! Bounded: over the limits nothing is concluded, and nothing is refused.

use crate::{
    condition::{Condition, Topic},
    format::Format,
};

/// Combinations tried.
const WORLDS_MAX: usize = 20_000;
/// Texts asked of one topic that several may answer at once.
const TEXTS_MAX: usize = 8;

/// Everything a set of conditions asks, and every way it can be answered.
#[derive(Debug)]
pub(crate) struct Space {
    topics: Vec<(Topic, Vec<String>)>,
    worlds: Vec<World>,
}

/// One way to answer: for each topic the texts that stand there, as bits; one bit more for another text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct World(Vec<u32>);

impl Space {
    /// The space of these conditions; `None` when it is too large to be searched.
    pub(crate) fn of<'c, F: Format>(conditions: impl IntoIterator<Item = &'c Condition<F>>) -> Option<Self> {
        let mut topics: Vec<(Topic, Vec<String>)> = Vec::new();
        for question in conditions.into_iter().flat_map(|condition| &condition.questions) {
            let at = topics.iter().position(|(topic, _)| *topic == question.topic).unwrap_or_else(|| {
                let texts = question.topic.closed.clone().unwrap_or_default();
                topics.push((question.topic.clone(), texts));
                topics.len() - 1
            });
            for text in &question.wanted {
                if !topics[at].1.iter().any(|known| **known == **text) {
                    topics[at].1.push(text.to_string());
                }
            }
        }
        let mut worlds = vec![World(Vec::new())];
        for (topic, texts) in &topics {
            let answers = answers(topic, texts.len())?;
            if worlds.len().checked_mul(answers.len())? > WORLDS_MAX {
                return None;
            }
            let longer = |world: &World| {
                let with = |answer: &u32| World(world.0.iter().copied().chain([*answer]).collect());
                answers.iter().map(with).collect::<Vec<_>>()
            };
            worlds = worlds.iter().flat_map(longer).collect();
        }
        Some(Self { topics, worlds })
    }

    /// A world where this holds.
    pub(crate) fn find(&self, holds: impl Fn(&World) -> bool) -> Option<&World> {
        self.worlds.iter().find(|world| holds(world))
    }

    /// Whether a condition holds in a world; none at all always does.
    pub(crate) fn holds<F: Format>(&self, condition: Option<&Condition<F>>, world: &World) -> bool {
        condition.is_none_or(|condition| {
            condition.expression.truth(&|at, _| {
                let question = &condition.questions[*at];
                let known = self.topics.iter().zip(&world.0).find(|((topic, _), _)| *topic == question.topic);
                known.is_some_and(|((_, texts), answer)| {
                    let asked = |text: &String| question.wanted.iter().any(|wanted| **wanted == **text);
                    let bits =
                        texts.iter().enumerate().filter(|(_, text)| asked(text)).map(|(bit, _)| 1 << bit);
                    if question.wanted.is_empty() { *answer != 0 } else { *answer & bits.sum::<u32>() != 0 }
                })
            })
        })
    }

    /// A world in the words of the file: `PV1-2 = I, ZBE-5 absent`.
    pub(crate) fn tell(&self, world: &World) -> String {
        let told = self.topics.iter().zip(&world.0).map(|((topic, texts), answer)| {
            let said: Vec<&str> =
                (0..texts.len()).filter(|bit| answer & (1 << bit) != 0).map(|bit| &*texts[bit]).collect();
            match (said.is_empty(), answer) {
                (_, 0) => format!("{} absent", topic.name),
                (true, _) if texts.is_empty() => format!("{} présent", topic.name),
                (true, _) => format!("{} autre que {}", topic.name, texts.join(", ")),
                (false, _) => format!("{} = {}", topic.name, said.join(" et ")),
            }
        });
        told.collect::<Vec<_>>().join(", ")
    }
}

fn answers(topic: &Topic, texts: usize) -> Option<Vec<u32>> {
    if topic.several {
        return (texts <= TEXTS_MAX).then(|| (0..1 << (texts + 1)).collect());
    }
    let one = |count: usize| (0..count).map(|bit| 1_u32 << bit);
    match &topic.closed {
        Some(closed) => Some(one(closed.len()).collect()),
        None if texts < 31 => Some([0].into_iter().chain(one(texts + 1)).collect()),
        None => None,
    }
}
