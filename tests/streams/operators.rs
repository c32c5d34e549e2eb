//! Edge cases of the operators on streams, as rows: what goes in and what comes out. A null is `-`.

use millstream::KStream;
use millstream::testing::check;

type Text = KStream<String, String>;

/// The value `-` as a null.
pub(crate) fn nulls(stream: &Text) -> KStream<String, Option<String>> {
    stream.map_values(|value| (value != "-").then_some(value))
}

/// The key `-` as a null.
pub(crate) fn null_keys(stream: &Text) -> KStream<Option<String>, String> {
    stream.map(|key, value| ((key != "-").then_some(key), value))
}

#[test]
fn one_in_any_out() {
    check(|s| s.flat_map(|_, _| Vec::<(String, String)>::new()), "a:1 b:2", "");
    check(|s| s.flat_map(|k, v| (v == "2").then_some((v, k))), "a:1 b:2", "2:b");
    check(|s| s.flat_map_values(|_| Vec::<String>::new()), "a:1 b:2", "");
    check(
        |s| s.flat_map_values(|v| v.split(',').map(str::to_owned).collect::<Vec<_>>()),
        "a:x,y b:",
        "a:x a:y b:",
    );
    check(|s| s.flat_map_values_with_key(|k, v| vec![v; k.len()]), "aa:1 :2", "aa:1 aa:1");
    check(|s| s.filter(|_, _| false), "a:1", "");
    check(|s| s.filter(|k, _| k == "a").filter_not(|_, v| v == "1"), "a:1 a:2 b:3", "a:2");
}

#[test]
fn nulls_pass_through_what_only_looks() {
    check(|s| nulls(&s), "a:1 b:-", "a:1 b:-");
    check(|s| nulls(&s).filter(|_, v| v.is_none()), "a:1 b:-", "b:-");
    check(|s| nulls(&s).map_values(|v| v.is_some()), "a:1 b:-", "a:true b:false");
    check(
        |s| nulls(&s).peek(|_, _| {}).select_key(|_, v| v.is_some()),
        "a:1 b:-",
        "true:1 false:-",
    );
    check(|s| null_keys(&s), "a:1 -:2", "a:1 -:2");
    check(|s| null_keys(&s).map_values(|v| v + "!"), "-:1", "-:1!");
    check(|s| null_keys(&s).merge(&null_keys(&s)), "-:1", "-:1 -:1");
    check(|s| nulls(&s).map(|k, v| (v, Some(k))), "a:1 b:-", "1:a -:b");
}

#[test]
fn an_empty_text_is_no_null() {
    check(|s| nulls(&s), ":", ":");
    check(|s| s.group_by_key().count("n").to_stream(), ":x :y a:", ":1 :2 a:1");
    check(|s| s.to_table("t").to_stream(), "a: :b", "a: :b");
    check(|s| s.select_key(|_, _| String::new()).repartition("r"), "a:1", ":1");
}

#[test]
fn null_keys_do_not_get_through_a_repartitioning() {
    check(|s| null_keys(&s).repartition("r"), "a:1 -:2 b:3", "a:1 b:3");
    check(|s| null_keys(&s).group_by_key().count("n").to_stream(), "-:1 a:2 -:3 a:4", "a:1 a:2");
    check(
        |s| s.group_by(|_, v| (v != "x").then(|| v.clone())).count("n").to_stream(),
        "a:1 b:x",
        "1:1",
    );
    check(|s| null_keys(&s).to_table("t").named("t").to_stream(), "-:1 a:2", "a:2");
    check(|s| nulls(&s).repartition("r"), "a:- b:1", "a:- b:1");
}

