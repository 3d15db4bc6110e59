//! Mutation of JSON as such: bytes changed at random are no JSON as a rule, and are refused at once.

use libfuzzer_sys::fuzzer_mutate;
use serde_json::{Value, json};

/// Changes a value of the body or of an event in it, or the events; now and then only bytes.
pub fn mutate(data: &mut [u8], size: usize, most: usize, seed: u32) -> usize {
    let mut dice = Dice(u64::from(seed) | 1 << 40);
    let body = data[..size].get(4..).filter(|_| dice.below(4) > 0);
    let mutated = body.and_then(|body| std::str::from_utf8(body).ok()).and_then(|body| {
        let mut body = body.to_owned();
        for _ in 0..=dice.below(3) {
            body = json_text(&body, &mut dice).or_else(|| events(&body, &mut dice))?;
        }
        Some(body)
    });
    match mutated {
        Some(body) if body.len() + 4 <= most => {
            data[4..4 + body.len()].copy_from_slice(body.as_bytes());
            body.len() + 4
        }
        _ => fuzzer_mutate(data, size, most),
    }
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % end.max(1)
    }
}

fn json_text(text: &str, dice: &mut Dice) -> Option<String> {
    let mut whole = serde_json::from_str::<Value>(text).ok()?;
    let donor = any(&mut whole, dice).clone();
    let place = any(&mut whole, dice);
    match (dice.below(6), place) {
        (0, Value::Object(fields)) if !fields.is_empty() => {
            let name = fields.keys().nth(dice.below(fields.len()))?.clone();
            fields.remove(&name);
        }
        (0, Value::Array(list)) if !list.is_empty() => {
            list.remove(dice.below(list.len()));
        }
        (1, Value::Array(list)) => list.insert(dice.below(list.len() + 1), donor),
        (2, Value::Object(fields)) if !fields.is_empty() => {
            let name = fields.keys().nth(dice.below(fields.len()))?.clone();
            fields.insert(name, donor);
        }
        (3, place) => *place = donor,
        (_, place) => *place = new_value(dice),
    }
    serde_json::to_string(&whole).ok()
}

fn new_value(dice: &mut Dice) -> Value {
    let values = [
        json!(null),
        json!(true),
        json!(0),
        json!(1),
        json!(-1),
        json!(4_294_967_296_u64),
        json!(u64::MAX),
        json!(28.0),
        json!(0.5),
        json!(1e300),
        json!(""),
        json!("a"),
        json!("ä\"\\\u{1F600}"),
        json!("{\"a\":[1,"),
        json!("data:image/png;base64,AAAA"),
        json!([]),
        json!(["a", null, 1]),
        json!([{}]),
        json!({}),
        json!({ "type": "text", "text": "a" }),
    ];
    let at = dice.below(values.len());
    values[at].clone()
}

/// Any value within this one, itself included.
fn any<'a>(whole: &'a mut Value, dice: &mut Dice) -> &'a mut Value {
    let deeper = match whole {
        Value::Array(list) => !list.is_empty() && dice.below(8) > 0,
        Value::Object(fields) => !fields.is_empty() && dice.below(8) > 0,
        _ => false,
    };
    if !deeper {
        return whole;
    }
    match whole {
        Value::Array(list) => {
            let at = dice.below(list.len());
            any(&mut list[at], dice)
        }
        Value::Object(fields) => {
            let at = dice.below(fields.len());
            any(fields.values_mut().nth(at).expect("it is below the length"), dice)
        }
        whole => whole,
    }
}

/// The same for the events of a stream: one is changed, left out, said twice or moved.
fn events(stream: &str, dice: &mut Dice) -> Option<String> {
    let gap = if stream.contains("\r\n\r\n") { "\r\n\r\n" } else { "\n\n" };
    let mut events: Vec<String> = stream.split(gap).map(str::to_owned).collect();
    let at = dice.below(events.len());
    let other = dice.below(events.len());
    match dice.below(8) {
        0 => drop(events.remove(at)),
        1 => events.insert(other, events[at].clone()),
        2 => events.swap(at, other),
        3 => {
            // The one's name over the other's data.
            let (name, _) = events[other].split_once("data:")?;
            let (_, data) = events[at].split_once("data:")?;
            events[at] = format!("{name}data:{data}");
        }
        _ => {
            let (before, data) = events[at].split_once("data:")?;
            let data = json_text(data.trim(), dice)?;
            events[at] = format!("{before}data: {data}");
        }
    }
    Some(events.join(gap))
}
