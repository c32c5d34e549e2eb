//! Makes a program that differs small.

use super::super::case::RawRecord;
use super::program::{Kind, Program};
use super::soundness::is_sound;

/// A small program of which `differs` still holds.
pub(super) fn shrink(mut program: Program, mut differs: impl FnMut(&Program) -> bool) -> Program {
    loop {
        let before = program.clone();
        fewer_steps(&mut program, &mut differs);
        fewer_operators(&mut program, &mut differs);
        simpler_details(&mut program, &mut differs);
        if program == before {
            return program;
        }
    }
}

fn fewer_steps(program: &mut Program, differs: &mut impl FnMut(&Program) -> bool) {
    let mut chunk = program.steps.len().div_ceil(2);
    while chunk > 0 {
        let mut from = 0;
        while from < program.steps.len() {
            let mut smaller = program.clone();
            let to = (from + chunk).min(smaller.steps.len());
            smaller.steps.drain(from..to);
            if differs(&smaller) {
                *program = smaller;
            } else {
                from += chunk;
            }
        }
        chunk /= 2;
    }
}

fn fewer_operators(program: &mut Program, differs: &mut impl FnMut(&Program) -> bool) {
    let mut at = program.operators.len();
    while at > 0 {
        at = (at - 1).min(program.operators.len().saturating_sub(1));
        let candidates = [without(program, at, true), without(program, at, false)];
        for smaller in candidates.into_iter().flatten() {
            if is_sound(&smaller) && differs(&smaller) {
                *program = smaller;
                break;
            }
        }
    }
}

/// Without an operator: what took its result takes what it took, or goes too.
fn without(program: &Program, at: usize, bridged: bool) -> Option<Program> {
    let kinds = program.kinds();
    let operators = &program.operators;
    let bridge = operators.get(at)?.of.iter().find(|of| kinds[**of] == kinds[at]);
    let bridge = bridge.copied().filter(|_| bridged);
    let mut gone = vec![false; operators.len()];
    let mut places = Vec::new();
    let mut smaller = Program { operators: Vec::new(), ..program.clone() };
    for (place, operator) in operators.iter().enumerate() {
        let mut operator = operator.clone();
        gone[place] = place == at
            || operator.of.iter().any(|of| gone[*of] && !(*of == at && bridge.is_some()));
        places.push(smaller.operators.len());
        if gone[place] {
            continue;
        }
        for of in &mut operator.of {
            let through = if *of == at { bridge.unwrap_or(*of) } else { *of };
            *of = places[through];
        }
        smaller.operators.push(operator);
    }
    // Input for sources that are gone.
    let read: Vec<String> = smaller.topics().collect();
    let is_read = |input: &RawRecord| read.contains(&input.topic);
    smaller.steps.retain(|step| step.input.as_ref().is_none_or(is_read));
    let has_end = smaller.kinds().contains(&Kind::Nothing) || !smaller.operators.is_empty();
    has_end.then_some(smaller)
}

fn simpler_details(program: &mut Program, differs: &mut impl FnMut(&Program) -> bool) {
    let mut attempt = |program: &mut Program, change: &dyn Fn(&mut Program)| {
        let mut simpler = program.clone();
        change(&mut simpler);
        if simpler != *program && is_sound(&simpler) && differs(&simpler) {
            *program = simpler;
        }
    };
    for setting in program.config.clone().keys() {
        attempt(program, &|program| drop(program.config.remove(setting)));
    }
    for at in 0..program.operators.len() {
        attempt(program, &|program| program.operators[at].no_cache = false);
        attempt(program, &|program| program.operators[at].no_log = false);
        attempt(program, &|program| program.operators[at].grace = 0);
        if program.operators[at].is("aggregate") {
            attempt(program, &|program| program.operators[at].by = None);
        }
        attempt(program, &|program| program.operators[at].versioned = None);
        attempt(program, &|program| program.operators[at].records = None);
    }
    for at in 0..program.steps.len() {
        attempt(program, &|program| {
            if let Some(input) = &mut program.steps[at].input {
                input.headers.clear();
            }
        });
    }
}
