//! The functions that programs name: the same as in Java. They take nulls, and their results stay short.

use super::super::topologies::Text;

const LONGEST: usize = 8;

pub(super) fn show(text: &Text) -> &str {
    text.as_deref().unwrap_or("null")
}

pub(super) fn cut(text: String) -> Text {
    let from = text.len().saturating_sub(LONGEST);
    Some(text[from..].to_owned())
}

pub(super) fn starts(text: &Text, with: char) -> bool {
    text.as_deref().is_some_and(|text| text.starts_with(with))
}

fn first(text: &Text) -> Text {
    Some(text.as_ref()?.chars().take(1).collect())
}

pub(super) fn value(f: &str, k: &Text, v: Text) -> Text {
    match f {
        "mark" => cut(v? + "'"),
        "lower" => Some(v?.to_lowercase()),
        "null_c" => v.filter(|v| !v.starts_with('c')),
        "show" => Some(show(&v).to_owned()),
        "first" => first(&v),
        "key" => k.clone(),
        _ => panic!("value function {f}"),
    }
}

pub(super) fn key(f: &str, k: &Text, v: &Text) -> Text {
    match f {
        "first" => first(v),
        "value" => v.clone(),
        "const" => Some("x".to_owned()),
        "same" => k.clone(),
        "null_b" => k.clone().filter(|_| !starts(v, 'b')),
        "upper" => Some(k.as_ref()?.to_uppercase()),
        _ => panic!("key function {f}"),
    }
}

pub(super) fn holds(f: &str, k: &Text, v: &Text) -> bool {
    match f {
        "not_a" => !starts(v, 'a'),
        "short" => show(v).len() < 3,
        "has_key" => k.is_some(),
        "has_value" => v.is_some(),
        "even" => show(v).len().is_multiple_of(2),
        _ => panic!("predicate {f}"),
    }
}

pub(super) fn join(f: &str, l: Text, r: Text) -> Text {
    let plus = || cut(format!("{}+{}", show(&l), show(&r)));
    match f {
        "plus" => plus(),
        "null_same" => plus().filter(|_| show(&l) != show(&r)),
        "left" => l,
        "right" => r,
        _ => panic!("joiner {f}"),
    }
}

pub(super) fn reduce(f: &str, a: Text, b: Text) -> Text {
    let concat = || cut(format!("{}{}", show(&a), show(&b)));
    match f {
        "concat" => concat(),
        "max" if show(&a) < show(&b) => b,
        "max" => a,
        "last" => b,
        "null_b" => concat().filter(|_| !starts(&b, 'b')),
        _ => panic!("reducer {f}"),
    }
}

pub(super) fn subtract(a: Text, b: Text) -> Text {
    cut(format!("{}-{}", show(&a), show(&b)))
}

pub(super) fn merge(a: Text, b: Text) -> Text {
    cut(format!("({}{})", show(&a), show(&b)))
}

pub(super) fn characters(v: Text) -> Vec<Text> {
    v.unwrap_or_default().chars().take(3).map(|c| Some(c.to_string())).collect()
}

pub(super) fn twice(k: Text, v: Text) -> [(Text, Text); 2] {
    let marked = value("mark", &k, v.clone());
    let by_first = first(&v);
    [(k, v), (by_first, marked)]
}

pub(super) fn dated(k: &Text, v: &Text, time: i64) -> Text {
    (!starts(v, 'd')).then(|| format!("{}{}@{time}", show(k), show(v)))
}

pub(super) fn windowed(k: &Text, start: i64, end: i64) -> Text {
    Some(format!("{}@{start}/{end}", show(k)))
}