#[test]
fn aggregations_leave_nulls_out() {
    check(|s| nulls(&s).group_by_key().count("n").to_stream(), "a:x a:- a:y b:-", "a:1 a:2");
    let both = |a: Option<String>, b: Option<String>| Some(a.unwrap() + &b.unwrap());
    check(
        move |s| nulls(&s).group_by_key().reduce("r", both).to_stream(),
        "a:x a:- a:y",
        "a:x a:xy",
    );
    let join = |_: &String, v: Option<String>, all: String| all + &v.unwrap();
    check(
        move |s| nulls(&s).group_by_key().aggregate("a", String::new, join).to_stream(),
        "a:x a:- a:y",
        "a:x a:xy",
    );
}

#[test]
fn a_result_that_is_null_deletes() {
    let drop = |_: Option<String>, _: Option<String>| None;
    check(|s| nulls(&s).group_by_key().reduce("r", drop).to_stream(), "a:1 a:2 a:3", "a:1 a:- a:3");
    let until_x = |_: &String, v: String, n: Option<i64>| (v != "x").then(|| n.unwrap_or(0) + 1);
    check(
        |s| s.group_by_key().aggregate("a", || None, until_x).to_stream(),
        "a:1 a:2 a:x a:1 b:x",
        "a:1 a:2 a:- a:1",
    );
}

#[test]
fn timestamps() {
    check(|s| s.map(|k, v| (v, k)).flat_map_values(|v| [v.clone(), v]), "a:1@7", "1:a@7 1:a@7");
    check(
        |s| s.group_by_key().count("n").to_stream(),
        "a:x@10 a:y@5 a:z@12",
        "a:1@10 a:2@10 a:3@12",
    );
    let concat = |a: String, b: String| a + &b;
    check(|s| s.group_by_key().reduce("r", concat).to_stream(), "a:1@10 a:2@5", "a:1@10 a:12@10");
    check(|s| s.group_by(|_, v| v.clone()).count("n").to_stream(), "a:x@3 b:x@2", "x:1@3 x:2@3");
    check(|s| s.to_table("t").to_stream(), "a:1@10 a:2@5", "a:1@10 a:2@5");
    check(|s| s.repartition("r"), "a:1@8", "a:1@8");
}

#[test]
fn splits() {
    fn split(stream: &Text, default: bool) -> Text {
        let mut split = stream.split();
        let first = split.branch(|_, v| v.starts_with('1')).map_values(|v| v + "-first");
        let second = split.branch(|_, v| v.ends_with('1')).map_values(|v| v + "-second");
        let both = first.merge(&second);
        if default { both.merge(&split.default_branch()) } else { both }
    }
    check(|s| split(&s, true), "a:11 b:21 c:3", "a:11-first b:21-second c:3");
    check(|s| split(&s, false), "a:11 b:21 c:3", "a:11-first b:21-second");
    check(|s| s.split().default_branch(), "a:1", "a:1");
}

#[test]
fn children_hear_of_a_record_in_the_order_they_were_added() {
    check(
        |s| {
            let (one, two) = (s.map_values(|v| v + "1"), s.map_values(|v| v + "2"));
            two.merge(&one).merge(&s)
        },
        "a:x b:y",
        "a:x1 a:x2 a:x b:y1 b:y2 b:y",
    );
}

#[test]
fn grouping_after_grouping() {
    check(
        |s| {
            let counts = s.group_by(|_, v| v.clone()).count("first").to_stream();
            counts.group_by(|_, n| n.unwrap_or(0)).count("second").to_stream()
        },
        "a:x b:x c:y",
        "1:1 2:1 1:2",
    );
    check(
        |s| s.group_by_key().count("one").to_stream().map_values(|n| n.map(|n| n * 2)),
        "a:x a:y",
        "a:2 a:4",
    );
}

#[test]
fn wide_and_long_values() {
    let long = "x".repeat(100_000);
    let (input, expected) = (format!("{long}:{long}"), format!("{long}:1"));
    check(|s| s.group_by_key().count("n").to_stream(), &input, &expected);
    check(|s| s.group_by(|_, v| v.clone()).count("n").to_stream(), "ключ:значение", "значение:1");
}
