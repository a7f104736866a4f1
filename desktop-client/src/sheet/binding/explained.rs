//! Why a formula shows an error, in words for the person.

/// The sentence for what a cell shows instead of a value, such as `#DIV/0!`; `None` for one that this version does not know.
pub(super) fn explained(error: &str) -> Option<&'static str> {
    Some(match error {
        "#ERROR!" => "This formula cannot be read",
        "#DIV/0!" => "Something is divided by zero",
        "#NAME?" => "A name or function is not known",
        "#REF!" => "It refers to a cell or sheet that is not there",
        "#VALUE!" => "A value is of the wrong kind",
        "#NUM!" => "A number is out of range",
        "#N/A" => "A value is not available",
        "#NULL!" => "Two ranges have no cell in common",
        "#CIRC!" => "It refers to itself",
        "#SPILL!" => "There is no room for all values",
        "#CALC!" | "#N/IMPL!" => "This cannot be computed",
        "#LIMIT!" => "It takes too much time or memory",
        _ => return None,
    })
}
