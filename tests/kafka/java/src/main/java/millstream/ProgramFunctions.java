package millstream;

import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.streams.KeyValue;

/** The functions that programs name. They take nulls, and their results stay short. */
final class ProgramFunctions {
    private static final int LONGEST = 8;

    private ProgramFunctions() {}

    static String show(String text) {
        return String.valueOf(text);
    }

    static String cut(String text) {
        return text.length() > LONGEST ? text.substring(text.length() - LONGEST) : text;
    }

    static boolean starts(String text, String with) {
        return text != null && text.startsWith(with);
    }

    static String value(String f, String k, String v) {
        return switch (f) {
            case "mark" -> v == null ? null : cut(v + "'");
            case "lower" -> v == null ? null : v.toLowerCase();
            case "null_c" -> starts(v, "c") ? null : v;
            case "show" -> show(v);
            case "first" -> v == null ? null : v.isEmpty() ? "" : v.substring(0, 1);
            case "key" -> k;
            default -> throw new IllegalArgumentException("value function " + f);
        };
    }

    static String key(String f, String k, String v) {
        return switch (f) {
            case "first" -> value("first", k, v);
            case "value" -> v;
            case "const" -> "x";
            case "same" -> k;
            case "null_b" -> starts(v, "b") ? null : k;
            case "upper" -> k == null ? null : k.toUpperCase();
            default -> throw new IllegalArgumentException("key function " + f);
        };
    }

    static boolean holds(String f, String k, String v) {
        return switch (f) {
            case "not_a" -> !starts(v, "a");
            case "short" -> show(v).length() < 3;
            case "has_key" -> k != null;
            case "has_value" -> v != null;
            case "even" -> show(v).length() % 2 == 0;
            default -> throw new IllegalArgumentException("predicate " + f);
        };
    }

    static String join(String f, String l, String r) {
        return switch (f) {
            case "plus" -> cut(show(l) + "+" + show(r));
            case "null_same" -> show(l).equals(show(r)) ? null : cut(show(l) + "+" + show(r));
            case "left" -> l;
            case "right" -> r;
            default -> throw new IllegalArgumentException("joiner " + f);
        };
    }

    static String reduce(String f, String a, String b) {
        return switch (f) {
            case "concat" -> cut(show(a) + show(b));
            case "max" -> show(a).compareTo(show(b)) < 0 ? b : a;
            case "last" -> b;
            case "null_b" -> starts(b, "b") ? null : cut(show(a) + show(b));
            default -> throw new IllegalArgumentException("reducer " + f);
        };
    }

    static String subtract(String a, String b) {
        return cut(show(a) + "-" + show(b));
    }

    static String merge(String a, String b) {
        return cut("(" + show(a) + show(b) + ")");
    }

    static List<String> characters(String v) {
        List<String> found = new ArrayList<>();
        for (int at = 0; v != null && at < Math.min(3, v.length()); at++) {
            found.add(v.substring(at, at + 1));
        }
        return found;
    }

    static List<KeyValue<String, String>> twice(String k, String v) {
        return List.of(KeyValue.pair(k, v), KeyValue.pair(key("first", k, v), value("mark", k, v)));
    }

    static String dated(String k, String v, long time) {
        return starts(v, "d") ? null : show(k) + show(v) + "@" + time;
    }

    static String windowed(String k, long start, long end) {
        return show(k) + "@" + start + "/" + end;
    }
}
