//! What the value of a setting looks like, and its one canonical text.

/// A kind of value.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// `yes` or `no`.
    Bool,
    /// An integer from the first to the second.
    Int(i64, i64),
    /// Bytes, with units (`1k` 1000, `1kb` 1024), up to the bound.
    Memory(u64),
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// One word.
    Text,
    /// Any number of words, at most so many.
    Words(usize),
    /// `save SECONDS CHANGES…`, or one empty word.
    Save,
    /// `client-output-buffer-limit CLASS HARD SOFT SECONDS…`.
    OutputLimits,
}

/// The classes of `client-output-buffer-limit`.
const CLASSES: [&str; 3] = ["normal", "slave", "pubsub"];

impl Kind {
    /// The canonical text of these words; `before` is the text until now, for kinds that are set in parts. The error is the
    /// reason in redis-server's words.
    pub fn canonical(self, words: &[&str], before: &str) -> Result<String, String> {
        let wrong_number = || Err("Bad directive or wrong number of arguments".to_owned());
        match (self, words) {
            (Kind::Words(most), _) if words.len() <= most => Ok(words.join(" ").trim().to_owned()),
            (Kind::Save, _) => save(words),
            (Kind::OutputLimits, _) => output_limits(words, before),
            (Kind::Words(_), _) => wrong_number(),
            (_, [word]) => self.one(word),
            _ => wrong_number(),
        }
    }

    fn one(self, word: &str) -> Result<String, String> {
        match self {
            Kind::Bool => match word.to_ascii_lowercase().as_str() {
                lower @ ("yes" | "no") => Ok(lower.to_owned()),
                _ => Err("argument must be 'yes' or 'no'".into()),
            },
            Kind::Int(low, high) => match word.parse::<i64>() {
                Ok(number) if (low..=high).contains(&number) => Ok(number.to_string()),
                Ok(_) => Err(format!("argument must be between {low} and {high} inclusive")),
                Err(_) => Err("argument couldn't be parsed into an integer".into()),
            },
            Kind::Memory(high) => match memory(word) {
                Some(bytes) if bytes <= high => Ok(bytes.to_string()),
                Some(_) => Err(format!("argument must be between 0 and {high} inclusive")),
                None => Err("argument must be a memory value".into()),
            },
            Kind::OneOf(names) => {
                let lower = word.to_ascii_lowercase();
                let known = names.contains(&lower.as_str());
                let said = || format!("argument(s) must be one of the following: {}", names.join(", "));
                if known { Ok(lower) } else { Err(said()) }
            }
            _ => Ok(word.to_owned()),
        }
    }
}

/// Bytes of a memory value: digits and a unit.
pub fn memory(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" => 1_000,
        "kb" => 1 << 10,
        "m" => 1_000_000,
        "mb" => 1 << 20,
        "g" => 1_000_000_000,
        "gb" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}

fn save(words: &[&str]) -> Result<String, String> {
    let words: Vec<_> = words.iter().flat_map(|word| word.split_whitespace()).collect();
    let numbers = words.iter().all(|word| word.parse::<u32>().is_ok());
    if words.len().is_multiple_of(2) && numbers {
        Ok(words.join(" "))
    } else {
        Err("Invalid save parameters".into())
    }
}

/// Puts the named classes into the text of all three.
fn output_limits(words: &[&str], before: &str) -> Result<String, String> {
    let words: Vec<_> = words.iter().flat_map(|word| word.split_whitespace()).collect();
    let mut all: Vec<String> = before.split(' ').map(str::to_owned).collect();
    let (rows, rest) = words.as_chunks::<4>();
    if !rest.is_empty() || rows.is_empty() {
        return Err("Wrong number of arguments in buffer limit configuration.".into());
    }
    for [class, hard, soft, seconds] in rows {
        let class =
            if class.eq_ignore_ascii_case("replica") { "slave".into() } else { class.to_ascii_lowercase() };
        let place = CLASSES.iter().position(|known| *known == class);
        let place = place.ok_or("Invalid client class specified in buffer limit configuration.")?;
        let values = memory(hard).zip(memory(soft)).zip(seconds.parse::<u32>().ok());
        let ((hard, soft), seconds) =
            values.ok_or("Error in hard, soft or soft_seconds setting in buffer limit configuration.")?;
        let new = [class, hard.to_string(), soft.to_string(), seconds.to_string()];
        if let Some(row) = all.get_mut(place * 4..place * 4 + 4) {
            row.clone_from_slice(&new);
        }
    }
    Ok(all.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_has_units_of_two_sorts() {
        for (text, bytes) in [
            ("0", Some(0)),
            ("1k", Some(1_000)),
            ("1Kb", Some(1_024)),
            ("2mb", Some(2 << 20)),
            ("3g", Some(3_000_000_000)),
            ("10b", Some(10)),
            ("1x", None),
            ("", None),
            ("-1", None),
            ("99999999999999999999gb", None),
        ] {
            assert_eq!(memory(text), bytes, "{text}");
        }
    }

    #[test]
    fn a_class_of_output_limits_is_set_without_the_others() {
        let before = "normal 0 0 0 slave 1 2 3 pubsub 4 5 6";
        let kind = Kind::OutputLimits;
        assert_eq!(
            kind.canonical(&["pubsub", "1kb", "0", "9"], before).unwrap(),
            "normal 0 0 0 slave 1 2 3 pubsub 1024 0 9"
        );
        assert_eq!(
            kind.canonical(&["normal 1 1 1 replica 7 7 7"], before).unwrap(),
            "normal 1 1 1 slave 7 7 7 pubsub 4 5 6"
        );
        for bad in [&["x", "1", "1", "1"][..], &["normal", "1"], &["normal", "x", "1", "1"]] {
            assert!(kind.canonical(bad, before).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn save_is_pairs_of_numbers() {
        assert_eq!(Kind::Save.canonical(&["3600", "1", "300", "100"], "").unwrap(), "3600 1 300 100");
        assert_eq!(Kind::Save.canonical(&[""], "60 1").unwrap(), "");
        assert!(Kind::Save.canonical(&["60"], "").is_err());
    }
}
